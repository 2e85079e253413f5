//! What faulted jobs say, and how much of it.

use punctual::sandbox::{Complaint, Failure, JobError, Mishap, Telling};

use super::*;

const ACCOUNT: &str = r"ACME\robot07";

/// Each fault, a piece of its text, its code, and who speaks.
const MISHAPS: [(Mishap, &str, &str, &str); 19] = [
    (Mishap::LogonFailed, r"Logon failed for user ACME\robot07. The user name or password", "0x0000052E", "Robot"),
    (Mishap::PasswordExpired, r"for user ACME\robot07. The password for this account has exp", "0x00000532", "Robot"),
    (Mishap::AccountLocked, r"for user ACME\robot07. The referenced account is currently lo", "0x00000775", "Robot"),
    (Mishap::BusinessRule, "UiPath.Core.BusinessRuleException: ", "UiPath.Core.BusinessRuleException", "Robot"),
    (Mishap::ServiceShutdown, "Job faulted due to service shutdown", "Robot", "Robot"),
    (Mishap::RdpTransport, "Rdp connection failed: Message: The connection transport layer", "131085", "Robot"),
    (Mishap::SessionLoggedOff, "logging off their session on the server. Last error: 65548", "65548", "Robot"),
    (Mishap::LogonSessionGone, "A specified logon session does not exist.", "0x80070520", "Robot"),
    (Mishap::UserBusy, "User is running another job.", "Robot", "Robot"),
    (Mishap::NoUserToken, "Could not obtain the user token from Orchestrator.", "Orchestrator", "Orchestrator"),
    (Mishap::CleanedUp, "transitioned to a faulted state", "Orchestrator", "Orchestrator"),
    (Mishap::WorkstationInUse, "The workstation is in use by another user.", "Robot", "Robot"),
    (Mishap::NoRobotUnits, "Automation cannot be started.", "License", "License"),
    (Mishap::WorkflowException, "System.SystemException: It was not possible", "System.SystemException", "Robot"),
    (Mishap::ForegroundBusy, "A foreground process is already running.", "Robot", "Robot"),
    (Mishap::ExcelException, "UiPath.Excel.BusinessException: ", "UiPath.Excel.BusinessException", "Robot"),
    (
        Mishap::DocumentPassword,
        "Message: The password is incorrect.",
        "UiPath.DocumentUnderstanding.Digitizer.Exceptions.PdfException",
        "Robot",
    ),
    (Mishap::ExitCode, "unexpected exit code: 0xE0434352", "0xE0434352", "Robot"),
    (Mishap::ProcessKilled, "unexpected exit code: 0x40010004", "0x40010004", "Robot"),
];

impl Stage {
    /// A job with this fault, once it has it.
    async fn faulted(&self, fault: Fault) -> Value {
        self.control.push_fault(fault);
        let id = self.start("Heartbeat", "r").await;
        self.pass(1);
        let job = self.shown(id).await;
        assert_eq!(job["State"], "Faulted");
        job
    }
}

#[tokio::test]
async fn every_fault_is_told_in_three_ways() {
    let stage = stage().await;
    for (mishap, text, code, speaker) in MISHAPS {
        let failure = Failure::new(mishap).account(ACCOUNT);
        let job = stage.faulted(Fault::Fails(failure.clone())).await;
        assert!(job["Info"].as_str().unwrap().contains(text), "{mishap:?}: {}", job["Info"]);
        assert_eq!((&job["JobError"], &job["ErrorCode"]), (&json!({}), &json!(speaker)), "{mishap:?}");

        let whole = stage.faulted(Fault::Fails(failure.clone().told(Telling::Whole))).await;
        assert_eq!((&whole["Info"], &whole["JobError"]["detail"]), (&job["Info"], &job["Info"]), "{mishap:?}");
        assert_eq!(whole["JobError"]["code"], code, "{mishap:?}");
        assert!(["User", "Deployment", "System"].contains(&whole["JobError"]["category"].as_str().unwrap()));

        let bare = stage.faulted(Fault::Fails(failure.told(Telling::Code))).await;
        assert_eq!(bare.get("Info"), None, "{mishap:?}");
        assert_eq!(bare["JobError"], json!({"code": code, "timestamp": bare["EndTime"]}), "{mishap:?}");
    }
}

#[tokio::test]
async fn the_account_is_named_by_the_job_and_in_the_text_of_a_logon_that_failed() {
    let stage = stage().await;
    let job = stage.faulted(Fault::Fails(Failure::new(Mishap::LogonFailed).account(ACCOUNT))).await;
    assert_eq!(job["LocalSystemAccount"], ACCOUNT);
    assert_eq!(job["EndTime"], "2026-11-23T08:00:00.700Z", "it ends within a second of its start");
    let other = stage.start("LongReport", "r").await;
    assert_eq!(stage.shown(other).await.get("LocalSystemAccount"), None, "no robot has it yet");
    stage.pass(1);
    assert_eq!(stage.shown(other).await["LocalSystemAccount"], r"sandbox\robot");
}

#[tokio::test]
async fn a_workflow_tells_the_type_of_its_exception_after_the_path_of_activities() {
    let stage = stage().await;
    let job = stage.faulted(Fault::Fails(Failure::new(Mishap::BusinessRule))).await;
    let info = job["Info"].as_str().unwrap();
    let place = |text: &str| info.find(text).unwrap();
    assert!(info.starts_with("Invoice 4711 has no purchase order\r\n\r\nin Process.xaml\r\n"));
    assert!(place("at InvokeWorkflowFile") < place("UiPath.Core.BusinessRuleException: Invoice 4711"));
    assert_eq!(job["EndTime"], "2026-11-23T08:00:01.000Z", "after as long as the process runs");
}

#[tokio::test]
async fn a_job_says_to_the_letter_what_it_is_told_to() {
    let stage = stage().await;
    let text = "rules:\n  - fault: { fails_with: { info: \"Wrong!\", error: { code: User.InvalidCredentials, status: 401 \
                }, error_code: Agent } }\n    count: 1\n  - { fault: { fails_with: {} }, skip: 1, count: 1 }\n";
    stage.control.set_faults(Faults::from_yaml(text).unwrap());
    let ids = [stage.start("Heartbeat", "a").await, stage.start("Heartbeat", "b").await];
    stage.pass(1);
    let (told, silent) = (stage.shown(ids[0]).await, stage.shown(ids[1]).await);
    assert_eq!((&told["Info"], &told["ErrorCode"]), (&json!("Wrong!"), &json!("Agent")));
    let error = json!({"code": "User.InvalidCredentials", "status": 401, "timestamp": told["EndTime"]});
    assert_eq!(told["JobError"], error);
    assert_eq!((silent.get("Info"), &silent["JobError"], silent.get("ErrorCode")), (None, &json!({}), None));
}

#[tokio::test]
async fn a_process_can_always_end_in_a_fault_of_its_own() {
    let complaint =
        Complaint { error: JobError { status: Some(503), ..JobError::default() }, ..Complaint::info("down") };
    let process = ProcessSpec::new("P").taking(Duration::ZERO, Duration::ZERO).ending(RobotResult::Fails(complaint));
    let stage = stage_with(|config| config.tenant.folders[0].processes = vec![process]).await;
    let job = stage.shown(stage.start("P", "r").await).await;
    assert_eq!(
        (&job["Info"], &job["ErrorCode"], &job["JobError"]["status"]),
        (&json!("down"), &json!("Robot"), &json!(503))
    );
}

#[test]
fn each_fault_of_the_page_can_be_read() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/faults.md")).unwrap();
    let example = page.split("```").nth(1).unwrap().strip_prefix("yaml").unwrap();
    assert_eq!(Faults::from_yaml(example).unwrap().rules.len(), example.matches("- {").count());
    let table = page.split("| fault |").nth(1).unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let faults: Vec<&str> =
        rows.flat_map(|row| row.split(" | ").next().unwrap().split('`').skip(1).step_by(2)).collect();
    assert!(faults.len() > 30, "{faults:?}");
    for fault in faults {
        let read = Faults::from_yaml(&format!("rules:\n  - fault: {fault}\n"));
        assert!(read.is_ok(), "{fault}: {}", read.unwrap_err());
    }
    for (wrong, word) in [
        ("{ fails: { with: bad_luck } }", "bad_luck"),
        ("{ fails: { with: exit_code, loud: true } }", "loud"),
        ("{ hang: soon }", "soon"),
        ("{ kill: { ends: stopped } }", "after"),
    ] {
        let error = Faults::from_yaml(&format!("rules:\n  - fault: {wrong}\n")).unwrap_err().to_string();
        assert!(error.contains(word), "{wrong}: {error}");
    }
}

#[test]
fn each_mishap_of_the_page_can_be_read_and_the_page_has_all() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/faults.md")).unwrap();
    let table = page.split("| `with` |").nth(1).unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let names = rows.flat_map(|row| row.split(" | ").next().unwrap().split('`').skip(1).step_by(2));
    let read = |name: &str| match &Faults::from_yaml(&format!("rules:\n  - fault: {{ fails: {{ with: {name} }} }}\n"))
        .unwrap()
        .rules[0]
        .fault
    {
        Fault::Fails(failure) => failure.with,
        other => panic!("{name} is {other:?}"),
    };
    let shown: Vec<Mishap> = names.map(read).collect();
    for (mishap, ..) in MISHAPS {
        assert_eq!(shown.iter().filter(|one| **one == mishap).count(), 1, "{mishap:?}");
    }
    assert_eq!(shown.len(), MISHAPS.len());
}
