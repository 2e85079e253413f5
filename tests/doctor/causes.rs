//! One table: everything that can go wrong between a schedule and a job, and the cause and the cure that a person is told.
//!
//! Its rows are those of the error tables of UiPath's API: the token, the address, the folder, the start.

use punctual::sandbox::{Endpoint, Fault, FaultRule, FolderSpec, Outage, Refusal, Words};

use crate::bench::{Bench, CLIENT, SCHEDULE, file, step};

/// One thing that goes wrong.
struct Row {
    name: &'static str,
    rules: Vec<FaultRule>,
    yaml: String,
    /// The step at which it shows.
    step: &'static str,
    exit: i32,
    /// Words of the finding, the cause and the cure.
    found: &'static [&'static str],
    cause: &'static [&'static str],
    cure: &'static [&'static str],
}

fn on(endpoint: Endpoint, fault: Fault) -> Vec<FaultRule> {
    vec![FaultRule::always(fault).on(endpoint)]
}

fn say(endpoint: Endpoint, status: u16, body: &str) -> Vec<FaultRule> {
    on(endpoint, Fault::Say(Words::json(status, body)))
}

fn oauth(error: &str) -> Vec<FaultRule> {
    say(Endpoint::Token, 400, &format!(r#"{{"error":"{error}"}}"#))
}

fn refuse(endpoint: Endpoint, status: u16, code: i32) -> Vec<FaultRule> {
    on(endpoint, Fault::Refuse(Refusal::code(status, code)))
}

fn auth(scope: &str) -> String {
    format!(
        "{{ grant: client_credentials, client_id: sandbox-client, client_secret: \"file:client-secret\", scope: {scope} }}"
    )
}

const ABP: &str = r#"{"error":{"code":0,"message":"Login failed","details":null,"validationErrors":null},"success":false,"unAuthorizedRequest":true,"__abp":true}"#;
const PROBLEM: &str =
    r#"{"type":"https://tools.ietf.org/html/rfc9110#section-15.5.1","title":"Bad Request","status":400}"#;

/// A row that is right as it stands but for the rules.
fn row(name: &'static str, bench: &Bench, rules: Vec<FaultRule>, step: &'static str, exit: i32) -> Row {
    Row { name, rules, yaml: bench.usual(), step, exit, found: &[], cause: &[], cure: &[] }
}

fn token_rows(bench: &Bench) -> Vec<Row> {
    let url = bench.sandbox.base_url();
    let root = bench.sandbox.root_url();
    let wrong_secret = CLIENT.replace("client-secret", "wrong-secret");
    let reused = "{ grant: refresh_token, client_id: sandbox-client, refresh_token: \"file:dead-token\" }";
    let dead_key =
        "{ grant: refresh_token, style: account, client_id: sandbox-account, refresh_token: \"file:dead-token\" }";
    let password = "{ grant: password, username: sandbox-user, password: \"file:wrong-secret\" }";
    let public = CLIENT.replace("sandbox-client", "public-client");
    let with_token_url = |path: &str| CLIENT.replace(" }", &format!(", token_url: \"{root}{path}\" }}"));
    vec![
        Row {
            yaml: file(&url, &wrong_secret, SCHEDULE),
            found: &["400 `invalid_client`"],
            cause: &["mistyped", "expired", "another organization"],
            cure: &["client_id", "file:", "wrong-secret"],
            ..row("a wrong secret", bench, vec![], "grant", 5)
        },
        Row {
            found: &["`invalid_client`"],
            cause: &["another organization"],
            cure: &["belongs to this organization"],
            ..row("an application of another organization", bench, oauth("invalid_client"), "grant", 5)
        },
        Row {
            yaml: file(&url, &auth("OR.Jobs OR.Execution.Read offline_access"), SCHEDULE),
            cause: &["offline_access"],
            cure: &["take `offline_access` out"],
            ..row("offline_access without a user", bench, vec![], "grant", 5)
        },
        Row {
            yaml: file(&url, &auth("OR.Jobs OR.Jobs.Read OR.Jobs.Write"), SCHEDULE),
            cause: &["whole and in halves"],
            cure: &["both whole and as `.Read` and `.Write`"],
            ..row("a scope with both its halves", bench, vec![], "grant", 5)
        },
        Row {
            yaml: file(&url, &auth("OR.Jobs OR.Robots"), SCHEDULE),
            cause: &["not granted", "other kind"],
            cure: &["granted to the application as an application scope"],
            ..row("a scope that is not granted", bench, vec![], "grant", 5)
        },
        Row {
            yaml: file(&url, reused, SCHEDULE),
            found: &["`invalid_grant`"],
            cause: &["used before", "expired", "revoked", "two programs"],
            cure: &["dead-token"],
            ..row("a spent refresh token", bench, vec![], "grant", 5)
        },
        Row {
            yaml: file(&url, dead_key, SCHEDULE),
            found: &["403 `invalid_grant`"],
            cause: &["revoked"],
            cure: &["new user key", "API Access", "dead-token"],
            ..row("a revoked user key", bench, vec![], "grant", 5)
        },
        Row {
            yaml: file(&url, &public, SCHEDULE),
            found: &["`unauthorized_client`"],
            cause: &["public instead of confidential"],
            cure: &["confidential"],
            ..row("a public application", bench, vec![], "grant", 5)
        },
        Row {
            yaml: file(&url, &with_token_url("/acme/identity/connect/token"), SCHEDULE),
            found: &["web page"],
            cause: &["/identity_/", "/identity/"],
            cure: &["auth.token_url", "/identity_/connect/token"],
            ..row("the path of another kind of server", bench, vec![], "identity", 1)
        },
        Row {
            found: &["200 with a web page"],
            cause: &["login page"],
            cure: &["auth.token_url"],
            ..row("a login page instead of a token", bench, on(Endpoint::Token, Fault::Html), "grant", 1)
        },
        Row {
            found: &["without an `access_token`"],
            cause: &["no token endpoint", "proxy changes"],
            cure: &["auth.token_url"],
            ..row("JSON without a token", bench, say(Endpoint::Token, 200, r#"{"ok":true}"#), "grant", 1)
        },
        Row {
            found: &["not a JSON object"],
            cause: &["no token endpoint"],
            cure: &["auth.token_url"],
            ..row("half an answer", bench, on(Endpoint::Token, Fault::Garble), "grant", 1)
        },
        Row {
            found: &["not a JSON object"],
            cause: &["no token endpoint"],
            ..row(
                "text instead of JSON",
                bench,
                on(
                    Endpoint::Token,
                    Fault::Say(Words {
                        status: 200,
                        body: "ready".to_owned(),
                        content_type: Some("text/plain".to_owned()),
                    }),
                ),
                "grant",
                1,
            )
        },
        Row {
            found: &["`token_type`"],
            cause: &["no token endpoint"],
            ..row(
                "a token of another kind",
                bench,
                say(Endpoint::Token, 200, r#"{"access_token":"abc","token_type":"mac","expires_in":3600}"#),
                "grant",
                1,
            )
        },
        Row {
            found: &["redirect"],
            cause: &["leads elsewhere"],
            cure: &["auth.token_url"],
            ..row(
                "a token endpoint that moved",
                bench,
                on(Endpoint::Token, Fault::Redirect("https://elsewhere.example/".to_owned())),
                "grant",
                1,
            )
        },
        Row {
            cause: &["rate limit"],
            cure: &["ask for tokens less often"],
            ..row(
                "too many token requests",
                bench,
                on(Endpoint::Token, Fault::Refuse(Refusal::gateway(429).retry_after(60))),
                "grant",
                4,
            )
        },
        Row {
            found: &["503"],
            cause: &["down or overloaded"],
            cure: &["fault of its own"],
            ..row(
                "the token server is down",
                bench,
                on(Endpoint::Token, Fault::Refuse(Refusal::gateway(503))),
                "grant",
                4,
            )
        },
        Row {
            found: &["404"],
            cause: &["no token endpoint at this path"],
            cure: &["auth.token_url"],
            ..row("no token endpoint", bench, on(Endpoint::Token, Fault::Refuse(Refusal::gateway(404))), "grant", 1)
        },
        Row {
            found: &["403"],
            cause: &["proxy or firewall"],
            ..row(
                "a firewall before the token server",
                bench,
                on(Endpoint::Token, Fault::Refuse(Refusal::gateway(403))),
                "grant",
                1,
            )
        },
        Row {
            cause: &["not reached", "to the end"],
            cure: &["server and any proxy"],
            ..row("a lost token answer", bench, on(Endpoint::Token, Fault::DropAnswer), "grant", 4)
        },
        Row {
            yaml: file(&root, &format!("{password}\n    tenant: acmeprod"), SCHEDULE),
            found: &["Invalid username/email address or password"],
            cause: &["user name, password or tenant is wrong", "locked"],
            cure: &["username", "wrong-secret"],
            ..row("a wrong password", bench, vec![], "grant", 5)
        },
        Row {
            yaml: file(&root, &format!("{password}\n    tenant: acmeprod"), SCHEDULE),
            cause: &["user name, password or tenant is wrong"],
            ..row("a wrong password in the old envelope", bench, say(Endpoint::Token, 401, ABP), "grant", 5)
        },
        Row {
            yaml: file(&url, "{ grant: personal_access_token, token: \"file:dead-token\" }", SCHEDULE),
            found: &["401"],
            cause: &["has ended, was revoked, or belongs to another organization"],
            cure: &["create a new one", "auth.token"],
            ..row("a personal token that has ended", bench, vec![], "tenant", 5)
        },
        Row {
            yaml: file(&url, &CLIENT.replace("client_secret: \"file:client-secret\", ", ""), SCHEDULE),
            found: &["names no client secret"],
            cause: &["nobody has logged in"],
            cure: &["`punctual login --state-dir state main`"],
            ..row("a secret that was never kept", bench, vec![], "secret", 1)
        },
        Row {
            yaml: file(&url, &CLIENT.replace("client-secret", "no-such-file"), SCHEDULE),
            found: &["no-such-file"],
            cause: &["not there"],
            cure: &["put the secret into"],
            ..row("a secret that is not there", bench, vec![], "secret", 1)
        },
        Row {
            yaml: file(&url, &CLIENT.replace("client-secret", "open-secret"), SCHEDULE),
            cause: &["others on this machine"],
            cure: &["chmod 600"],
            ..row("a secret that others can read", bench, vec![], "secret", 1)
        },
        Row {
            yaml: file(&url, &CLIENT.replace("file:client-secret", "credential:main"), SCHEDULE),
            cause: &["only inside the service"],
            cure: &["systemd-run", "LoadCredential=main"],
            ..row("a credential of the service", bench, vec![], "secret", 1)
        },
        Row {
            yaml: file(&url, &CLIENT.replace("file:client-secret", "env:DOCTOR_UNSET"), SCHEDULE),
            found: &["DOCTOR_UNSET"],
            cause: &["not for this shell"],
            cure: &["set `DOCTOR_UNSET`"],
            ..row("a variable that is not set", bench, vec![], "secret", 1)
        },
    ]
}

fn api_rows(bench: &Bench) -> Vec<Row> {
    let url = bench.sandbox.base_url();
    let schedule = |process: &str, folder: &str| {
        format!("  s: {{ cron: \"0 7 * * *\", timezone: UTC, start: {{ process: {process}, folder: {folder} }} }}\n")
    };
    vec![
        Row {
            yaml: file(&url, &auth("OR.Jobs OR.Execution.Read"), SCHEDULE),
            found: &["'OR.Folders' scope not found"],
            cause: &["does not carry the scope"],
            cure: &["OR.Folders.Read", "auth.scope"],
            ..row("a missing scope", bench, vec![], "tenant", 5)
        },
        Row {
            cause: &["does not carry the scope"],
            cure: &["OR.Jobs"],
            ..row(
                "a missing scope in other words",
                bench,
                say(
                    Endpoint::ListJobs,
                    403,
                    r#"{"errorMessage":"Scope(s) 'OR.X' is(are) invalid. Expect to have 'OR.Jobs'"}"#,
                ),
                "read",
                5,
            )
        },
        Row {
            yaml: file(&url.replace("/acmeprod", "/acmetest"), CLIENT, SCHEDULE),
            found: &["404"],
            cause: &["organization, tenant or path are wrong"],
            cure: &["compare the connection's `url`", "ORGANIZATION/TENANT/orchestrator_"],
            ..row("another tenant in the path", bench, vec![], "tenant", 1)
        },
        Row {
            yaml: file(&bench.sandbox.root_url(), &format!("{CLIENT}\n    tenant: nobody"), SCHEDULE),
            found: &["401"],
            cause: &["another organization or tenant"],
            cure: &["`url`, `tenant` and `auth.token_url` belong together"],
            ..row("another tenant in the header", bench, vec![], "tenant", 5)
        },
        Row {
            cause: &["login page answered"],
            cure: &["up to and without `/odata`"],
            ..row("the web interface instead of the API", bench, on(Endpoint::Folders, Fault::Html), "tenant", 1)
        },
        Row {
            found: &["redirect to `login.example.com`"],
            cause: &["sends all requests elsewhere"],
            cure: &["open the connection's `url` in a browser"],
            ..row(
                "an address that moved",
                bench,
                on(Endpoint::Folders, Fault::Redirect("https://login.example.com/x".to_owned())),
                "tenant",
                4,
            )
        },
        Row {
            cause: &["may not do this"],
            cure: &["Folders.View"],
            ..row("no right to see folders", bench, refuse(Endpoint::Folders, 403, 0), "tenant", 5)
        },
        Row {
            found: &["shows no folder"],
            cause: &["not assigned to any folder"],
            cure: &["assign it"],
            ..row("no folder at all", bench, on(Endpoint::Folders, Fault::EmptyList), "tenant", 1)
        },
        Row {
            found: &["Login failed"],
            cause: &["its words say which"],
            ..row("the old envelope", bench, say(Endpoint::Folders, 400, ABP), "tenant", 5)
        },
        Row {
            found: &["Bad Request"],
            cause: &["proxy, gateway or firewall", "`url` is wrong"],
            cure: &["what it refused"],
            ..row("problem details", bench, say(Endpoint::Folders, 400, PROBLEM), "tenant", 4)
        },
        Row {
            cause: &["proxy, gateway or firewall"],
            ..row("a firewall's page", bench, on(Endpoint::Folders, Fault::Refuse(Refusal::gateway(403))), "tenant", 4)
        },
        Row {
            cause: &["wants a name and a password"],
            cure: &["HTTPS_PROXY=http://NAME:PASSWORD@"],
            ..row(
                "a proxy that wants a login",
                bench,
                on(Endpoint::Folders, Fault::Refuse(Refusal::gateway(407))),
                "tenant",
                4,
            )
        },
        Row {
            cause: &["rate limit", "all its clients"],
            cure: &["list_calls_per_minute"],
            ..row(
                "too many requests",
                bench,
                on(Endpoint::ListJobs, Fault::Refuse(Refusal::code(429, 0).retry_after(30))),
                "read",
                5,
            )
        },
        Row {
            found: &["503"],
            cause: &["a gateway got no answer"],
            cure: &["status.uipath.com"],
            ..row(
                "the service is away",
                bench,
                on(Endpoint::Folders, Fault::Refuse(Refusal::gateway(503))),
                "tenant",
                4,
            )
        },
        Row {
            found: &["500"],
            cause: &["failed at this request"],
            ..row("the service fails", bench, on(Endpoint::Folders, Fault::Refuse(Refusal::code(500, 0))), "tenant", 4)
        },
        Row {
            cause: &["broke"],
            cure: &["network", "proxy"],
            ..row("a lost answer", bench, on(Endpoint::Folders, Fault::DropAnswer), "tenant", 4)
        },
        Row {
            cause: &["not Orchestrator", "proxy changes"],
            ..row("half an answer", bench, on(Endpoint::Folders, Fault::Garble), "tenant", 1)
        },
        Row {
            yaml: file(&url, CLIENT, &schedule("Payroll", "Finanse")),
            found: &["`Finanse`"],
            cause: &["no folder has this name"],
            cure: &["did you mean `Finance`?"],
            ..row("a folder's name mistyped", bench, vec![], "folder", 1)
        },
        Row {
            cause: &["folder was deleted or renamed", "not assigned"],
            cure: &["`folder`", "assign the account"],
            ..row("a folder without access", bench, refuse(Endpoint::Releases, 400, 1100), "process", 5)
        },
        Row {
            cause: &["not assigned"],
            ..row("the same as 403", bench, refuse(Endpoint::ListJobs, 403, 1100), "read", 5)
        },
        Row {
            cause: &["no folder was named"],
            cure: &["name a `folder`"],
            ..row("no folder named", bench, refuse(Endpoint::Releases, 400, 1101), "process", 5)
        },
        Row {
            yaml: file(&url, CLIENT, &schedule("InvoiceIntak", "Shared")),
            found: &["`InvoiceIntak`", "schedule `s`"],
            cure: &["did you mean `InvoiceIntake`?"],
            ..row("a process's name mistyped", bench, vec![], "process", 1)
        },
        Row {
            found: &["does not exist"],
            cause: &["deleted or renamed"],
            cure: &["still exists under this name"],
            ..row("a process that went", bench, refuse(Endpoint::OtherJobs, 404, 1002), "dry_run", 5)
        },
        Row {
            cause: &["already waits for the same robot"],
            cure: &["less often", "more robots"],
            ..row("1670", bench, refuse(Endpoint::OtherJobs, 409, 1670), "dry_run", 5)
        },
        Row {
            cause: &["nobody in this folder has an unattended robot"],
            cure: &["by name", "group does not count"],
            ..row("1671", bench, refuse(Endpoint::OtherJobs, 409, 1671), "dry_run", 5)
        },
        Row {
            cause: &["no machine", "licence"],
            cure: &["machine template"],
            ..row("2818", bench, refuse(Endpoint::OtherJobs, 409, 2818), "dry_run", 5)
        },
        Row {
            cause: &["foreground process"],
            cure: &["unattended robot with Windows credentials"],
            ..row("1230", bench, refuse(Endpoint::OtherJobs, 409, 1230), "dry_run", 5)
        },
        Row {
            cause: &["misses a value"],
            cure: &["version"],
            ..row("1009", bench, refuse(Endpoint::OtherJobs, 400, 1009), "dry_run", 5)
        },
        Row {
            cause: &["does not understand the query"],
            cure: &["too old"],
            ..row("1000, a query", bench, refuse(Endpoint::Releases, 400, 1000), "process", 5)
        },
        Row {
            found: &["priority"],
            cause: &["its words say which"],
            cure: &["arguments"],
            ..row(
                "1000, a value",
                bench,
                say(Endpoint::OtherJobs, 400, r#"{"message":"Invalid priority.","errorCode":1000}"#),
                "dry_run",
                5,
            )
        },
        Row {
            cause: &["read no body", "unknown to this version"],
            cure: &["server's version"],
            ..row(
                "a body read as nothing",
                bench,
                say(Endpoint::OtherJobs, 400, r#"{"message":"model must not be null","errorCode":0}"#),
                "dry_run",
                5,
            )
        },
        Row {
            cause: &["older than the call"],
            ..row(
                "a server without the dry run",
                bench,
                say(Endpoint::OtherJobs, 404, r#"{"message":"No HTTP resource was found","errorCode":0}"#),
                "dry_run",
                0,
            )
        },
    ]
}

/// Each reason for which a job would wait, with a word of its cause and of its cure.
const PENDING: [(&str, &str, &str, i32); 22] = [
    ("RobotNotAssignedToFolder", "not assigned", "assign the robot account", 1),
    ("RobotNotFound", "no robot account", "assign a user or robot account", 1),
    ("RobotNoCredentials", "no Windows login", "Windows user and password", 1),
    ("RobotBusy", "at work on another job", "nothing is wrong", 0),
    ("RobotConcurrencyLimit", "as many jobs as it may", "several machines", 0),
    ("RobotNoMatchingUsernames", "no machine has a login", "map the account", 1),
    ("RobotVersionTooLow", "too old", "update UiPath Robot", 1),
    ("TemplateNoRuntime", "runtime of the kind", "`runtime`", 1),
    ("TemplateNoHostsAvailable", "no machine of this folder is connected", "start the machines", 1),
    ("TemplateNoLicense", "no licence", "buy one", 1),
    ("TemplateFullCapacity", "all runtimes", "nothing is wrong", 0),
    ("TemplateNotAssignedToFolder", "no machine template", "assign a machine template", 1),
    ("TemplateMaintenanceMode", "maintenance", "take them out", 1),
    ("DynamicJobAccountCredentialsInvalid", "wrong or has expired", "right password", 1),
    ("DynamicJobForegroundAutomationTypeInvalid", "foreground", "background one", 1),
    ("DynamicJobBackgroundAutomationTypeInvalid", "background process", "run background", 1),
    ("DynamicJobWindowsTargetFrameworkInvalid", "needs Windows", "assign a Windows machine", 1),
    ("DynamicJobCrossPlatformTargetFrameworkInvalid", "cross-platform", "assign a machine", 1),
    ("DynamicJobConnectedMachinesInvalid", "is connected", "start the machines", 1),
    ("DynamicJobConnectedMachinesUserCredentialsInvalid", "no valid login", "Windows user and password", 1),
    ("DynamicJobConnectedMachinesCrossPlatformRobotVersionInvalid", "too old", "update UiPath Robot", 1),
    ("DynamicJobConnectedMachinesWindowsRobotVersionInvalid", "too old", "update UiPath Robot", 1),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_is_told_with_its_cause_and_its_cure() {
    let bench = Bench::with(|config| {
        let mut public = config.identity.clients[0].clone();
        public.id = "public-client".to_owned();
        public.secret = None;
        config.identity.clients.push(public);
    })
    .await;
    bench.secret("wrong-secret", "not-the-secret");
    bench.secret("dead-token", "a-token-that-was-used");
    std::fs::write(bench.path("open-secret"), "sandbox-secret").unwrap();
    let mut mode = std::fs::metadata(bench.path("open-secret")).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o644);
    std::fs::set_permissions(bench.path("open-secret"), mode).unwrap();

    let mut rows = token_rows(&bench);
    rows.extend(api_rows(&bench));
    let count = rows.len();
    let mut wrong = Vec::new();
    for row in rows {
        bench.faults(row.rules.clone());
        let (exit, steps) = bench.rows(&row.yaml).await;
        wrong.extend(compare(&row, exit, &steps));
    }
    assert!(wrong.is_empty(), "{} of {count} rows:\n{}", wrong.len(), wrong.join("\n"));
    println!("figure: faults that doctor names with cause and cure: {}", count + PENDING.len());
}

/// What is not as it should be.
fn compare(row: &Row, exit: i32, steps: &[serde_json::Value]) -> Option<String> {
    let told = step(steps, row.step);
    let lacks = |field: &str, words: &[&str]| {
        let text = told[field].as_str().unwrap_or_default().to_owned();
        let absent: Vec<String> =
            words.iter().filter(|word| !text.contains(**word)).map(|word| format!("{word:?}")).collect();
        (!absent.is_empty()).then(|| format!("{field} lacks {}: {text}", absent.join(", ")))
    };
    let verdict = told["verdict"] == "fault" || told["verdict"] == "doubt";
    let complaints: Vec<String> = [
        (exit != row.exit).then(|| format!("exit {exit}, not {}", row.exit)),
        (!verdict).then(|| format!("step {} is {}", row.step, told["verdict"])),
        told["cause"].is_null().then(|| "no cause".to_owned()),
        told["cure"].is_null().then(|| "no cure".to_owned()),
        lacks("found", row.found),
        lacks("cause", row.cause),
        lacks("cure", row.cure),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!complaints.is_empty()).then(|| format!("{}:\n    {}", row.name, complaints.join("\n    ")))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reason_for_which_a_job_would_wait_is_explained() {
    let bench = Bench::new().await;
    let mut wrong = Vec::new();
    for (reason, cause, cure, exit) in PENDING {
        let body = format!(r#"{{"IsValid":false,"Errors":["The server's words"],"ErrorCodes":["{reason}"]}}"#);
        bench.faults(say(Endpoint::OtherJobs, 200, &body));
        let (code, rows) = bench.rows(&bench.usual()).await;
        let told = step(&rows, "dry_run");
        let has = |field: &str, word: &str| told[field].as_str().is_some_and(|text| text.contains(word));
        if code != exit || !has("cause", cause) || !has("cure", cure) || !has("found", reason) || !has("found", "words")
        {
            wrong.push(format!("{reason}: exit {code}, {told:#}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_where_nobody_listens_is_not_a_wrong_password() {
    let bench = Bench::new().await;
    bench.control.set_outage(Outage::Refused);
    // The port is let go a moment after; until then the connection is cut.
    let (exit, rows) = bench.rows(&bench.usual()).await;
    let fault = rows.iter().find(|row| row["verdict"] == "fault").unwrap();
    assert!(exit == 4 && (fault["step"] == "connect" || fault["step"] == "identity"), "{fault:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_named_by_number_need_no_right_to_list_folders() {
    let bench = Bench::new().await;
    let auth = CLIENT.replace(" OR.Folders.Read", "");
    let yaml = |folder: &str| {
        let schedule = format!("  a: {{ every: 1h, start: {{ process: InvoiceIntake, {folder} }} }}\n");
        file(&bench.sandbox.base_url(), &auth, &schedule)
    };
    for number in ["folder_id: 100001", "folder: 100001"] {
        let (exit, rows) = bench.rows(&yaml(number)).await;
        assert_eq!((exit, step(&rows, "tenant")["verdict"].as_str()), (0, Some("doubt")), "{rows:#?}");
        let found = step(&rows, "folder")["found"].as_str().unwrap();
        assert!(found.contains("number 100001 is used as it is"), "{found}");
        assert_eq!(step(&rows, "process")["verdict"], "fine", "{number}");
    }
    let (_, rows) = bench.rows(&yaml("folder_id: 7")).await;
    let cure = step(&rows, "read")["cure"].as_str().unwrap();
    assert!(cure.contains("`fid=`") && cure.contains("in the place of 7"), "{cure}");
    let (_, rows) = bench.rows(&yaml("folder: Shared")).await;
    assert_eq!(step(&rows, "tenant")["verdict"], "fault");
}

#[tokio::test(flavor = "multi_thread")]
async fn how_a_folder_was_found_is_told() {
    let bench = Bench::with(|config| {
        let shared = config.tenant.folders[0].clone();
        config.tenant.folders.push(FolderSpec { path: "Finance/Accounts payable".to_owned(), ..shared });
    })
    .await;
    for (folder, found) in [
        ("Accounts payable", "found by the last part of its full name `Finance/Accounts payable`"),
        ("'finance\\accounts payable'", "Orchestrator writes it `Finance/Accounts payable`"),
        ("100003", "`Finance/Accounts payable`, found by its number 100003"),
    ] {
        let schedule = format!("  a: {{ every: 1h, start: {{ process: InvoiceIntake, folder: {folder} }} }}\n");
        let (exit, rows) = bench.rows(&file(&bench.sandbox.base_url(), CLIENT, &schedule)).await;
        let told = step(&rows, "folder")["found"].as_str().unwrap();
        assert!(exit == 0 && told.contains(found), "{told}");
    }
    let schedule = "  a: { every: 1h, start: { process: InvoiceIntake, folder: Acounts payable } }\n";
    let (exit, rows) = bench.rows(&file(&bench.sandbox.base_url(), CLIENT, schedule)).await;
    assert_eq!((exit, step(&rows, "folder")["cure"].as_str()), (1, Some("did you mean `Finance/Accounts payable`?")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_leads_to_no_folder_or_to_several_is_told_with_its_cause_and_the_candidates() {
    let bench = Bench::with(|config| {
        let shared = config.tenant.folders[0].clone();
        for path in ["Finance/Invoices", "Sales/Invoices"] {
            config.tenant.folders.push(FolderSpec { path: path.to_owned(), ..shared.clone() });
        }
    })
    .await;
    let schedule = |folder: &str| {
        let schedule = format!("  a: {{ every: 1h, start: {{ process: InvoiceIntake{folder} }} }}\n");
        file(&bench.sandbox.base_url(), CLIENT, &schedule)
    };
    let both = ["`Finance/Invoices`", "`Sales/Invoices`"];
    for (folder, cause, cure) in [
        (", folder: Invoices", "several have it, or may have it, as the last part", &both[..]),
        (", folder: Nowhere", "no folder has this name, or this account may not see it", &["`Shared`"]),
        ("", "no folder is named in the schedule, and this account sees several", &both),
    ] {
        let (exit, rows) = bench.rows(&schedule(folder)).await;
        let told = step(&rows, "folder");
        assert_eq!(exit, 1, "{told:#}");
        assert!(told["cause"].as_str().unwrap().contains(cause), "{told:#}");
        assert!(cure.iter().all(|name| told["cure"].as_str().unwrap().contains(name)), "{told:#}");
    }
    // What the cure says is written so.
    let (exit, rows) = bench.rows(&schedule(", folder: Sales/Invoices")).await;
    assert_eq!(exit, 0, "{rows:#?}");
    let (_, rows) = bench.rows(&schedule(", folder: Shared").replace("InvoiceIntake", "NoSuchProcess")).await;
    let told = step(&rows, "process");
    assert!(told["cause"].as_str().unwrap().contains("no process of this folder has this name"), "{told:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hangs_on_a_failed_step_is_said_to_be_not_tried() {
    let bench = Bench::new().await;
    bench.faults(oauth("invalid_client"));
    let (_, rows) = bench.rows(&bench.usual()).await;
    let untried: Vec<&str> =
        rows.iter().filter(|row| row["verdict"] == "not_tried").map(|row| row["step"].as_str().unwrap()).collect();
    assert_eq!(untried, ["token", "scopes", "tenant", "folder", "process", "read", "dry_run"]);
    assert!(
        rows.iter()
            .filter(|row| row["verdict"] == "not_tried")
            .all(|row| row["found"].as_str().unwrap().contains("`grant` failed"))
    );
}
