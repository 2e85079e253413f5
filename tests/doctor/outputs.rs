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

/// A command as a cure prints it, with this on its standard input.
async fn carry_out(bench: &Bench, command: &str, more: &[&str], input: &str) -> (bool, String) {
    let words: Vec<&str> = command.split(' ').collect();
    assert_eq!(words[0], "punctual", "{command}");
    let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_punctual"))
        .current_dir(bench.folder.path())
        .env("HOME", bench.folder.path())
        .env_remove("PUNCTUAL_CONFIG")
        .env_remove("PUNCTUAL_STATE_DIR")
        .args(&words[1..])
        .args(more)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).await.unwrap();
    let ended = child.wait_with_output().await.unwrap();
    (ended.status.success(), String::from_utf8(ended.stderr).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_printed_command_keeps_the_options_that_were_given_and_does_what_is_said() {
    let bench = Bench::new().await;
    let kept = bench.usual().replace("client_secret: \"file:client-secret\", ", "");
    std::fs::create_dir(bench.path("my files")).unwrap();
    std::fs::write(bench.path("other.yaml"), &kept).unwrap();
    let options = ["--config", "other.yaml", "--state-dir", "elsewhere"];
    let seen = bench.run("version: 1\n", &[&["doctor", "-o", "json"], &options[..]].concat()).await;
    let rows = seen.rows();
    let cure = crate::bench::step(&rows, "secret")["cure"].as_str().unwrap();
    assert_eq!(cure, "run `punctual login --config other.yaml --state-dir elsewhere main`");
    let command = cure.split('`').nth(1).unwrap();
    let (fine, said) = carry_out(&bench, command, &["--stdin"], "sandbox-secret\n").await;
    assert!(fine, "{said}");
    let seen = bench.run("version: 1\n", &[&["doctor"], &options[..]].concat()).await;
    assert_eq!(seen.exit, 0, "{}{}", seen.out, seen.err);
    // For people, and as a mistake of the files.
    std::fs::write(bench.path("my files/a.yaml"), &kept).unwrap();
    for command in [&["doctor"][..], &["check", "--online"]] {
        let seen =
            bench.run("version: 1\n", &[command, &["--config", "my files", "--state-dir", "third"]].concat()).await;
        let cure = "`punctual login --config 'my files' --state-dir third main`";
        assert!(seen.out.contains(cure) || seen.err.contains(cure), "{}{}", seen.out, seen.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_systemd_runs_in_another_folder_names_the_files_by_their_full_paths() {
    let bench = Bench::new().await;
    let yaml = bench.usual().replace("file:client-secret", "credential:cloud");
    let folder = bench.folder.path().canonicalize().unwrap();
    for options in [&[][..], &["--config", "schedules.yaml"]] {
        let seen = bench.run(&yaml, &[&["doctor", "-o", "json", "--state-dir", "state"], options].concat()).await;
        let rows = seen.rows();
        let cure = crate::bench::step(&rows, "secret")["cure"].as_str().unwrap();
        assert!(cure.contains("systemd-run"), "{cure}");
        for (option, path) in [("--config", "schedules.yaml"), ("--state-dir", "state")] {
            let whole = format!(" {option} {}", folder.join(path).display());
            assert_eq!((cure.matches(&whole).count(), cure.matches(option).count()), (1, 1), "{cure}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cure_of_a_secret_with_wrong_content_is_about_its_content() {
    let bench = Bench::new().await;
    let table: [(&[u8], &str); 6] = [
        (b"", "write the client secret into"),
        (b"\xff\x00secret", "anew, as UTF-8 text: the value alone, in one line"),
        (b"sandbox-secret\nanother-secret\n", "leave one line in"),
        (b"{\"error\":\"invalid_grant\"}", "without JSON around it"),
        (b"short", "copy the client secret whole into"),
        ("sandbox\u{2013}secret".as_bytes(), "type that character anew, or take it out"),
    ];
    for (content, cure) in table {
        std::fs::write(bench.path("client-secret"), content).unwrap();
        let (exit, rows) = bench.rows(&bench.usual()).await;
        let told = crate::bench::step(&rows, "secret");
        let said = told["cure"].as_str().unwrap();
        assert!(exit != 0 && said.contains(cure), "{told:#}");
        assert!(!said.contains("user") && !said.contains("sudo") && !said.contains("chmod"), "{told:#}");
        // Carried out: the value alone, in one line.
        bench.secret("client-secret", "sandbox-secret\n");
        let (exit, rows) = bench.rows(&bench.usual()).await;
        assert_eq!((exit, &rows[1]["verdict"]), (0, &serde_json::json!("fine")), "{rows:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_online_tells_each_fault_once() {
    let bench = Bench::new().await;
    let gone = bench.usual().replace("file:client-secret", "file:no-such-file");
    for (yaml, content) in [(gone, "sandbox-secret"), (bench.usual(), "short"), (bench.usual(), "sandbox\u{a0}secret")]
    {
        bench.secret("client-secret", content);
        let seen = bench.run(&yaml, &["check", "--online", "-o", "json", "--state-dir", "state"]).await;
        let rows = seen.rows();
        let of_secret =
            rows.iter().filter(|row| row["message"].as_str().unwrap().contains("auth.client_secret")).count();
        assert_eq!(of_secret, 1, "{}", seen.out);
    }
}
