//! Tables: what is next to what, whatever the colours and the width.

use punctual::cli::grid::{Cell, Grid, Tint};

fn grid() -> Grid {
    let mut grid = Grid::new(&["RUN", "SCHEDULE", "DUE", "STATE", "JOB", "NOTE"]).right(&[4]).spare(&[4]);
    let note =
        "the process `Payroll` is not in the folder `Finance`: publish it there or correct `process`, then check";
    for (state, tint, job, note) in [
        ("faulted", Tint::Red, "7", note),
        ("skipped: overlap", Tint::None, "", ""),
        ("running", Tint::Cyan, "1234", ""),
    ] {
        grid.row([
            Cell::new("0a1b2c3d"),
            Cell::new("long-running"),
            Cell::new("2026-11-23 07:00:00 +01:00").or_short("11-23 07:00:00"),
            Cell::new(state).tinted(tint),
            Cell::new(job),
            Cell::new(note),
        ]);
    }
    grid
}

fn stripped(line: &str) -> String {
    anstream::adapter::strip_str(line).to_string()
}

#[test]
fn columns_begin_at_the_same_place_whatever_their_colours() {
    for width in [None, Some(60), Some(100), Some(160), Some(25)] {
        let colored = grid().lines(width);
        assert!(colored.iter().any(|line| line.contains("\u{1b}[")) || width == Some(25), "{colored:?}");
        let lines: Vec<String> = colored.iter().map(|line| stripped(line)).collect();
        assert_eq!(lines.len(), 4, "a row is a line: {lines:#?}");
        if width != Some(25) {
            let state = lines[0].find("STATE").unwrap_or_default();
            for (line, name) in lines.iter().skip(1).zip(["faulted", "skipped: overlap", "running"]) {
                assert!(line.get(state..).is_some_and(|rest| rest.starts_with(name)), "{width:?}: {lines:#?}");
            }
        }
        if let Some(width) = width {
            assert!(lines.iter().all(|line| line.chars().count() <= usize::from(width)), "{width}: {lines:#?}");
        }
    }
}

#[test]
fn a_note_is_whole_on_a_pipe_and_cut_with_an_ellipsis_on_a_narrow_terminal() {
    assert!(grid().lines(None)[1].ends_with("then check"));
    assert!(grid().lines(Some(200))[1].ends_with("then check"));
    let narrow = stripped(&grid().lines(Some(100))[1]);
    assert!(narrow.contains("the process") && narrow.ends_with('…'), "{narrow}");
}
