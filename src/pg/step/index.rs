//! Owns what CREATE INDEX CONCURRENTLY leaves behind; never decides to build.
//!
//! A concurrent build that fails or is cancelled leaves an invalid index under
//! its name: it slows writes, serves nobody, and IF NOT EXISTS takes it for done.

use squawk_syntax::SourceFile;
use squawk_syntax::ast::{self, AstNode};

use super::statement;
use super::supervise::Supervisor;
use crate::pg::session::Session;
use crate::run::fault::{Fault, Trouble};

/// A statement that builds a named index concurrently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Build {
    /// As written.
    index: String,
    /// As written.
    table: String,
    unique: bool,
}

/// How the index of that name stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Missing,
    /// Ours to use.
    Valid,
    /// Left behind; dropped by this statement.
    Invalid {
        remove: String,
    },
    /// Somebody builds it right now.
    Building {
        pid: i32,
    },
    /// Of another table, or not unique where ours is, or the other way round.
    Other,
}

impl Build {
    /// What the statement builds; `None` for any other statement, and for an
    /// index without a name: the server makes a new one up each time.
    pub(super) fn of(sql: &str) -> Option<Self> {
        let statement = SourceFile::parse(sql).tree().stmts().next()?;
        let ast::Stmt::CreateIndex(create) = statement else {
            return None;
        };
        create.concurrently_token()?;
        let table = create.table_relation_name()?.table_name_ref()?;
        Some(Self {
            index: create
                .index()?
                .syntax()
                .text()
                .to_string()
                .trim()
                .to_owned(),
            table: table.syntax().text().to_string().trim().to_owned(),
            unique: create.unique_token().is_some(),
        })
    }

    /// Makes room for the build: `false` if an earlier try has built it already.
    ///
    /// # Errors
    /// `Changed` for an index that is not this task's leftover, `LockTimeout`
    /// while it is still being built.
    pub(super) async fn prepare(
        &self,
        session: &Session,
        again: bool,
        supervisor: &mut Supervisor<'_>,
    ) -> Result<bool, Fault> {
        match self.state(session).await? {
            State::Missing => Ok(true),
            State::Valid if again => Ok(false),
            // The server has its say: an error, or IF NOT EXISTS.
            State::Valid => Ok(true),
            State::Invalid { remove } if again => {
                supervisor.run(statement::run(session, &remove)).await?;
                Ok(true)
            }
            State::Invalid { remove } => Err(self
                .fault(Trouble::Changed, "exists already and is invalid")
                .with_hint(format!("see who left it, then: {remove}"))),
            State::Building { pid } => Err(self.fault(
                Trouble::LockTimeout,
                &format!("is still being built by pid {pid}"),
            )),
            State::Other => Err(self.fault(Trouble::Changed, "exists already and is another one")),
        }
    }

    /// Whether the build left a valid index: its success alone does not say so.
    pub(super) async fn check(&self, session: &Session) -> Result<(), Fault> {
        match self.state(session).await? {
            State::Valid => Ok(()),
            _ => Err(self.fault(Trouble::Unexpected, "is not there as a valid index")),
        }
    }

    /// Adds to a failed build's fault what it left behind.
    pub(super) async fn explain(&self, session: &Session, mut fault: Fault) -> Fault {
        if let Ok(State::Invalid { remove }) = self.state(session).await {
            fault.detail = Some(format!(
                "the build left an invalid index `{}` behind",
                self.index
            ));
            fault.hint = Some(format!(
                "another try drops it first; to be rid of it now: {remove}"
            ));
        }
        fault
    }

    async fn state(&self, session: &Session) -> Result<State, Fault> {
        let row = session
            .client()
            .query_opt(include_str!("sql/index.sql"), &[&self.index, &self.table])
            .await
            .map_err(|error| session.describe(&error))?;
        let Some(row) = row else {
            return Ok(State::Missing);
        };
        let ours = row.get::<_, bool>("fits") && row.get::<_, bool>("is_unique") == self.unique;
        Ok(match (ours, row.get("builder"), row.get("valid")) {
            (false, _, _) => State::Other,
            (true, Some(pid), _) => State::Building { pid },
            (true, None, true) => State::Valid,
            (true, None, false) => State::Invalid {
                remove: row.get("remove"),
            },
        })
    }

    fn fault(&self, trouble: Trouble, what: &str) -> Fault {
        Fault::new(trouble, format!("index `{}` {what}", self.index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_concurrent_build_is_read_from_its_statement() {
        let sql = "create unique index concurrently if not exists \"By Mail\"\n on only app.\"Users\" using btree (email)";
        assert_eq!(
            Build::of(sql),
            Some(Build {
                index: "\"By Mail\"".to_owned(),
                table: "app.\"Users\"".to_owned(),
                unique: true,
            })
        );
    }

    #[test]
    fn other_statements_build_nothing() {
        for sql in [
            "CREATE INDEX i ON t (c)",
            "CREATE INDEX CONCURRENTLY ON t (c)",
            "REINDEX INDEX CONCURRENTLY i",
            "no statement",
        ] {
            assert_eq!(Build::of(sql), None, "{sql}");
        }
    }
}
