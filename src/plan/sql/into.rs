//! Owns the statements of a copy into other tables: what inserts a chunk's rows,
//! and what proves that each row is where it belongs and nowhere else.

use super::backfill::{Write, is_true};
use super::keyset::{Keyset, Reads};
use super::{fenced, image_ne, quote_ident, quote_table};
use crate::plan::Table;
use crate::runbook::{Existing, Target};

/// The walked row's wanted values, in the sweep.
const WANTED: &str = "pgcutover_wanted";
/// The target's row, in the sweep.
const THERE: &str = "pgcutover_there";

/// One INSERT a target, in their order.
///
/// The walked rows are locked FOR SHARE by the statement that reads them: one
/// that was deleted meanwhile is not resurrected, and one that was changed is
/// read as it is now. A row that the dual-write has put there already is made
/// right, or left alone.
pub(super) fn inserts(
    keyset: &Keyset,
    table: &Table,
    targets: &[Target],
    filter: Option<&str>,
) -> Vec<Write> {
    let resolved = targets.iter().zip(&table.into);
    let insert = |(target, into): (&Target, &Table)| {
        let (mut to, mut from) = (Vec::new(), Vec::new());
        for (column, key) in &target.key {
            to.push(quote_ident(column));
            from.push(quote_ident(key));
        }
        for (column, expression) in &target.set {
            to.push(quote_ident(column));
            from.push(fenced(expression));
        }
        let own = target.filter.as_deref().map(is_true);
        Write::Ours {
            head: format!(
                "INSERT INTO {} AS {} ({})\nSELECT {}\nFROM {}",
                quote_table(&into.full_name()),
                quote_ident(&into.name),
                to.join(", "),
                from.join(", "),
                keyset.table(),
            ),
            filters: filter.map(str::to_owned).into_iter().chain(own).collect(),
            tail: "\nFOR SHARE",
            end: on_conflict(target, into),
        }
    };
    resolved.map(insert).collect()
}

fn on_conflict(target: &Target, into: &Table) -> String {
    let key: Vec<_> = target.key.iter().map(|(to, _)| quote_ident(to)).collect();
    let key = key.join(", ");
    if target.existing == Existing::Keep || target.set.is_empty() {
        return format!("\nON CONFLICT ({key}) DO NOTHING");
    }
    let columns: Vec<_> = target.set.iter().map(|(to, _)| quote_ident(to)).collect();
    let of = |row: &str| {
        let columns = columns.iter().map(|column| format!("{row}.{column}"));
        columns.collect::<Vec<_>>().join(", ")
    };
    let set = columns
        .iter()
        .map(|column| format!("{column} = excluded.{column}"));
    format!(
        "\nON CONFLICT ({key}) DO UPDATE SET\n{}\nWHERE {}",
        set.collect::<Vec<_>>().join(",\n"),
        image_ne(&of(&quote_ident(&into.name)), &of("excluded")),
    )
}

/// Flags a walked row that belongs into a target and is not there as it should
/// be, or does not belong there and is. What a target holds of rows that are
/// gone is not seen: parity looks from both sides.
///
/// The values are computed apart from the target's row: in one scope a name that
/// both tables have would mean the target's.
pub(super) fn proof(
    keyset: &Keyset,
    table: &Table,
    targets: &[Target],
    filter: Option<&str>,
) -> Reads {
    let (mut wants, mut flags) = (Vec::new(), Vec::new());
    for (place, (target, into)) in targets.iter().zip(&table.into).enumerate() {
        let own = target.filter.as_deref().map(is_true);
        let conditions: Vec<_> = filter.map(str::to_owned).into_iter().chain(own).collect();
        let belongs = match conditions.is_empty() {
            true => "true".to_owned(),
            false => conditions.join(" AND "),
        };
        wants.push(format!("({belongs}) AS belongs_{place}"));
        let (mut have, mut want) = (Vec::new(), Vec::new());
        for (at, ((column, expression), set)) in target.set.iter().zip(&into.set).enumerate() {
            let value = format!("value_{place}_{at}");
            // Where it does not belong, its expression may fail.
            wants.push(format!(
                "CASE WHEN {belongs} THEN {} END::{} AS {value}",
                fenced(expression),
                set.data_type,
            ));
            have.push(format!("{THERE}.{}", quote_ident(column)));
            want.push(format!("{WANTED}.{value}"));
        }
        let there = there(keyset, target, into);
        let right = match target.existing == Existing::Keep || have.is_empty() {
            true => there.clone(),
            false => {
                let differs = image_ne(&have.join(", "), &want.join(", "));
                format!("{there} AND NOT {differs}")
            }
        };
        flags.push(format!(
            "CASE WHEN {WANTED}.belongs_{place} THEN NOT EXISTS ({right}) ELSE EXISTS ({there}) END"
        ));
    }
    let flag = format!("({})", flags.join("\nOR "));
    Reads {
        wants: Some(format!(
            "CROSS JOIN LATERAL (SELECT\n{}) {WANTED}",
            wants.join(",\n")
        )),
        counted: flag.clone(),
        flag,
        image: "NULL::text".into(),
    }
}

/// The target's row of a walked row's key.
fn there(keyset: &Keyset, target: &Target, into: &Table) -> String {
    let same = target.key.iter().map(|(to, from)| {
        format!(
            "{THERE}.{} = {}.{}",
            quote_ident(to),
            keyset.name(),
            quote_ident(from)
        )
    });
    let same: Vec<_> = same.collect();
    let table = quote_table(&into.full_name());
    format!(
        "SELECT FROM {table} AS {THERE} WHERE {}",
        same.join(" AND ")
    )
}
