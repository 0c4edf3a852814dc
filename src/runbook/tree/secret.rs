//! Owns the refusal of secrets in the file; never shows one: whatever looks
//! like a password is masked in everything that is rendered.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::{Shaped, retain};
use crate::runbook::diagnostic::Diagnostic;
use crate::runbook::source::{Place, Sources};
use crate::secret::passwords;

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
                !passwords(text).is_empty()
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
                        DeValue::String(text) if !passwords(text).is_empty() => {
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
