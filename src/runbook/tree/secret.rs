//! Owns the refusal of secrets in the file; never shows one: the place is
//! masked in everything that is rendered afterwards.

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
/// anything that is not the name of an environment variable.
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
                    || (connections && key.get_ref() == "url_env" && !is_variable_name(text))
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

/// A URL with a password in its authority or query, or a key-value DSN with one.
fn holds_password(text: &str) -> bool {
    let in_authority = text.match_indices("://").any(|(at, _)| {
        let authority = text[at + 3..]
            .split(['/', '?', '#', ' '])
            .next()
            .unwrap_or_default();
        let user = authority.rsplit_once('@').map(|(user, _)| user);
        user.is_some_and(|user| {
            user.split_once(':')
                .is_some_and(|(_, word)| !word.is_empty())
        })
    });
    let compact: String = text.to_lowercase().split_whitespace().collect();
    let in_dsn =
        compact.contains("password=") && (compact.contains("host=") || text.contains("://"));
    in_authority || in_dsn
}

fn is_variable_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_seen_in_every_spelling() {
        for secret in [
            "postgres://ana:hunter2@db/app",
            "see postgresql://ana:hunter2@db",
            "postgres://db/app?user=ana&password=x",
            "host=db password=x",
            "host = db password = 'x'",
        ] {
            assert!(holds_password(secret), "{secret}");
        }
        for plain in [
            "postgres://ana@db/app",
            "https://wiki:8080/page",
            "password=",
            "a:b@c",
        ] {
            assert!(!holds_password(plain), "{plain}");
        }
        assert!(is_variable_name("DATABASE_URL") && !is_variable_name("postgres://db"));
    }
}
