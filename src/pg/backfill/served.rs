//! Owns the proof that an index serves a walk over matching rows alone; never
//! walks.

use serde_json::Value;

use super::Job;
use super::range::Part;
use crate::pg::chunked::ChunkedSession;
use crate::plan::sql::BackfillSql;
use crate::run::fault::{Fault, Trouble};
use crate::runbook::Walk;

/// A chunk's rows, for the plan that is looked at.
const ROWS: u32 = 1000;
/// What the server would rather do on a small table says nothing about a large
/// one: with all this out of the way it takes the index that there is.
const ONLY_INDEXES: &str = "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;
    SET LOCAL enable_sort = off; SET LOCAL enable_incremental_sort = off";

/// Refuses a walk over matching rows that no index serves: each chunk would
/// read all rows that do not match, up to the next one that does.
pub(super) async fn check(session: &ChunkedSession, job: &Job, part: &Part) -> Result<(), Fault> {
    if job.spec.walk == Walk::Table {
        return Ok(());
    }
    let sql = BackfillSql::of_part(&job.table, &part.name, &job.spec).bound_of(ROWS);
    let client = session.client();
    let explain = async {
        client.batch_execute("BEGIN").await?;
        client.batch_execute(ONLY_INDEXES).await?;
        let explain = format!("EXPLAIN (FORMAT JSON) {sql}");
        let rows = client.query_typed(&explain, &[]).await?;
        client.batch_execute("ROLLBACK").await?;
        Ok(rows.into_iter().next())
    };
    let row = session.run(explain).await?;
    let plan: Value = row.map_or(Value::Null, |row| row.get(0));
    match is_served(&plan) {
        true => Ok(()),
        false => Err(unserved(job, part)),
    }
}

/// Whether every scan is one of an index and has nothing left to filter.
fn is_served(plan: &Value) -> bool {
    match plan {
        Value::Array(all) => all.iter().all(is_served),
        Value::Object(node) => {
            let kind = node
                .get("Node Type")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let scans =
                kind.contains("Scan") && !kind.contains("CTE") && !kind.contains("Subquery");
            let by_index = kind.starts_with("Index") && !node.contains_key("Filter");
            (by_index || !(scans || kind.contains("Sort"))) && node.values().all(is_served)
        }
        _ => true,
    }
}

fn unserved(job: &Job, part: &Part) -> Fault {
    let filter = job.spec.filter.as_deref().unwrap_or("true");
    let message = format!(
        "no index of {} holds just the rows of `walk = \"rows\"`",
        part.name
    );
    let hint = format!(
        "CREATE INDEX CONCURRENTLY .. ON {} ({}) WHERE {filter}, or leave `walk` out",
        part.name,
        job.spec.key.join(", "),
    );
    Fault::new(Trouble::Changed, message).with_hint(hint)
}
