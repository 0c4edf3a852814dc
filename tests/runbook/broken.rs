//! One broken runbook per fault code, each with its golden text. To bless what
//! has changed: `PGCUTOVER_BLESS=1 cargo test --test runbook`.

use std::collections::BTreeSet;

use pgcutover::runbook::codes;

use super::{load_file, matches_golden, root};

const FOLDER: &str = "tests/fixtures/broken";

/// The codes that have a broken example, by the example's name.
fn examples() -> BTreeSet<String> {
    let files = std::fs::read_dir(root().join(FOLDER)).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names
        .filter_map(|name| Some(name.strip_suffix(".toml")?.to_owned()))
        .collect()
}

#[test]
fn every_code_has_a_broken_example_and_every_example_a_code() {
    let codes: BTreeSet<String> = codes().map(|(code, _)| code.into()).collect();
    assert_eq!(examples(), codes);
}

#[test]
fn each_broken_example_is_told_as_its_golden_file_says() {
    let mut failed = Vec::new();
    for code in examples() {
        let loaded = load_file(&format!("{FOLDER}/{code}.toml"), None);
        let told = loaded.faults.iter().chain(&loaded.warnings);
        assert!(
            told.into_iter().any(|told| told.code == code),
            "{code} is not told"
        );
        assert_eq!(loaded.runbook.is_some(), loaded.faults.is_empty(), "{code}");
        let text = format!("{}\n", loaded.render(false));
        assert!(!text.contains("hunter2"), "{code} shows the password");
        if !matches_golden(&format!("{FOLDER}/{code}.txt"), &text) {
            failed.push(code);
        }
    }
    assert!(
        failed.is_empty(),
        "not as their golden files say: {failed:?}"
    );
}
