//! Negative controls of what the doctor shows.

use punctual::faults::{BUNDLE_SHOWS_ARGUMENTS, SHOW_SECRETS};

use crate::noticed::is_noticed;

#[test]
fn a_doctor_that_shows_what_was_sent_is_noticed() {
    is_noticed(SHOW_SECRETS, "outputs::a_wrong_secret", "client_secret=marker-of-a-wrong-secret");
}

#[test]
fn a_bundle_that_shows_arguments_is_noticed() {
    is_noticed(BUNDLE_SHOWS_ARGUMENTS, "bundle::no_secret_gets_into_a_bundle_wherever_it_was", "mark3r-argument");
}
