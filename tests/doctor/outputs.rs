//! Two whole examinations as a person reads them.

use punctual::sandbox::{Endpoint, Fault, FaultRule, Refusal};

use crate::bench::{Bench, CLIENT, Seen, file};

/// Without what differs from run to run.
fn steady(bench: &Bench, seen: &Seen) -> String {
    let port = bench.sandbox.root_url().rsplit(':').next().unwrap().to_owned();
    let text = seen.out.replace(&port, "PORT");
    let mut steady = String::new();
    for line in text.lines() {
        let line = match line.rsplit_once(" (") {
            Some((rest, time)) if time.ends_with("ms)") || time.ends_with("s)") => format!("{rest} (TIME)"),
            _ => line.to_owned(),
        };
        let line = match line.split_once("good until ") {
            Some((before, after)) => format!("{before}good until {}", "INSTANT".to_owned() + &after[20..]),
            None => line,
        };
        steady.push_str(&line);
        steady.push('\n');
    }
    steady + &format!("exit code {}", seen.exit)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_works() {
    let bench = Bench::new().await;
    let seen = bench.doctor(&bench.usual(), &[]).await;
    insta::assert_snapshot!(steady(&bench, &seen));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_with_several_faults() {
    let bench = Bench::new().await;
    bench.faults(vec![FaultRule::always(Fault::Refuse(Refusal::code(409, 1671))).on(Endpoint::OtherJobs)]);
    let schedules = "  invoices: { cron: \"0 7 * * *\", timezone: UTC, start: { process: InvoiceIntake, folder: Shared } }\n  \
                     payroll: { cron: \"0 6 * * *\", timezone: UTC, start: { process: Payrol, folder: Finance } }\n  \
                     books: { cron: \"0 5 * * *\", timezone: UTC, start: { process: CloseBooks, folder: Fiance } }\n";
    let seen = bench.doctor(&file(&bench.sandbox.base_url(), CLIENT, schedules), &[]).await;
    insta::assert_snapshot!(steady(&bench, &seen));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret() {
    let bench = Bench::new().await;
    bench.secret("client-secret", "marker-of-a-wrong-secret");
    let seen = bench.doctor(&bench.usual(), &[]).await;
    assert!(!seen.out.contains("marker"), "{}", seen.out);
    insta::assert_snapshot!(steady(&bench, &seen));
}

#[tokio::test(flavor = "multi_thread")]
async fn check_online_tells_the_same_as_mistakes_of_the_files() {
    let bench = Bench::new().await;
    let schedules = "  payroll: { cron: \"0 6 * * *\", timezone: UTC, start: { process: Payrol, folder: Finance } }\n";
    let wrong = file(&bench.sandbox.base_url(), CLIENT, schedules);
    let seen = bench.run(&wrong, &["check", "--online", "-o", "json", "--state-dir", "state"]).await;
    let rows = seen.rows();
    assert_eq!((seen.exit, rows.len()), (1, 1), "{}", seen.out);
    assert_eq!(rows[0]["severity"], "error");
    assert!(rows[0]["message"].as_str().unwrap().contains("connection `main`: `Payrol` in `Finance`"), "{}", seen.out);
    assert_eq!(rows[0]["hint"], "did you mean `Payroll`?");
    let seen = bench.run(&bench.usual(), &["check", "--online", "--state-dir", "state"]).await;
    assert_eq!(seen.exit, 0, "{}{}", seen.out, seen.err);
    assert!(seen.out.contains("no mistakes"), "{}", seen.out);
    assert!(bench.control.jobs().is_empty(), "nothing was started");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_not_there_is_answered_with_the_ones_that_are() {
    let bench = Bench::new().await;
    let seen = bench.doctor(&bench.usual(), &["man"]).await;
    assert_eq!(seen.exit, 2);
    assert!(
        seen.err.contains("there is no connection `man`") && seen.err.contains("did you mean `main`?"),
        "{}",
        seen.err
    );
}
