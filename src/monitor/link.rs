//! Owns one polling session and how its queries fail; never retries.

use std::collections::HashMap;
use std::time::Duration;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement};

use crate::pg::connect::Target;
use crate::pg::session::{Bounded, Purpose, Session, open};
use crate::reading::Absence;
use crate::run::fault::{Fault, Trouble};

/// For one query, on our clock; the server's own limit is 1 s.
const DEADLINE: Duration = Duration::from_millis(1500);

/// Why a signal has no value this time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Missed {
    /// The session is of no more use; clean.
    Lost(String),
    /// This signal alone.
    Absent(Absence),
}

/// A session that asks the same queries again and again.
pub(super) struct Link {
    session: Session,
    prepared: HashMap<&'static str, Statement>,
}

impl Link {
    pub(super) async fn open(target: &Target) -> Result<Self, String> {
        match open(target, Purpose::Monitor).await {
            Ok(session) => Ok(Self {
                session,
                prepared: HashMap::new(),
            }),
            Err(error) => Err(error.fault().message),
        }
    }

    /// The rows of a fixed query.
    pub(super) async fn rows(
        &mut self,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Missed> {
        let known = self.prepared.get(sql).cloned();
        let client = self.session.client();
        let asked = async {
            let statement = match known {
                Some(statement) => statement,
                None => client.prepare(sql).await?,
            };
            let rows = client.query(&statement, parameters).await?;
            Ok((statement, rows))
        };
        let (statement, rows) = self
            .session
            .bounded(DEADLINE, asked)
            .await
            .map_err(|error| self.missed(&error))?;
        self.prepared.insert(sql, statement);
        Ok(rows)
    }

    /// The row of a fixed query that always gives one.
    pub(super) async fn row(
        &mut self,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Row, Missed> {
        let rows = self.rows(sql, parameters).await?;
        rows.into_iter()
            .next()
            .ok_or_else(|| Missed::Absent(Absence::Failed("no row".to_owned())))
    }

    fn missed(&self, error: &Bounded) -> Missed {
        missed(match error {
            Bounded::Failed(error) => self.session.describe(error),
            error => error.fault(),
        })
    }
}

/// What a fault means for the one signal, or for the session.
pub(super) fn missed(fault: Fault) -> Missed {
    Missed::Absent(match fault.trouble {
        Trouble::ConnectionLost | Trouble::Unavailable => return Missed::Lost(fault.message),
        Trouble::Privilege => Absence::NoPrivilege,
        Trouble::Deadline | Trouble::Cancelled | Trouble::LockTimeout => Absence::TimedOut,
        _ => Absence::Failed(fault.message),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lost_session_is_lost() {
        let of = |trouble| missed(Fault::new(trouble, "why"));
        assert_eq!(of(Trouble::ConnectionLost), Missed::Lost("why".to_owned()));
        assert_eq!(of(Trouble::Privilege), Missed::Absent(Absence::NoPrivilege));
        assert_eq!(of(Trouble::Cancelled), Missed::Absent(Absence::TimedOut));
        assert_eq!(
            of(Trouble::Changed),
            Missed::Absent(Absence::Failed("why".to_owned()))
        );
    }
}
