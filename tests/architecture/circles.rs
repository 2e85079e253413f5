//! No circle between files, and the rows inside `dispatcher/core`.
//!
//! One file depends on another when it names something of it. A re-export is looked through: who imports `super::X`, which
//! `mod.rs` has by `pub use child::X`, depends on the child and not on `mod.rs`. So a `mod.rs` that only declares and re-exports
//! is never in a circle, and one that also owns what its children need is in one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::Path;

use super::imports::{Names, names};
use super::rows::CORE_ROWS;
use super::source::Source;
use super::{package, sources};

/// Re-exports of re-exports end somewhere; this many are followed.
const MOST_STEPS: usize = 16;

/// Who depends on whom. Files are known by their place in `files`.
struct Graph<'a> {
    files: Vec<&'a Source>,
    /// For each file the files that it names something of, with the first place where it does.
    edges: Vec<BTreeMap<usize, Import>>,
}

/// Why a file depends on another.
struct Import {
    at: usize,
    /// The path, from the crate's root.
    path: String,
}

impl<'a> Graph<'a> {
    /// The graph of these files; `src/main.rs` is another crate and is left out.
    fn new(sources: &'a [Source]) -> Graph<'a> {
        let files: Vec<&Source> = sources.iter().filter(|source| source.module() != ["main"]).collect();
        let modules: BTreeMap<Vec<String>, usize> = files
            .iter()
            .enumerate()
            .map(|(place, source)| (source.module().into_iter().filter(|part| part != "lib").collect(), place))
            .collect();
        let named: Vec<Names> = files.iter().map(|source| names(source, |path| modules.contains_key(path))).collect();
        let tree = Tree { modules: &modules, named: &named };
        let edges = (0..files.len()).map(|file| tree.edges(file)).collect();
        Graph { files, edges }
    }

    /// One finding for each circle: its files, and every import that is part of it.
    fn circles(&self) -> Vec<String> {
        let reached: Vec<BTreeSet<usize>> = (0..self.files.len()).map(|file| self.reached_from(file)).collect();
        let mut circles = Vec::new();
        let mut seen = BTreeSet::new();
        for file in 0..self.files.len() {
            let circle: BTreeSet<usize> =
                reached[file].iter().copied().filter(|other| reached[*other].contains(&file)).collect();
            if circle.is_empty() || !seen.insert(circle.clone()) {
                continue;
            }
            let mut finding = format!("a circle of {} files:", circle.len());
            for from in &circle {
                for (to, import) in self.edges[*from].iter().filter(|(to, _)| circle.contains(to)) {
                    let what = format!("imports {} by `{}`", self.files[*to].path.display(), import.path);
                    finding.push_str(&format!("\n  {}", self.files[*from].finding(import.at, &what)));
                }
            }
            circles.push(finding);
        }
        circles
    }

    fn reached_from(&self, file: usize) -> BTreeSet<usize> {
        let mut reached = BTreeSet::new();
        let mut next = VecDeque::from([file]);
        while let Some(file) = next.pop_front() {
            next.extend(self.edges[file].keys().copied().filter(|to| reached.insert(*to)));
        }
        reached
    }

    /// Imports below `folder` that go against `rows`, and files that have no row.
    fn against_rows(&self, folder: &str, rows: &[(&str, &str)]) -> Vec<String> {
        let row_of = |file: usize| {
            let below = self.files[file].path.strip_prefix(folder).ok()?.with_extension("");
            Some(rows.iter().position(|(name, _)| below.as_os_str() == *name))
        };
        let mut findings = Vec::new();
        for from in 0..self.files.len() {
            let Some(row) = row_of(from) else { continue };
            let Some(row) = row else {
                findings.push(self.files[from].finding(0, "the file has no row"));
                continue;
            };
            for (to, import) in &self.edges[from] {
                if let Some(Some(other)) = row_of(*to)
                    && other > row
                {
                    let what = format!(
                        "`{}` must not import `{}`, whose row is below its own: `{}`",
                        rows[row].0, rows[other].0, import.path
                    );
                    findings.push(self.files[from].finding(import.at, &what));
                }
            }
        }
        findings
    }
}

/// All modules with what they name.
struct Tree<'a> {
    modules: &'a BTreeMap<Vec<String>, usize>,
    named: &'a [Names],
}

impl Tree<'_> {
    fn edges(&self, file: usize) -> BTreeMap<usize, Import> {
        let mut edges = BTreeMap::new();
        let mut add = |at: usize, path: &[String]| {
            for to in self.owners(path, MOST_STEPS) {
                if to != file {
                    edges.entry(to).or_insert_with(|| Import { at, path: path.join("::") });
                }
            }
        };
        let names = &self.named[file];
        for import in names.imported.values() {
            // A module that is imported to name things of it counts by these things.
            let is_prefix = self.modules.contains_key(&import.path)
                && names.inline.iter().any(|used| used.path.starts_with(&import.path));
            if !is_prefix {
                add(import.at, &import.path);
            }
        }
        for named in names.globs.iter().chain(&names.inline) {
            add(named.at, &named.path);
        }
        edges
    }

    /// The files that a path leads to: one, or for a glob the module and all that it re-exports.
    fn owners(&self, path: &[String], steps: usize) -> Vec<usize> {
        let Some(length) = (0..=path.len()).rev().find(|length| self.modules.contains_key(&path[..*length])) else {
            return Vec::new();
        };
        let (module, rest) = path.split_at(length);
        let file = self.modules[module];
        let imported = &self.named[file].imported;
        let Some(name) = rest.first() else { return vec![file] };
        if name == "*" {
            let exported = imported.values().flat_map(|import| match steps {
                0 => Vec::new(),
                steps => self.owners(&import.path, steps - 1),
            });
            return [file].into_iter().chain(exported).collect();
        }
        match imported.get(&(module.to_vec(), name.clone())) {
            Some(import) if steps > 0 => self.owners(&[&import.path, &rest[1..]].concat(), steps - 1),
            Some(_) | None => vec![file],
        }
    }
}

/// The rows of the table in ARCHITECTURE.md: `| file | why there |`.
fn core_rows_in_markdown(text: &str) -> Vec<(String, String)> {
    let table = text.lines().skip_while(|line| !line.starts_with("| file in `core` |")).skip(2);
    table
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let mut cells = line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned());
            let file = cells.next().unwrap_or_default().trim_matches('`').to_owned();
            (file, cells.next().unwrap_or_default())
        })
        .collect()
}

fn small(files: &[(&str, &str)]) -> Vec<Source> {
    files.iter().map(|(path, text)| Source::new(Path::new(path), text)).collect()
}

/// The circles of small sources.
fn circles_of(files: &[(&str, &str)]) -> Vec<String> {
    let sources = small(files);
    Graph::new(&sources).circles()
}

#[test]
fn no_two_files_need_each_other() {
    let sources = sources();
    let circles = Graph::new(&sources).circles();
    assert!(circles.is_empty(), "\n{}\n", circles.join("\n"));
}

#[test]
fn a_circle_is_named_with_its_files_and_imports() {
    let found = circles_of(&[
        ("src/a.rs", "//! A.\nuse crate::b::{B, other};\nuse crate::c::C;\n"),
        ("src/b.rs", "//! B.\n\nfn f() -> super::a::A {}\n"),
        ("src/c.rs", "//! C.\n"),
    ]);
    let expected =
        "a circle of 2 files:\n  src/a.rs:2: imports src/b.rs by `b::B`\n  src/b.rs:3: imports src/a.rs by `a::A`";
    assert_eq!(found, [expected]);
}

#[test]
fn circles_are_found_however_the_imports_are_written() {
    // Each text is that of `src/m/a.rs`; `src/m/b.rs` imports `A` from it, and `src/m/mod.rs` re-exports `B`.
    let wrong = [
        "use super::b::B;",
        "use crate::m::b::B as Other;",
        "use crate::m::{\n    c::C,\n    b::{self, B},\n};",
        "pub(crate) use super::B;",
        "use super::*;",
        "use super::b; fn f() -> b::B {}",
        "use super::b as other; fn f() { other::g::<u8>() }",
        "use super::super::m; fn f() -> m::B {}",
        "fn f(b: crate :: m\n:: B) {}",
        "mod inner { use super::super::B; }",
        "mod inner { fn f() -> super::super::b::B {} }",
    ];
    let others = |a| {
        [
            ("src/lib.rs", "mod m;"),
            ("src/m/mod.rs", "mod a; mod b; mod c; pub use b::B; pub use self::c::C;"),
            ("src/m/a.rs", a),
            ("src/m/b.rs", "use super::a::A;"),
            ("src/m/c.rs", "use super::a::A;"),
        ]
    };
    for text in wrong {
        assert!(circles_of(&others(text)).iter().any(|circle| circle.contains("src/m/b.rs")), "{text}");
    }
    let right = [
        "// use super::b::B;",
        "const TEXT: &str = \"super::b::B\";",
        "pub(in crate::m::b) fn f() {}",
        "use std::b::B; fn f() -> ::m::b::B {}",
        "fn f(b: B) -> impl Sized + use<'_> { b::g() }",
        "mod inner { use super::*; fn f() { super::g(); self::h() } }",
        "use super::super::m; type A = m::a::A;",
    ];
    for text in right {
        assert_eq!(circles_of(&others(text)), [""; 0], "{text}");
    }
}

#[test]
fn a_module_that_only_declares_and_re_exports_is_in_no_circle() {
    let only = ("src/m/mod.rs", "mod a; mod b; pub use a::A; pub use b::make;");
    let children = [("src/m/a.rs", "pub struct A;"), ("src/m/b.rs", "use super::A; use crate::m; fn f() -> m::A {}")];
    assert_eq!(circles_of(&[&[only], &children[..]].concat()), [""; 0]);
    // Who also owns something that its child needs is in one.
    let owner = ("src/m/mod.rs", "mod b; pub use b::make; pub struct A;");
    let found = circles_of(&[owner, ("src/m/b.rs", "use super::A;")]);
    assert_eq!(found.len(), 1, "{found:?}");
    // Calling a child counts like importing it.
    let caller = ("src/m/mod.rs", "mod b; pub struct A; fn f() { b::make() }");
    assert_eq!(circles_of(&[caller, ("src/m/b.rs", "use super::A;")]).len(), 1);
    // Through two re-exports, under other names.
    let far = [
        ("src/lib.rs", "pub mod m; pub mod n;"),
        ("src/m/mod.rs", "mod a; pub use a::A as First;"),
        ("src/m/a.rs", "use crate::n::N;"),
        ("src/n.rs", "pub use crate::m::First as Second; pub struct N;"),
    ];
    assert_eq!(circles_of(&far).len(), 1);
}

#[test]
fn files_of_the_core_import_only_rows_above_theirs() {
    let sources = sources();
    let findings = Graph::new(&sources).against_rows("src/dispatcher/core", CORE_ROWS);
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
    for (file, why) in CORE_ROWS {
        let path = package().join("src/dispatcher/core").join(file).with_extension("rs");
        assert!(path.is_file(), "`{file}` has a row and is gone");
        assert!(!why.is_empty(), "the row of `{file}` has no reason");
    }
}

#[test]
fn an_import_from_a_lower_row_of_the_core_is_named_with_file_and_line() {
    let rows = [("low", "it needs nothing"), ("part/high", "it needs `low`")];
    let files = [
        ("src/core/low.rs", "//! Low.\nuse super::part::High;\n"),
        ("src/core/part/mod.rs", "mod high; pub use high::High;"),
        ("src/core/part/high.rs", "use crate::core::low::Low; use crate::elsewhere;"),
        ("src/elsewhere.rs", "use crate::core::low::Low;"),
    ];
    let sources = small(&files);
    let found = Graph::new(&sources).against_rows("src/core", &rows);
    let against = "`low` must not import `part/high`, whose row is below its own: `core::part::High`";
    assert_eq!(found, [&format!("src/core/low.rs:2: {against}"), "src/core/part/mod.rs:1: the file has no row"]);
}

#[test]
fn the_map_shows_the_same_rows_of_the_core() {
    let map = fs::read_to_string(package().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let shown = core_rows_in_markdown(&map);
    let table: Vec<(String, String)> =
        CORE_ROWS.iter().map(|(file, why)| ((*file).to_owned(), (*why).to_owned())).collect();
    assert_eq!(shown, table);
}
