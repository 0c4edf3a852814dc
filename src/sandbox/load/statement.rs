//! Owns the shop's statements, prepared once a connection; never their results.

use std::collections::HashMap;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

use super::Generation;

/// What a client says to the server. The column is part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Statement {
    Insert(Generation),
    Update(Generation),
    Read(Generation),
    Visit,
    Delete,
}

impl Statement {
    fn sql(self) -> &'static str {
        use Generation::{New, Old};
        body(match self {
            Self::Insert(Old) => include_str!("sql/insert_old.sql"),
            Self::Insert(New) => include_str!("sql/insert_new.sql"),
            Self::Update(Old) => include_str!("sql/update_old.sql"),
            Self::Update(New) => include_str!("sql/update_new.sql"),
            Self::Read(Old) => include_str!("sql/read_old.sql"),
            Self::Read(New) => include_str!("sql/read_new.sql"),
            Self::Visit => include_str!("sql/visit.sql"),
            Self::Delete => include_str!("sql/delete.sql"),
        })
    }
}

/// A file without its header: an operator reads these in `pg_stat_activity`.
pub(super) fn body(file: &'static str) -> &'static str {
    let mut rest = file;
    while let Some((line, after)) = rest.split_once('\n')
        && line.starts_with("--")
    {
        rest = after;
    }
    rest.trim_end()
}

/// A connection with what was prepared on it, each at its first use: not every
/// column is there all the time.
#[derive(Debug)]
pub(super) struct Session {
    client: tokio_postgres::Client,
    prepared: HashMap<Statement, tokio_postgres::Statement>,
}

impl Session {
    pub(super) fn new(client: tokio_postgres::Client) -> Self {
        Self {
            client,
            prepared: HashMap::new(),
        }
    }

    /// Runs it for its rows.
    pub(super) async fn query(
        &mut self,
        statement: Statement,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, Error> {
        let prepared = self.prepare(statement).await?;
        self.client.query_opt(&prepared, parameters).await
    }

    /// Runs it for the number of rows that it changed.
    pub(super) async fn execute(
        &mut self,
        statement: Statement,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, Error> {
        let prepared = self.prepare(statement).await?;
        self.client.execute(&prepared, parameters).await
    }

    async fn prepare(&mut self, statement: Statement) -> Result<tokio_postgres::Statement, Error> {
        if let Some(prepared) = self.prepared.get(&statement) {
            return Ok(prepared.clone());
        }
        let prepared = self.client.prepare(statement.sql()).await?;
        self.prepared.insert(statement, prepared.clone());
        Ok(prepared)
    }
}
