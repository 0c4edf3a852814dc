//! Holds the house to its plan: which room may know which.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A room, and the rooms that it may name. `app`, `main` and `lib` put them
/// together and may name all.
const ROOMS: &[(&str, &[&str])] = &[
    // Shared by all, knowing nothing.
    ("digest", &[]),
    ("text", &[]),
    ("seam", &[]),
    ("secret", &[]),
    ("cli", &[]),
    ("clock", &[]),
    ("reading", &[]),
    // The pure core: runbook <- plan <- run <- engine.
    ("runbook", &["digest", "secret", "text"]),
    ("plan", &["runbook", "digest", "text"]),
    ("run", &["plan", "runbook", "digest"]),
    ("engine", &["run", "plan", "runbook", "reading", "digest"]),
    // Leaves that only driver and app touch.
    ("pg", &["run", "plan", "runbook", "reading", "text", "seam"]),
    (
        "store",
        &[
            "run", "plan", "runbook", "reading", "pg", "text", "digest", "seam", "clock",
        ],
    ),
    (
        "monitor",
        &["run", "runbook", "reading", "pg", "text", "clock"],
    ),
    ("sandbox", &["text"]),
    // What people see.
    (
        "report",
        &["engine", "run", "plan", "runbook", "reading", "text"],
    ),
    (
        "tui",
        &[
            "engine", "run", "plan", "runbook", "reading", "text", "report", "clock",
        ],
    ),
    // The one imperative loop.
    (
        "driver",
        &[
            "engine", "run", "plan", "runbook", "reading", "store", "pg", "monitor", "text",
            "seam", "digest", "clock", "secret",
        ],
    ),
];

/// Crates that the pure core may not name.
const IMPURE: &[&str] = &[
    "tokio",
    "tokio_postgres",
    "crossterm",
    "ratatui",
    "std::fs",
    "std::net",
    "std::process",
    "std::env",
    "std::time::Instant",
    "SystemTime",
    "Timestamp::now",
    "Zoned::now",
];
const PURE: &[&str] = &[
    "digest", "secret", "text", "reading", "runbook", "plan", "run", "engine",
];

/// No file is longer than this.
const LONGEST: usize = 500;

fn sources() -> Vec<(String, PathBuf, String)> {
    fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                found.push(path);
            }
        }
    }
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&src, &mut files);
    let room = |path: &Path| {
        let first = path
            .strip_prefix(&src)
            .unwrap()
            .components()
            .next()
            .unwrap();
        let name = first.as_os_str().to_string_lossy().into_owned();
        name.trim_end_matches(".rs").to_owned()
    };
    let read = |path: PathBuf| {
        (
            room(&path),
            path.clone(),
            fs::read_to_string(&path).unwrap(),
        )
    };
    files.into_iter().map(read).collect()
}

/// A file's code without its comments and without its `#[cfg(test)]` items; an
/// item ends with the first line that is indented as it is and ends with `;` or `}`.
fn code(text: &str) -> String {
    let mut code = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let indent = indent_of(line);
        if line.trim() == "#[cfg(test)]" {
            let ends = |line: &str| indent_of(line) == indent && line.ends_with([';', '}']);
            lines.by_ref().find(|line| ends(line));
        } else if !line.trim_start().starts_with("//") {
            code.push(line);
        }
    }
    code.join("\n")
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[test]
fn what_comes_after_a_test_item_is_looked_at() {
    let text = "mod a;\n#[cfg(test)]\nmod fixture;\nuse crate::pg;\n\
                impl A {\n    #[cfg(test)]\n    fn b() {\n        x();\n    }\n    fn c() {}\n}\n\
                #[cfg(test)]\nmod tests {\n    use tokio;\n}\n";
    let looked_at = "mod a;\nuse crate::pg;\nimpl A {\n    fn c() {}\n}";
    assert_eq!(code(text), looked_at);
}

fn is_test(path: &Path) -> bool {
    let in_tests = path.components().any(|part| part.as_os_str() == "tests");
    in_tests || path.ends_with("tests.rs") || path.ends_with("fixture.rs")
}

fn named_rooms(code: &str) -> BTreeSet<String> {
    let after = code.split("crate::").skip(1);
    let name = |rest: &str| -> String {
        let word = rest
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_');
        word.collect()
    };
    after.map(name).collect()
}

#[test]
fn dependencies_point_one_way() {
    let allowed: BTreeMap<_, _> = ROOMS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (room, path, text) in sources() {
        let Some(allowed) = allowed.get(room.as_str()) else {
            assert!(
                ["app", "main", "lib"].contains(&room.as_str()),
                "room `{room}` is not in the table"
            );
            continue;
        };
        if is_test(&path) {
            continue;
        }
        for named in named_rooms(&code(&text)) {
            let known = ROOMS.iter().any(|(room, _)| *room == named) || named == "app";
            if known && named != room && !allowed.contains(&named.as_str()) {
                wrong.push(format!("{}: names `{named}`", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_pure_core_knows_no_clock_socket_or_terminal() {
    let mut wrong = Vec::new();
    for (room, path, text) in sources() {
        if !PURE.contains(&room.as_str()) || is_test(&path) {
            continue;
        }
        let code = code(&text);
        let found = IMPURE.iter().filter(|name| code.contains(*name));
        wrong.extend(found.map(|name| format!("{}: names `{name}`", path.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_stay_readable() {
    let long = sources().into_iter().filter_map(|(_, path, text)| {
        let lines = text.lines().count();
        (lines > LONGEST).then(|| format!("{}: {lines} lines", path.display()))
    });
    let long: Vec<_> = long.collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn every_file_says_what_it_owns() {
    let silent = sources().into_iter().filter_map(|(_, path, text)| {
        let first = text.lines().next().unwrap_or_default();
        (!first.starts_with("//! ")).then(|| path.display().to_string())
    });
    let silent: Vec<_> = silent.collect();
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}
