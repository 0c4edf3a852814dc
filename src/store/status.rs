//! The lead's own picture, once a second, for terminals that only look.
//!
//! Owns that row; what is in it is the report's. Lossy on purpose: the newest
//! wins, and what happened is in the journal.

use std::time::Duration;

use serde_json::Value;
use tokio_postgres::types::Type;

use super::lease::Lease;
use crate::pg::session::Session;
use crate::run::event::RunId;
use crate::run::fault::Fault;

/// Replaces the picture, where the lease still holds.
///
/// # Errors
/// The server's.
pub async fn publish(session: &Session, lease: &Lease, picture: &Value) -> Result<(), Fault> {
    let text = picture.to_string();
    session
        .client()
        .execute_typed(
            include_str!("sql/status_publish.sql"),
            &[
                (&lease.run.0, Type::TEXT),
                (&lease.token, Type::TEXT),
                (&text, Type::TEXT),
            ],
        )
        .await
        .map_err(|error| session.describe(&error))?;
    Ok(())
}

/// The newest picture and its age, by the server's clock.
///
/// # Errors
/// The server's, or `Other` for one that is no JSON.
pub async fn newest(session: &Session, run: &RunId) -> Result<Option<(Value, Duration)>, Fault> {
    let row = session
        .client()
        .query_opt(include_str!("sql/status_newest.sql"), &[&run.0])
        .await
        .map_err(|error| session.describe(&error))?;
    Ok(row.and_then(|row| {
        let picture = serde_json::from_str(row.get("body")).ok()?;
        let age = row.get::<_, i64>("age_ms").max(0).unsigned_abs();
        Some((picture, Duration::from_millis(age)))
    }))
}
