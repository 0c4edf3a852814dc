//! Owns the refusal of secrets in the file; never shows one: whatever looks
//! like a password is masked in everything that is rendered.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::{Shaped, retain};
use crate::runbook::diagnostic::Diagnostic;
use crate::runbook::source::{Place, Sources};

/// Keys whose value is a secret, whatever it reads.
const SECRET_KEYS: [&str; 6] = [
    "password",
    "passwd",
    "pgpassword",
    "secret",
    "token",
    "passphrase",
];

/// Refuses and cuts out literal passwords anywhere, and in connections also
/// whole addresses, which name no variable and tend to hold one.
pub(super) fn refuse(root: &mut DeTable<'_>, shaped: &mut Shaped, sources: &mut Sources) {
    let mut secrets = Vec::new();
    collect(root, 0, false, &mut secrets, shaped);
    for span in secrets {
        let place = Place::in_runbook(span);
        sources.mask(place);
        let fault = Diagnostic::fault(
            "literal-password",
            place,
            "a secret stands in the file, which is shared and shown",
        );
        shaped.found.push(fault.hint(
            "name its source instead: `url_env = \"DATABASE_URL\"` or `service = \"users\"`, and change the secret",
        ));
    }
}

/// Cuts out the secrets below `table` and collects their spans.
fn collect(
    table: &mut DeTable<'_>,
    start: usize,
    connections: bool,
    secrets: &mut Vec<Range<usize>>,
    shaped: &mut Shaped,
) {
    retain(table, |key, value| {
        let hit = match value.get_ref() {
            DeValue::String(text) => {
                holds_password(text)
                    || SECRET_KEYS.contains(&key.get_ref().to_lowercase().as_str())
                    || (connections && text.contains(['/', '@', '=']))
            }
            _ => false,
        };
        if hit {
            secrets.push(value.span());
            shaped.damage.record(start, key.get_ref(), value.get_ref());
        }
        !hit
    });
    for (key, value) in table.iter_mut() {
        let connections = connections || key.get_ref() == "connections";
        let value_start = value.span().start;
        match value.get_mut() {
            DeValue::Table(inner) => collect(inner, value_start, connections, secrets, shaped),
            DeValue::Array(array) => {
                for element in array.iter_mut() {
                    let span = element.span();
                    match element.get_mut() {
                        DeValue::Table(inner) => {
                            collect(inner, span.start, connections, secrets, shaped);
                        }
                        DeValue::String(text) if holds_password(text) => {
                            secrets.push(span);
                            shaped
                                .damage
                                .record(start, key.get_ref(), &DeValue::Boolean(false));
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
}

/// Whether a text holds a password: in a URL's authority or query, or in a
/// key-value DSN.
fn holds_password(text: &str) -> bool {
    !passwords(text).is_empty()
}

/// Where passwords stand in any text, comments and broken syntax included:
/// `://user:HERE@` and `password=HERE`.
pub(in crate::runbook) fn passwords(text: &str) -> Vec<Range<usize>> {
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
        }
        for plain in [
            "postgres://ana@db/app",
            "https://wiki:8080/page",
            "password=",
            "a:b@c",
        ] {
            assert!(!holds_password(plain), "{plain}");
        }
    }
}
