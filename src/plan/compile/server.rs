//! Owns what has to be true of a server before any plan is made for it.

use super::draft::Draft;
use super::publication;
use super::refusal::Refusal;
use crate::plan::catalog::Catalog;
use crate::runbook::{Connection, Runbook};

/// The oldest server that our own SQL is written for, as `server_version_num`.
const OLDEST: u32 = 130_000;

/// Checks one connection.
pub(super) fn check(
    draft: &mut Draft,
    runbook: &Runbook,
    connection: &Connection,
    catalog: &Catalog,
) {
    let id = &connection.id;
    let version = catalog.server.version_num;
    if version < OLDEST {
        let message = format!("`{id}` is a Postgres {}", version / 10_000);
        draft.refuse(
            Refusal::new("server-too-old", message).hint("13 is the oldest that is supported"),
        );
    }
    let database = &catalog.server.database;
    if let Some(expected) = &connection.expect.database
        && expected != database
    {
        let message =
            format!("`{id}` is the database `{database}`, the runbook expects `{expected}`");
        let hint = "check where the connection's address comes from, or `expect.database`";
        draft.refuse(Refusal::new("wrong-database", message).hint(hint));
    }
    if let Some(primary) = connection.expect.primary
        && primary == catalog.in_recovery
    {
        let (is, expected) = if primary {
            ("standby", "primary")
        } else {
            ("primary", "standby")
        };
        let message = format!("`{id}` is a {is}, the runbook expects a {expected}");
        draft.refuse(
            Refusal::new("wrong-role", message)
                .hint("check where the connection's address comes from"),
        );
    } else if catalog.in_recovery && (&runbook.journal == id || runs_on(runbook, connection)) {
        let message = format!("`{id}` is a standby: nothing can be written there");
        draft.refuse(Refusal::new("wrong-role", message).hint("connect to the primary"));
    }
    publication::check_own_tables(draft, runbook, connection, catalog);
}

/// Whether a step writes there.
fn runs_on(runbook: &Runbook, connection: &Connection) -> bool {
    let steps = runbook.phases.iter().flat_map(|phase| {
        let back = phase.rollback.iter().flatten();
        phase.steps.iter().chain(back)
    });
    steps
        .into_iter()
        .any(|step| step.on == connection.id && step.action.mutates())
}
