//! Owns the way from TOML text to raw shapes with every fault on it told, not
//! only the first; never knows what a field means.
//!
//! Serde stops at its first error. So each error's entry is cut out of the
//! parsed tree and the rest is read again, until it fits. What was cut is
//! remembered as [`Damage`], so that the lack of it is not told as well.

mod later;
mod misplaced;
mod overlay;
mod secret;

use std::collections::HashSet;
use std::ops::Range;

use serde::Deserialize;
use serde_spanned::Spanned;
use toml::de::{DeArray, DeString, DeTable, DeValue};

use super::diagnostic::Diagnostic;
use super::raw::Document;
use super::source::{Place, Sources};

/// What was cut out of the tree because of a fault told already.
#[derive(Debug, Default)]
pub(super) struct Damage {
    /// Starts of the tables that lost an entry.
    tables: HashSet<usize>,
    /// Ids in the entries that were lost: references to them are not dangling.
    ids: HashSet<String>,
}

impl Damage {
    /// Whether the table with this span lost an entry.
    pub(super) fn touched(&self, span: &Range<usize>) -> bool {
        self.tables.contains(&span.start)
    }

    /// Whether something of this name was lost.
    pub(super) fn lost(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    /// Records that `value` was cut out of the table that begins at `table`.
    fn record(&mut self, table: usize, key: &str, value: &DeValue<'_>) {
        self.tables.insert(table);
        self.ids.insert(key.into());
        self.record_ids(value);
    }

    fn record_ids(&mut self, value: &DeValue<'_>) {
        match value {
            DeValue::Table(table) => {
                for (key, value) in table {
                    match value.get_ref() {
                        DeValue::String(id) if key.get_ref() == "id" => {
                            self.ids.insert(id.to_string());
                        }
                        _ => self.ids.extend([key.get_ref().to_string()]),
                    }
                    self.record_ids(value.get_ref());
                }
            }
            DeValue::Array(array) => array.iter().for_each(|v| self.record_ids(v.get_ref())),
            _ => {}
        }
    }
}

/// What became of the text.
pub(super) struct Shaped {
    /// Absent where nothing useful is left.
    pub(super) document: Option<Document>,
    pub(super) damage: Damage,
    pub(super) found: Vec<Diagnostic>,
}

/// Parses, lays the environment over, and reads the raw shapes.
pub(super) fn shape(text: &str, environment: Option<&str>, sources: &mut Sources) -> Shaped {
    let mut shaped = Shaped {
        document: None,
        damage: Damage::default(),
        found: Vec::new(),
    };
    let (mut root, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let syntax = errors.iter().map(|error| {
            let span = error.span().unwrap_or(0..0);
            Diagnostic::fault("syntax", Place::in_runbook(span), error.message())
        });
        shaped.found.extend(syntax);
        // What was understood so far may hold a secret that a caret would show.
        secret::refuse(root.get_mut(), &mut shaped, sources);
        return shaped;
    }
    secret::refuse(root.get_mut(), &mut shaped, sources);
    later::refuse(root.get_mut(), &mut shaped);
    misplaced::refuse(root.get_ref(), &mut shaped.found);
    if let Some(environment) = environment {
        overlay::apply(root.get_mut(), environment, &mut shaped);
    }
    read(root, &mut shaped);
    shaped
}

/// Reads the raw shapes, cutting out what does not fit.
fn read(mut root: Spanned<DeTable<'_>>, shaped: &mut Shaped) {
    loop {
        let error = match Document::deserialize(toml::de::Deserializer::from(root.clone())) {
            Ok(document) => {
                shaped.document = Some(document);
                return;
            }
            Err(error) => error,
        };
        let Some(span) = error.span() else {
            shaped.found.push(fault_of(error.message(), 0..0));
            return;
        };
        let absence = error.message().starts_with("missing field");
        if !(absence && shaped.damage.touched(&span)) {
            let fault = fault_of(error.message(), span.clone());
            if !shaped.found.contains(&fault) {
                shaped.found.push(fault);
            }
        }
        if !cut(root.get_mut(), 0, &span, &mut shaped.damage) {
            return;
        }
    }
}

/// Removes every entry and element whose key or value has exactly this span.
/// The environment's entries stand in the tree twice, hence every.
fn cut(table: &mut DeTable<'_>, start: usize, span: &Range<usize>, damage: &mut Damage) -> bool {
    let mut any = false;
    retain(table, |key, value| {
        let hit = key.span() == *span || (value.span() == *span && !holds(value, span));
        if hit {
            damage.record(start, key.get_ref(), value.get_ref());
        }
        any |= hit;
        !hit
    });
    for (key, value) in table.iter_mut() {
        let value_start = value.span().start;
        match value.get_mut() {
            DeValue::Table(inner) => any |= cut(inner, value_start, span, damage),
            DeValue::Array(array) => {
                let gone = cut_elements(array, span, damage);
                if gone {
                    damage.record(start, key.get_ref(), &DeValue::Boolean(false));
                }
                any |= gone;
            }
            _ => {}
        }
    }
    any
}

/// Whether an array has an element of this span: an array of tables has the
/// span of its first element, and then only the element is meant.
fn holds(value: &Spanned<DeValue<'_>>, span: &Range<usize>) -> bool {
    let array = value.get_ref().as_array();
    array.is_some_and(|array| array.iter().any(|element| element.span() == *span))
}

/// Keeps the entries that `keep` says, in their order. The map's own `retain`
/// gives no spans of keys.
fn retain<'i>(
    table: &mut DeTable<'i>,
    mut keep: impl FnMut(&Spanned<DeString<'i>>, &Spanned<DeValue<'i>>) -> bool,
) {
    for (key, value) in std::mem::take(table) {
        if keep(&key, &value) {
            table.insert(key, value);
        }
    }
}

/// As [`cut`], for an array; whether an element of it, or within it, went.
fn cut_elements<'i>(array: &mut DeArray<'i>, span: &Range<usize>, damage: &mut Damage) -> bool {
    let mut any = false;
    let mut kept = DeArray::new();
    for mut element in std::mem::replace(array, DeArray::new()) {
        if element.span() == *span {
            damage.record_ids(element.get_ref());
            any = true;
            continue;
        }
        let start = element.span().start;
        match element.get_mut() {
            DeValue::Table(inner) => any |= cut(inner, start, span, damage),
            DeValue::Array(inner) => any |= cut_elements(inner, span, damage),
            _ => {}
        }
        kept.push(element);
    }
    *array = kept;
    any
}

/// Tells a serde error in the words of the other faults.
fn fault_of(message: &str, span: Range<usize>) -> Diagnostic {
    let place = Place::in_runbook(span);
    if let Some((head, known)) = message.split_once(", expected ")
        && head.starts_with("unknown field")
    {
        let known = known.strip_prefix("one of ").unwrap_or(known);
        return Diagnostic::fault("unknown-field", place, head)
            .hint(format!("known here: {known}"));
    }
    if message.starts_with("unknown field") {
        return Diagnostic::fault("unknown-field", place, message);
    }
    if message.starts_with("missing field") {
        return Diagnostic::fault("missing-field", place, message);
    }
    Diagnostic::fault("wrong-type", place, message)
}
