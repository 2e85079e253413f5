//! Whose fault a failed job was, by texts as robots and Orchestrator write them.

use punctual::policy::fault::{Told, decide};
use punctual::run::FaultClass;

fn info(text: &str) -> (FaultClass, Option<String>) {
    let fault = decide(&Told { info: Some(text), ..Told::default() });
    (fault.class, fault.account)
}

#[test]
fn a_refused_logon_is_the_accounts_and_names_it() {
    for (text, account) in [
        (
            "Could not start executor. Logon failed for user ACME\\Robot1. The user name or password is incorrect. \
             (0x0000052E). Last error: 131092. RDP connection failed.\r\n   at UiPath.Robot.Service.Session()",
            Some("acme\\robot1"),
        ),
        (
            "Could not start executor. Logon failed for user acme\\robot1, the account is locked out (0x00000775)",
            Some("acme\\robot1"),
        ),
        ("Could not start executor. The password of this account has expired (0x00000532)", None),
        ("Could not start executor. Rdp connection failed: Message: …, Last error: 131092", None),
        ("Executor konnte nicht gestartet werden. Benutzername oder Kennwort ist falsch. (0x0000052E)", None),
    ] {
        assert_eq!(info(text), (FaultClass::Account, account.map(str::to_owned)), "{text}");
    }
}

#[test]
fn sessions_services_and_machines_are_infrastructure() {
    for text in [
        "Job faulted due to service shutdown or disconnect.",
        "Could not start executor. Rdp connection failed: Message: The connection transport layer failed., Last error: 131085",
        "Could not start executor. Rdp connection failed: Message: The user logged off. Last error: 65548",
        "Could not start executor. A specified logon session does not exist. It may already have been terminated. (0x80070520)",
        "Could not start executor. User is running another job. Waiting for the job to finish timed out.",
        "Could not start executor. Creating user session timed out.",
        "The job was transitioned to a faulted state as a result of a cleanup action for jobs in Terminating state.",
        "System.Exception: Job stopped with an unexpected exit code: 0x40010004\r\n   at UiPath.Robot.Service.Job()",
        "Could not obtain the user token",
    ] {
        assert_eq!(info(text), (FaultClass::Infrastructure, None), "{text}");
    }
}

#[test]
fn a_business_rule_is_one_only_where_the_exception_is_named() {
    for text in [
        "UiPath.Core.BusinessRuleException: Invoice 17 has no order number",
        "Invoice 17 has no order number\r\n\r\nin Main.xaml\r\n    at Throw \"no order\"\r\n\r\nUiPath.Core.BusinessRuleException: Invoice 17 has no order number",
        "Throw: Invoice is not ours\nException Type: UiPath.Core.BusinessRuleException",
        "System.Exception: outer ---> UiPath.Core.BusinessRuleException: inner",
    ] {
        assert_eq!(info(text).0, FaultClass::Business, "{text}");
    }
    for text in [
        "UiPath.Excel.BusinessException: Error opening workbook. Make sure Excel is installed.",
        "Assign: could not cast 'a BusinessRuleException was thrown' to Int32",
        "Log says \"BusinessRuleException\" and nothing more",
    ] {
        assert_eq!(info(text).0, FaultClass::Application, "{text}");
    }
}

#[test]
fn what_a_workflow_says_of_passwords_and_users_is_the_workflows() {
    for text in [
        "Read PDF Text: The password is incorrect.",
        "Type Into: could not find the element 'user name or password is incorrect'",
        "Connect to Database: Login failed for user 'sa'. account is locked",
        "SAP Logon: password has expired\r\n\r\nin Main.xaml",
        "Could not find the user-interface (UI) element for this action.",
        "System.NullReferenceException: Object reference not set to an instance of an object.",
        "",
    ] {
        assert_eq!(info(text), (FaultClass::Application, None), "{text}");
    }
}

#[test]
fn it_is_read_wherever_it_is_told() {
    let text = "Could not start executor. Logon failed for user A\\b. (0x0000052E)";
    let tellings = [
        Told { title: Some("Robot error"), detail: Some(text), ..Told::default() },
        Told { title: Some(text), ..Told::default() },
        Told { info: Some(text), code: Some("Robot"), ..Told::default() },
        // The fields are there and empty, as new robots send them.
        Told { code: Some(""), title: Some(""), detail: Some(""), info: Some(text) },
    ];
    for told in tellings {
        let fault = decide(&told);
        assert_eq!((fault.class, fault.account.as_deref()), (FaultClass::Account, Some("a\\b")), "{told:?}");
    }
}
