//! Negative controls of the token manager.

use punctual::faults::{NO_SINGLE_FLIGHT, NO_TOKEN_LOCK, SHORT_TOKEN_WAIT, USE_BEFORE_SAVE};

use crate::noticed::is_noticed;

#[test]
fn a_manager_without_single_flight_is_noticed() {
    is_noticed(NO_SINGLE_FLIGHT, "a_thousand_callers_after_the_end_share_one_request_and_its_token", "");
}

#[test]
fn a_token_that_is_used_before_it_is_saved_is_noticed() {
    is_noticed(USE_BEFORE_SAVE, "the_new_refresh_token_is_on_the_disk_before_the_access_token_is_handed_out", "");
}

#[test]
fn processes_that_do_not_wait_for_one_another_are_noticed() {
    is_noticed(NO_TOKEN_LOCK, "restart::processes_that_share_a_login_use_each_refresh_token_once", "");
}

#[test]
fn a_one_use_token_whose_answer_is_waited_for_as_briefly_as_any_other_is_noticed() {
    is_noticed(
        SHORT_TOKEN_WAIT,
        "weather::no_login_is_lost_while_an_answer_carried_the_new_token_whole",
        "logins were lost whose new token came whole",
    );
}
