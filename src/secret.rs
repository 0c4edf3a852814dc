//! Owns where passwords stand in a text that somebody wrote; never what they are for.

use std::ops::Range;

/// Where passwords stand in any text, comments and broken syntax included:
/// `://user:HERE@` and `password=HERE`.
pub fn passwords(text: &str) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    for (scheme, _) in text.match_indices("://") {
        let start = scheme + "://".len();
        let stop = |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'');
        let authority = text[start..].split(stop).next().unwrap_or_default();
        if let Some((user, _)) = authority.rsplit_once('@')
            && let Some((name, word)) = user.split_once(':')
            && !word.is_empty()
        {
            let at = start + name.len() + 1;
            spans.push(at..at + word.len());
        }
    }
    for (key, _) in text.to_ascii_lowercase().match_indices("password") {
        let rest = &text[key + "password".len()..];
        let Some(value) = rest.trim_start_matches([' ', '\t']).strip_prefix('=') else {
            continue;
        };
        let value = value.trim_start_matches([' ', '\t']);
        let start = text.len() - rest.len() + (rest.len() - value.len());
        let (quote, inside) = match value.chars().next().filter(|c| matches!(c, '"' | '\'')) {
            Some(quote) => (quote, 1),
            None => ('&', 0),
        };
        let stop = |c: char| {
            c == quote
                || c == '\n'
                || (inside == 0 && (c.is_whitespace() || matches!(c, '"' | '\'')))
        };
        let word = value[inside..].split(stop).next().unwrap_or_default();
        if !word.is_empty() {
            spans.push(start + inside..start + inside + word.len());
        }
    }
    spans
}

/// What may be shown of a text; offsets stay.
pub fn without_passwords(text: &str) -> String {
    let mut shown = text.to_owned();
    for span in passwords(text) {
        hide(&mut shown, span);
    }
    shown
}

/// Puts a star in place of every byte but line ends.
pub fn hide(text: &mut String, span: Range<usize>) {
    let star = |byte| if byte == b'\n' { '\n' } else { '*' };
    let hidden: String = text[span.clone()].bytes().map(star).collect();
    text.replace_range(span, &hidden);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_seen_in_every_spelling() {
        for secret in [
            "postgres://ana:hunter2@db/app",
            "see postgresql://ana:hunter2@db",
            "postgres://db/app?user=ana&password=hunter2&sslmode=require",
            "host=db password=hunter2",
            "host = db PASSWORD = 'hunter2'",
            "password = \"hunter2\"",
        ] {
            let spans = passwords(secret);
            assert_eq!(spans.len(), 1, "{secret}");
            assert_eq!(&secret[spans[0].clone()], "hunter2", "{secret}");
            assert_eq!(
                without_passwords(secret),
                secret.replace("hunter2", "*******")
            );
        }
        for plain in [
            "postgres://ana@db/app",
            "https://wiki:8080/page",
            "password=",
            "a:b@c",
        ] {
            assert_eq!(without_passwords(plain), plain);
        }
    }
}
