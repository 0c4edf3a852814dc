//! Owns how a gate's condition reads in the printed plan; never judges one.

use crate::report::format;
use crate::runbook::{Condition, Gate};

/// The condition in words.
pub(super) fn words(gate: &Gate) -> String {
    let condition = match &gate.condition {
        Condition::Sql { query, on } => format!("on `{on}` this is true: {query}"),
        Condition::Parity(parity) => format!(
            "`{}` has compared {} of the rows, with at most {} confirmed differences, within the last {}",
            parity.check,
            format::share(parity.coverage),
            parity.confirmed,
            format::duration(parity.max_age),
        ),
        Condition::Signoff { seats, valid_for } => {
            let seats: Vec<_> = seats.iter().map(|seat| seat.as_str()).collect();
            format!(
                "{} signs GO, within the last {}",
                seats.join(" and "),
                format::duration(*valid_for)
            )
        }
        Condition::Soak {
            duration,
            resets_on,
        } => {
            let resets = match resets_on.is_empty() {
                true => String::new(),
                false => format!(", begun anew by trouble of {}", resets_on.join(", ")),
            };
            format!("{} of observed GO{resets}", format::duration(*duration))
        }
        Condition::Window => "the window is open".into(),
    };
    match gate.waivable {
        true => condition,
        false => format!("{condition} (cannot be waived)"),
    }
}
