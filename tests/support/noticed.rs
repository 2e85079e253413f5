//! Negative controls: with one rule taken away, the test of that rule fails.
//!
//! Each runs this very program again with the broken variant switched on, because the switch is the process's environment.

use std::process::Command;

fn run(test: &str, fault: Option<&str>) -> (bool, String) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--include-ignored"]).env_remove("PUNCTUAL_FAULT");
    if let Some(fault) = fault {
        command.env("PUNCTUAL_FAULT", fault);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("running 1 test"), "no test is called {test}: {said}");
    (output.status.success(), said)
}

/// The test passes, and with the rule taken away it fails, saying `words`.
pub(crate) fn is_noticed(fault: &str, test: &str, words: &str) {
    let (passed, said) = run(test, None);
    assert!(passed, "{test} fails without any fault: {said}");
    let (passed, said) = run(test, Some(fault));
    assert!(!passed, "{test} does not notice {fault}: {said}");
    assert!(said.contains(words), "{test} fails with {fault}, but for another reason: {said}");
}
