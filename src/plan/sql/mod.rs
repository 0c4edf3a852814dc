//! Owns the statements that work on a migrated table, and with them the only
//! place where an identifier or an expression of the runbook becomes SQL text;
//! never runs one.
//!
//! Three rules hold for all of them:
//!
//! - Key values travel as text and are cast on the server
//!   (`$1::text::bigint`), so that one code path serves every type. The driver
//!   declares every parameter `text`, except the row limit, which is `bigint`.
//! - The runbook's expressions stand in parentheses on lines of their own, so
//!   that a trailing `--` comment cannot eat what follows; loading has proved
//!   that each is one expression.
//! - The table goes by its own name and nothing else is in scope, so that an
//!   expression may say `email` or `users.email`.

mod backfill;
mod into;
mod keyset;
mod parity;

pub use backfill::BackfillSql;
pub use keyset::{Ends, Keyset};
pub use parity::ParitySql;

use super::Table;
use crate::runbook::ident::{quote_ident, quote_table};

/// A VACUUM that never truncates, which would take ACCESS EXCLUSIVE, and that
/// takes no parallel workers from others.
pub fn vacuum(table: &Table) -> String {
    let (schema, name) = (quote_ident(&table.schema), quote_ident(&table.name));
    format!("VACUUM (TRUNCATE false, PARALLEL 0) {schema}.{name}")
}

/// An expression of the runbook, fenced off from the text around it.
fn fenced(expression: &str) -> String {
    format!("(\n{expression}\n)")
}

/// The strict difference of two lists of values: by their bytes. IS DISTINCT
/// FROM fails on json and hides char padding, numeric scale and -0.
///
/// The function behind the operator `*<>`, since the parser takes `ROW(..) *<>
/// ROW(..)` apart into its columns.
fn image_ne(left: &str, right: &str) -> String {
    format!("pg_catalog.record_image_ne(\nROW({left}),\nROW({right}))")
}

#[cfg(test)]
mod tests;
