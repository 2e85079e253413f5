//! The manual and the completions name what the program can do: each command of `--help` has its page, and each shell's completions
//! know it. Whether real shells complete with them is tried by `shells`, next to this file, which `.ci/run` calls.

use super::{run, text};

/// The commands that help shows below a command, in its order.
fn commands(above: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let help = text(&run(folder.path(), &[above, &["--help"]].concat()).stdout);
    let (_, listed) = help.split_once("Commands:\n").unwrap();
    let listed = listed.lines().take_while(|line| !line.is_empty());
    let names = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.map(|line| line.split_whitespace().next().unwrap().to_owned()).filter(|name| name != "help").collect()
}

#[test]
fn each_command_has_a_page_of_the_manual() {
    let folder = tempfile::tempdir().unwrap();
    let written = run(folder.path(), &["man", "pages/new"]);
    assert_eq!(written.status.code(), Some(0), "{}", text(&written.stderr));
    let pages = folder.path().join("pages/new");
    let mut expected = vec!["punctual.1".to_owned()];
    let all = commands(&[]);
    assert!(all.len() > 20, "{all:?}");
    for name in &all {
        expected.push(format!("punctual-{name}.1"));
    }
    expected.extend(commands(&["token"]).into_iter().map(|name| format!("punctual-token-{name}.1")));
    expected.sort();
    let mut found: Vec<_> =
        std::fs::read_dir(&pages).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    found.sort();
    assert_eq!(found, expected);
    let first = std::fs::read_to_string(pages.join("punctual.1")).unwrap();
    for name in &all {
        let escaped = name.replace('-', "\\-");
        assert!(first.contains(&format!("punctual\\-{escaped}(1)")), "the first page has no {name}:\n{first}");
    }
    for (page, has, has_not) in [
        ("punctual.1", "state\\-dir", ""),
        ("punctual.1", "PUNCTUAL_SOCKET", ""),
        ("punctual-runs.1", "succeeded, faulted, stopped", "state\\-dir"),
        ("punctual-token-refresh.1", "Ask for a new access token now", "state\\-dir"),
    ] {
        let page_text = std::fs::read_to_string(pages.join(page)).unwrap();
        assert!(page_text.contains(has), "{page} has no {has}:\n{page_text}");
        assert!(has_not.is_empty() || !page_text.contains(has_not), "{page} has {has_not}:\n{page_text}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("pages"), "").unwrap();
    let refused = run(folder.path(), &["man", "pages"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("failed to write into `pages`"), "{}", text(&refused.stderr));
}

#[test]
fn the_completions_of_each_shell_name_each_command() {
    let folder = tempfile::tempdir().unwrap();
    let all = commands(&[]);
    // How each shell's file has one: as the word of a case, as a word with its sentence, as an argument.
    for (shell, form) in [("bash", "punctual,NAME)"), ("zsh", "'NAME:"), ("fish", "-a \"NAME\"")] {
        let printed = run(folder.path(), &["completions", shell]);
        assert_eq!(printed.status.code(), Some(0), "{}", text(&printed.stderr));
        let printed = text(&printed.stdout);
        for name in &all {
            let named = form.replace("NAME", name);
            assert!(printed.contains(&named), "the completions of {shell} have no {named}");
        }
    }
    assert_eq!(run(folder.path(), &["completions", "tcsh"]).status.code(), Some(2));
}
