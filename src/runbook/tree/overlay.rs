//! Owns how an environment is laid over the rest of the runbook; never reads
//! what the values mean. Values keep the place where they were written.

use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Shaped, retain};
use crate::runbook::diagnostic::Diagnostic;
use crate::runbook::source::Place;

/// Keys of a connection of which a later one replaces the other.
const ADDRESSES: [&str; 2] = ["url_env", "service"];

/// Lays `[environments.NAME]` over the root.
pub(super) fn apply(root: &mut DeTable<'_>, name: &str, shaped: &mut Shaped) {
    let environments = root
        .get("environments")
        .and_then(|value| value.get_ref().as_table());
    let chosen = environments
        .and_then(|all| all.get(name))
        .map(|value| value.get_ref().clone());
    let Some(DeValue::Table(chosen)) = chosen else {
        let known = environments.map_or_else(String::new, |all| {
            all.keys()
                .map(|key| format!("`{}`", key.get_ref()))
                .collect::<Vec<_>>()
                .join(", ")
        });
        let message = format!("the runbook has no environment `{name}`");
        let fault = Diagnostic::fault("dangling-id", Place::in_runbook(0..0), message);
        let known = if known.is_empty() {
            "none".into()
        } else {
            known
        };
        shaped.found.push(fault.hint(format!("it has: {known}")));
        return;
    };
    lay(root, chosen);
}

/// Lays `over` over `base`, table by table.
fn lay<'i>(base: &mut DeTable<'i>, over: DeTable<'i>) {
    for address in ADDRESSES {
        if over.contains_key(address) {
            retain(base, |key, _| !ADDRESSES.contains(&key.get_ref().as_ref()));
        }
    }
    for (key, value) in over {
        let Some(present) = base.get_mut(key.get_ref().as_ref()) else {
            base.insert(key, value);
            continue;
        };
        let place = value.span();
        match (present.get_mut(), value.into_inner()) {
            (DeValue::Table(base), DeValue::Table(over)) => lay(base, over),
            (DeValue::Table(base), scalar) if is_typed_value(base) => {
                let (_, inner) = base.iter_mut().next().expect("it has one entry");
                *inner = Spanned::new(place, scalar);
            }
            (_, value) => *present = Spanned::new(place, value),
        }
    }
}

/// A variable such as `{ text = "x" }`: a bare value replaces what is inside,
/// so that its type stays.
fn is_typed_value(table: &DeTable<'_>) -> bool {
    let types = ["ident", "text", "int", "duration"];
    let mut keys = table.keys();
    matches!((keys.next(), keys.next()), (Some(key), None) if types.contains(&key.get_ref().as_ref()))
}
