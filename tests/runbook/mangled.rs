//! Whatever the text, loading ends with a runbook or with faults, never with a
//! panic, and every place that it names can be shown.

use std::collections::BTreeMap;

use pgcutover::runbook::load;
use proptest::prelude::*;

use super::root;

const SQL: [&str; 3] = ["dual-write.sql", "dual-write.undo.sql", "contract.sql"];

/// One slip of an editor.
#[derive(Debug, Clone)]
enum Slip {
    Delete(usize, usize),
    Insert(usize, String),
    SwapLines(usize, usize),
    Repeat(usize, usize),
}

/// Applied at char boundaries, wherever the numbers point.
fn apply(text: &str, slip: &Slip) -> String {
    let at = |n: usize| {
        text.char_indices()
            .map(|(i, _)| i)
            .nth(n % text.len().max(1))
            .unwrap_or(text.len())
    };
    let span = |n: usize, length: usize| at(n)..at(n).max(at(n + length));
    match slip {
        Slip::Delete(n, length) => {
            let span = span(*n, *length);
            format!("{}{}", &text[..span.start], &text[span.end..])
        }
        Slip::Insert(n, what) => format!("{}{what}{}", &text[..at(*n)], &text[at(*n)..]),
        Slip::Repeat(n, length) => {
            let span = span(*n, *length);
            format!(
                "{}{}{}",
                &text[..span.end],
                &text[span.clone()],
                &text[span.end..]
            )
        }
        Slip::SwapLines(a, b) => {
            let mut lines: Vec<&str> = text.lines().collect();
            if !lines.is_empty() {
                let (a, b) = (a % lines.len(), b % lines.len());
                lines.swap(a, b);
            }
            lines.join("\n")
        }
    }
}

fn slips() -> impl Strategy<Value = Vec<Slip>> {
    let odd = prop_oneof![
        ".{0,4}",
        "[\"'\\\\\\[\\]{}=.,;$\n-]{1,3}",
        Just("\"\"\"".to_owned()),
        Just("{{tbl}}".to_owned()),
        Just("\n[phase.step.undo.sql]\nrun = 'x'\n".to_owned()),
        Just("\n[[phase]]\n".to_owned()),
    ];
    let slip = prop_oneof![
        (0..9000usize, 0..40usize).prop_map(|(n, length)| Slip::Delete(n, length)),
        (0..9000usize, odd).prop_map(|(n, what)| Slip::Insert(n, what)),
        (0..300usize, 0..300usize).prop_map(|(a, b)| Slip::SwapLines(a, b)),
        (0..9000usize, 0..200usize).prop_map(|(n, length)| Slip::Repeat(n, length)),
    ];
    prop::collection::vec(slip, 1..6)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join("runbooks").join(path)).unwrap()
}

fn check(text: &str, files: &BTreeMap<String, String>, environment: Option<&str>) {
    let loaded = load(text, "mangled.toml", files, environment);
    assert_eq!(loaded.runbook.is_some(), loaded.faults.is_empty());
    for told in loaded.faults.iter().chain(&loaded.warnings) {
        assert!(
            told.place.end <= loaded.sources.text(told.place.file).len(),
            "{told:?}"
        );
        assert!(told.render(&loaded.sources, true).contains(told.code));
        loaded.sources.line_column(told.place);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_mangled_runbook_never_panics(slips in slips(), demo: bool) {
        let text = slips.iter().fold(read("rename-column.toml"), |text, slip| apply(&text, slip));
        let files = SQL.iter().map(|name| (format!("sql/{name}"), read(&format!("sql/{name}"))));
        check(&text, &files.collect(), demo.then_some("demo"));
    }

    #[test]
    fn mangled_sql_never_panics(slips in slips(), which in 0..SQL.len()) {
        let files = SQL.iter().enumerate().map(|(i, name)| {
            let text = read(&format!("sql/{name}"));
            let text = match i == which {
                true => slips.iter().fold(text, |text, slip| apply(&text, slip)),
                false => text,
            };
            (format!("sql/{name}"), text)
        });
        check(&read("rename-column.toml"), &files.collect(), None);
    }

    #[test]
    fn any_text_at_all_never_panics(text in "\\PC{0,200}") {
        check(&text, &BTreeMap::new(), Some("demo"));
    }
}
