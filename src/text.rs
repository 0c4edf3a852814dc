//! Owns the cleaning of text that comes from outside; never decides where it is shown.
//!
//! Whatever a database, a command or a file says is hostile until it went
//! through here: escape sequences take over a terminal, bidirectional
//! overrides and zero-width characters make one statement look like another.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Stands where a character was taken out, so that nothing vanishes unseen.
pub const MARK: char = '\u{FFFD}';

/// The text on one line: control, bidirectional and invisible characters become
/// [`MARK`], line breaks and tabs become a space. Borrows when nothing changes.
pub fn clean(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    // "\r\n" is one line break, not two.
    let text = text.trim_end_matches(['\r', '\n']).replace("\r\n", "\n");
    Cow::Owned(text.chars().map(replacement).collect())
}

/// [`clean`], at most `max_chars` characters long; an ellipsis says that there was more.
pub fn clean_bounded(text: &str, max_chars: usize) -> String {
    let clean = clean(text);
    match clean.char_indices().nth(max_chars) {
        None => clean.into_owned(),
        Some(_) => clean
            .chars()
            .take(max_chars.saturating_sub(1))
            .chain(['…'])
            .collect(),
    }
}

/// The text cut to that many columns of a terminal; where something is missing
/// `cut` ends it.
pub fn fit(text: &str, columns: usize, cut: &str) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut room = columns.saturating_sub(cut.width());
    let mut out = String::new();
    for c in text.chars() {
        let columns = c.width().unwrap_or(0);
        if columns > room {
            break;
        }
        room -= columns;
        out.push(c);
    }
    if columns > 0 {
        out.push_str(cut);
    }
    out
}

/// Each line of the text, [`clean`]; for statements and details that keep their shape.
pub fn clean_lines(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    text.lines().map(clean)
}

/// The text with each line [`clean`] and its line ends kept.
pub fn clean_text(text: &str) -> String {
    let lines: Vec<_> = clean_lines(text).collect();
    lines.join("\n")
}

fn replacement(c: char) -> char {
    match c {
        '\n' | '\t' => ' ',
        c if is_hostile(c) => MARK,
        c => c,
    }
}

/// Whether a terminal or a reader's eye could be misled by it: C0, DEL and C1
/// controls, line and paragraph separators, bidirectional controls, zero-width
/// and other default-ignorable characters, tags.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{180E}'
            | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_borrowed_as_it_is() {
        assert!(matches!(clean("größe: 5 µs, 日本"), Cow::Borrowed(_)));
    }

    #[test]
    fn escape_sequences_lose_their_escape() {
        assert_eq!(
            clean("\x1b[2Jgone\x07\u{9b}31m"),
            "\u{FFFD}[2Jgone\u{FFFD}\u{FFFD}31m"
        );
    }

    #[test]
    fn bidirectional_and_zero_width_characters_become_visible() {
        assert_eq!(
            clean("a\u{202E}b\u{200B}c\u{2066}d\u{E0041}"),
            "a\u{FFFD}b\u{FFFD}c\u{FFFD}d\u{FFFD}"
        );
    }

    #[test]
    fn line_breaks_become_single_spaces() {
        assert_eq!(clean("one\r\ntwo\tthree\n"), "one two three");
    }

    #[test]
    fn bounded_text_says_that_there_was_more() {
        assert_eq!(clean_bounded("abcdef", 6), "abcdef");
        assert_eq!(clean_bounded("abcdefg", 6), "abcde…");
    }

    #[test]
    fn lines_keep_their_shape() {
        let lines: Vec<_> = clean_lines("a\x1b\n  b").collect();
        assert_eq!(lines, ["a\u{FFFD}", "  b"]);
    }
}
