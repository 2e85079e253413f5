//! Negative controls: with one rule of the token manager taken away, the test of that rule fails.
//!
//! Each runs this very program again with the broken variant switched on, because the switch is the process's environment.

use std::process::Command;

use punctual::faults::{NO_SINGLE_FLIGHT, NO_TOKEN_LOCK, USE_BEFORE_SAVE};

fn run(test: &str, fault: Option<&str>) -> (bool, String) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test]).env_remove("PUNCTUAL_FAULT");
    if let Some(fault) = fault {
        command.env("PUNCTUAL_FAULT", fault);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("running 1 test"), "no test is called {test}: {said}");
    (output.status.success(), said)
}

fn is_noticed(fault: &str, test: &str) {
    let (passed, said) = run(test, None);
    assert!(passed, "{test} fails without any fault: {said}");
    let (passed, said) = run(test, Some(fault));
    assert!(!passed, "{test} does not notice {fault}: {said}");
}

#[test]
fn a_manager_without_single_flight_is_noticed() {
    is_noticed(NO_SINGLE_FLIGHT, "a_thousand_callers_after_the_end_share_one_request_and_its_token");
}

#[test]
fn a_token_that_is_used_before_it_is_saved_is_noticed() {
    is_noticed(USE_BEFORE_SAVE, "the_new_refresh_token_is_on_the_disk_before_the_access_token_is_handed_out");
}

#[test]
fn processes_that_do_not_wait_for_one_another_are_noticed() {
    is_noticed(NO_TOKEN_LOCK, "restart::processes_that_share_a_login_use_each_refresh_token_once");
}
