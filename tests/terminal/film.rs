//! A terminal's bytes with their times as an asciicast, version 2: a header,
//! then `[seconds, "o", text]`, a JSON value a line. Pure.
//! <https://docs.asciinema.org/manual/asciicast/v2/>

use std::time::Duration;

use serde_json::json;

/// Longer than this nothing stands still.
const IDLE: Duration = Duration::from_millis(1500);

/// The recording; pauses are shortened in it, not only in the header.
pub(crate) fn cast(film: &[(Duration, Vec<u8>)], (columns, rows): (u16, u16)) -> String {
    let header = json!({
        "version": 2,
        "width": columns,
        "height": rows,
        "title": "pgcutover demo: a column renamed under load",
        "env": { "TERM": "xterm-256color" },
    });
    let mut out = format!("{header}\n");
    let (mut at, mut before) = (Duration::ZERO, Duration::ZERO);
    let mut rest: Vec<u8> = Vec::new();
    for (time, bytes) in film {
        at += time.saturating_sub(before).min(IDLE);
        before = *time;
        rest.extend(bytes);
        let text = whole_characters(&mut rest);
        let seconds = (at.as_secs_f64() * 1000.0).round() / 1000.0;
        out.push_str(&json!([seconds, "o", text]).to_string());
        out.push('\n');
    }
    out
}

/// What is whole; a character that was cut waits for its other half.
fn whole_characters(bytes: &mut Vec<u8>) -> String {
    let whole = match std::str::from_utf8(bytes) {
        Ok(text) => text.len(),
        Err(error) => error.valid_up_to(),
    };
    let rest = bytes.split_off(whole);
    let text = std::mem::replace(bytes, rest);
    String::from_utf8(text).expect("what is valid up to here")
}

#[test]
fn a_character_that_is_cut_in_two_comes_out_whole() {
    let film = [
        (Duration::from_secs(1), b"a\xe2\x96".to_vec()),
        (Duration::from_secs(60), b"\x88b".to_vec()),
    ];
    let cast = cast(&film, (80, 24));
    let lines: Vec<_> = cast.lines().skip(1).collect();
    assert_eq!(lines, [r#"[1.0,"o","a"]"#, r#"[2.5,"o","█b"]"#]);
}
