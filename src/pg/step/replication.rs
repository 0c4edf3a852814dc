//! Owns the wait for synchronous standbys after a step's locks are gone; never
//! fails a step, which is committed by then.

use std::time::Duration;

use tokio::time::Instant;

use crate::pg::session::Session;

/// How long they may take before we say so and go on.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether the standbys that the server waits for have what was committed
/// before; true where it waits for none.
pub(super) async fn wait(session: &Session) -> bool {
    match waits(session).await {
        Some(false) => true,
        Some(true) => message(session).await,
        None => false,
    }
}

async fn waits(session: &Session) -> Option<bool> {
    let rows = session
        .client()
        .query_one(include_str!("sql/standbys.sql"), &[]);
    session
        .bounded(PATIENCE, rows)
        .await
        .ok()
        .map(|row| row.get("waits"))
}

/// A cancelled wait for a standby is a warning and a success: the time tells.
async fn message(session: &Session) -> bool {
    let began = Instant::now();
    let written = session
        .client()
        .batch_execute(include_str!("sql/message.sql"));
    session.bounded(PATIENCE, written).await.is_ok() && began.elapsed() < PATIENCE
}
