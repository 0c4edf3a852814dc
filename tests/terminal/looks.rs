//! What reaches a terminal that wants no colours or no Unicode, or changes size.

use crate::demo::{Demo, SMALL};

/// Parameters of SGR that are colours; 39, 49 and 59 take them back.
fn is_colour(parameter: &str) -> bool {
    let number = parameter.parse().unwrap_or(0);
    matches!(number, 30..=38 | 40..=48 | 58 | 90..=97 | 100..=107)
}

/// Every parameter of every SGR sequence.
fn styles(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let sequences = text.split("\x1b[").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| c.is_ascii_alphabetic())?;
        rest[end..].starts_with('m').then(|| rest[..end].to_owned())
    });
    sequences
        .flat_map(|all| all.split(';').map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

#[test]
fn no_color_and_ascii_are_taken_at_their_word() {
    let mut demo = Demo::with(5_000, &["--ascii"], &[("NO_COLOR", "1")], SMALL);
    demo.advances_into_the_backfill();
    demo.shows("Ready for read-switch");
    demo.press("?");
    demo.shows("always, in dialogs");
    let bytes = demo.bytes();
    let colours: Vec<_> = styles(&bytes)
        .into_iter()
        .filter(|s| is_colour(s))
        .collect();
    assert!(colours.is_empty(), "{colours:?}");
    assert!(bytes.is_ascii());
}

#[test]
fn colours_and_glyphs_are_there_otherwise() {
    let demo = Demo::start(5_000);
    demo.shows("NOT STARTED");
    let bytes = demo.bytes();
    assert!(styles(&bytes).iter().any(|style| is_colour(style)));
    assert!(!bytes.is_ascii());
}

#[test]
fn a_resize_storm_down_to_one_cell_is_survived() {
    let mut demo = Demo::start(5_000);
    demo.shows("NOT STARTED");
    for (columns, rows) in [(1, 1), (2, 60), (200, 1), (1, 200), (33, 7), (1, 1)] {
        demo.resize(columns, rows);
    }
    demo.resize(120, 40);
    demo.shows("who blocks whom");
    demo.resize(80, 24);
    demo.shows("SPACE hold");
    demo.advances("expand");
    demo.shows("Ready for dual-write");
}
