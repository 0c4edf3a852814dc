//! Owns what CREATE INDEX CONCURRENTLY leaves behind; never decides to build.
//!
//! A concurrent build that fails or is cancelled leaves an invalid index under
//! its name: it slows writes, serves nobody, and IF NOT EXISTS takes it for done.
//! One of that name which is defined otherwise is somebody else's, in any try.

use std::time::Duration;

use squawk_syntax::SourceFile;
use squawk_syntax::ast::{self, AstNode};
use tokio_postgres::types::ToSql;

use super::OURS;
use super::definition::Definition;
use super::statement::{self, MAX_STATEMENT};
use super::supervise::Supervisor;
use crate::pg::session::Session;
use crate::run::fault::{Fault, Trouble};
use crate::text::clean_bounded;

/// A statement that builds a named index concurrently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Build {
    /// As written.
    index: String,
    /// As written.
    table: String,
    definition: Definition,
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
    /// Of another table, or of other columns; as the server writes it.
    Other {
        definition: Option<String>,
    },
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
            definition: Definition::of(&create),
        })
    }

    /// Makes room for the build, which may take until `deadline`: `false` if an
    /// earlier try has built it already.
    ///
    /// # Errors
    /// `Changed` for an index that is not this task's leftover, `LockTimeout`
    /// while it is still being built.
    pub(super) async fn prepare(
        &self,
        session: &Session,
        again: bool,
        deadline: Duration,
        supervisor: &mut Supervisor<'_>,
    ) -> Result<bool, Fault> {
        match self.state(session).await? {
            State::Missing => Ok(true),
            State::Valid if again => Ok(false),
            // The server has its say: an error, or IF NOT EXISTS.
            State::Valid => Ok(true),
            State::Invalid { remove } if again => {
                let removed = statement::run(session, &remove);
                supervisor.run(deadline, removed).await?;
                Ok(true)
            }
            State::Invalid { remove } => Err(self
                .fault(Trouble::Changed, "exists already and is invalid")
                .with_hint(format!("see who left it, then: {remove}"))),
            State::Building { pid } => Err(self.fault(
                Trouble::LockTimeout,
                &format!("is still being built by pid {pid}"),
            )),
            State::Other { definition } => {
                let mut fault = self.fault(Trouble::Changed, "exists already and is another one");
                fault.detail = definition;
                Err(fault.with_hint("give the step's index another name, or drop the other"))
            }
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
        let names: [&(dyn ToSql + Sync); 2] = [&self.index, &self.table];
        let sql = include_str!("sql/index.sql");
        let look = session.client().query_opt(sql, &names);
        let row = session.bounded(OURS, look).await;
        let Some(row) = row.map_err(|error| session.fault(&error))? else {
            return Ok(State::Missing);
        };
        let definition: Option<String> = row.get("definition");
        let is_ours =
            definition.as_deref().and_then(Definition::read).as_ref() == Some(&self.definition);
        Ok(match (is_ours, row.get("builder"), row.get("valid")) {
            (false, _, _) => State::Other {
                definition: definition.map(|other| clean_bounded(&other, MAX_STATEMENT)),
            },
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
                definition: Definition::read(sql).unwrap(),
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
