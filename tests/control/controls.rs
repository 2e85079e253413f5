//! Negative controls of the control socket and the browser login.

use punctual::faults::{ANY_STATE, NO_PEER_CHECK};

use crate::noticed::is_noticed;

#[test]
fn a_login_that_takes_any_state_is_noticed() {
    let listens = "login::a_browser_login_gives_the_running_daemon_its_token";
    is_noticed(ANY_STATE, listens, "You may close this window");
    let pasted = "login::a_pasted_address_of_another_login_and_a_code_that_is_spent_are_refused";
    is_noticed(ANY_STATE, pasted, "left: Some(0)");
}

#[test]
fn a_socket_that_serves_everybody_is_noticed() {
    if !rustix::process::geteuid().is_root() {
        println!("left out: only root can call as another user");
        return;
    }
    let test = "socket::other_users_are_kept_out_by_the_mode_and_refused_where_it_was_opened";
    is_noticed(NO_PEER_CHECK, test, "left: Some(0)");
}
