//! Owns the server-side limits of a step's statements; the client's own
//! deadline is `supervise`'s.

use std::time::Duration;

use tokio_postgres::{Client, Error, Statement};

use super::limits::Limits;

/// How much later than our own deadline the server gives up by itself: it is
/// there for a client that is gone.
const MARGIN: Duration = Duration::from_secs(1);

/// Values of `lock_timeout`, `statement_timeout` and `synchronous_commit`.
pub(super) struct Timeouts {
    lock: String,
    statement: String,
    synchronous_commit: String,
}

impl Timeouts {
    /// Those of the limits. Never 0, which the server reads as "for ever".
    pub(super) fn of(limits: Limits) -> Self {
        Self {
            lock: milliseconds(limits.lock),
            statement: milliseconds(limits.deadline + MARGIN),
            // A commit that waits for a missing standby holds its locks beyond
            // every timeout; `replication` waits when they are gone.
            synchronous_commit: "local".to_owned(),
        }
    }

    /// What the session has now.
    pub(super) async fn now(client: &Client) -> Result<Self, Error> {
        let row = client
            .query_one(include_str!("sql/timeouts_now.sql"), &[])
            .await?;
        Ok(Self {
            lock: row.get("lock_timeout"),
            statement: row.get("statement_timeout"),
            synchronous_commit: row.get("synchronous_commit"),
        })
    }

    pub(super) async fn prepare(client: &Client) -> Result<Statement, Error> {
        client.prepare(include_str!("sql/timeouts.sql")).await
    }

    /// Sets them with what [`Self::prepare`] gave, for the session or for its
    /// transaction alone.
    pub(super) async fn set(
        &self,
        client: &Client,
        set: &Statement,
        local: bool,
    ) -> Result<(), Error> {
        let values = [&self.lock, &self.statement, &self.synchronous_commit];
        client
            .query_one(set, &[values[0], values[1], values[2], &local])
            .await?;
        Ok(())
    }
}

/// As a setting reads it; at least 1.
fn milliseconds(time: Duration) -> String {
    format!("{}ms", time.as_millis().clamp(1, i32::MAX as u128))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_timeout_is_never_written_as_zero() {
        assert_eq!(milliseconds(Duration::ZERO), "1ms");
        assert_eq!(milliseconds(Duration::from_millis(300)), "300ms");
        assert_eq!(milliseconds(Duration::MAX), "2147483647ms");
    }
}
