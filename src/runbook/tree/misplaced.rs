//! Owns the check for sub-tables that stand behind another element: TOML
//! gives `[phase.step.undo.sql]` after `[[phase.gate]]` to the step before,
//! silently, and a reader takes it for something else.

use toml::de::{DeTable, DeValue};

use crate::runbook::diagnostic::Diagnostic;
use crate::runbook::source::Place;

/// The arrays whose elements interleave in a phase.
const ELEMENTS: [&str; 3] = ["step", "rollback", "gate"];

/// Reports each sub-table of a step, gate or rollback that begins after the
/// next element of its phase has begun.
pub(super) fn refuse(root: &DeTable<'_>, found: &mut Vec<Diagnostic>) {
    for phase in elements(root, "phase") {
        let mut starts: Vec<(usize, &str, &DeTable<'_>)> = ELEMENTS
            .iter()
            .flat_map(|kind| elements(phase.1, kind).map(move |(at, table)| (at, *kind, table)))
            .collect();
        starts.sort_by_key(|(at, ..)| *at);
        for (i, (_, kind, table)) in starts.iter().enumerate() {
            let Some((next, next_kind, _)) = starts.get(i + 1) else {
                continue;
            };
            for (key, value) in table.iter() {
                if let Some(place) =
                    first_behind(key.span().start, value.get_ref(), *next, &key.span())
                {
                    found.push(misplaced(kind, id_of(table), next_kind, place, *next));
                }
            }
        }
    }
}

/// The elements of an array of tables, with where each begins.
fn elements<'t, 'i>(
    table: &'t DeTable<'i>,
    key: &str,
) -> impl Iterator<Item = (usize, &'t DeTable<'i>)> {
    let array = table.get(key).and_then(|value| value.get_ref().as_array());
    array
        .into_iter()
        .flat_map(|array| array.iter())
        .filter_map(|element| Some((element.span().start, element.get_ref().as_table()?)))
}

/// The first key, of this entry or below it, that begins behind `limit`.
fn first_behind(
    start: usize,
    value: &DeValue<'_>,
    limit: usize,
    key: &std::ops::Range<usize>,
) -> Option<Place> {
    if start > limit {
        return Some(Place::in_runbook(key.clone()));
    }
    let table = value.as_table()?;
    table.iter().find_map(|(key, value)| {
        first_behind(key.span().start, value.get_ref(), limit, &key.span())
    })
}

fn id_of<'t>(table: &'t DeTable<'_>) -> &'t str {
    table
        .get("id")
        .and_then(|id| id.get_ref().as_str())
        .unwrap_or("?")
}

fn misplaced(kind: &str, id: &str, next: &str, place: Place, next_at: usize) -> Diagnostic {
    let header = Place::in_runbook(next_at..next_at + "[[phase.]]".len() + next.len());
    let message = format!("this belongs to the {kind} `{id}`, but stands behind a {next}");
    Diagnostic::fault("misplaced-table", place, message)
        .label(header, format!("the {next} begins here"))
        .hint(format!("move it up, right behind the {kind} `{id}`"))
}
