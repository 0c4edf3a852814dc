//! Owns the way from a decoded TOML string back to the file's bytes, so that
//! carets inside SQL point at the right column; never judges the syntax.

use super::source::{Mapped, Place};

/// A string's value with the place of each of its stretches. `span` is the
/// whole literal in `source`, quotes included.
pub(super) fn map(source: &str, span: std::ops::Range<usize>, value: &str) -> Mapped {
    decode(source, span.clone())
        .filter(|mapped| mapped.text == value)
        .unwrap_or_else(|| {
            let mut whole = Mapped::empty();
            whole.push(value, Place::in_runbook(span), false);
            whole
        })
}

/// Reads the literal again; `None` where it is not one.
fn decode(source: &str, span: std::ops::Range<usize>) -> Option<Mapped> {
    let literal = source.get(span.clone())?;
    let quote = literal.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let triple = quote.to_string().repeat(3);
    let width = if literal.len() >= 6 && literal.starts_with(&triple) {
        3
    } else {
        1
    };
    let mut at = span.start + width;
    let end = span.end.checked_sub(width)?;
    if width == 3 {
        let body = source.get(at..end)?;
        at += ["\r\n", "\n"]
            .iter()
            .find(|n| body.starts_with(**n))
            .map_or(0, |n| n.len());
    }
    let mut mapped = Mapped::empty();
    while at < end {
        let rest = source.get(at..end)?;
        let plain = match quote {
            '"' => rest.find('\\').unwrap_or(rest.len()),
            _ => rest.len(),
        };
        if plain > 0 {
            mapped.push(&rest[..plain], Place::in_runbook(at..at + plain), true);
        } else {
            let (decoded, length) = escape(rest)?;
            if let Some(c) = decoded {
                let place = Place::in_runbook(at..at + length);
                mapped.push(c.encode_utf8(&mut [0; 4]), place, false);
            }
            at += length;
        }
        at += plain;
    }
    Some(mapped)
}

/// One escape: what it stands for and its length in bytes. A backslash at the
/// end of a line stands for nothing and swallows the white space that follows.
fn escape(text: &str) -> Option<(Option<char>, usize)> {
    let code = text[1..].chars().next()?;
    let digits = |n: usize| {
        let value = u32::from_str_radix(text.get(2..2 + n)?, 16).ok()?;
        Some((Some(char::from_u32(value)?), 2 + n))
    };
    match code {
        'b' => Some((Some('\u{8}'), 2)),
        't' => Some((Some('\t'), 2)),
        'n' => Some((Some('\n'), 2)),
        'f' => Some((Some('\u{c}'), 2)),
        'r' => Some((Some('\r'), 2)),
        'e' => Some((Some('\u{1b}'), 2)),
        '"' | '\\' => Some((Some(code), 2)),
        'x' => digits(2),
        'u' => digits(4),
        'U' => digits(8),
        c if c.is_ascii_whitespace() => {
            let swallowed = text[1..].len() - text[1..].trim_start().len();
            Some((None, 1 + swallowed))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the place of `needle` in the decoded value reads in the source.
    fn seen_at(literal: &str, needle: &str) -> String {
        let source = format!("run = {literal}\n");
        let value: toml::Table = source.parse().unwrap();
        let value = value["run"].as_str().unwrap();
        let mapped = map(&source, 6..6 + literal.len(), value);
        let at = value.find(needle).unwrap();
        let place = mapped.place(at..at + needle.len());
        source[place.start..place.end].into()
    }

    #[test]
    fn places_survive_every_kind_of_string() {
        assert_eq!(seen_at("\"select x\"", "x"), "x");
        assert_eq!(seen_at("'select x'", "x"), "x");
        assert_eq!(seen_at("'''\nselect x'''", "x"), "x");
        assert_eq!(
            seen_at("\"\"\"\r\nselect \\\"a\\\" \\\n   x\"\"\"", "x"),
            "x"
        );
        assert_eq!(seen_at("\"a\\u00e9 \\t b\"", "é"), "\\u00e9");
        assert_eq!(seen_at("\"\\\"\"", "\""), "\\\"");
        assert_eq!(seen_at("\"\"\"a\"b\"\"\"", "b"), "b");
    }
}
