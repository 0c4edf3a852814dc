//! Owns one statement of the operator's, run verbatim; never a transaction.

use std::pin::pin;

use futures_util::TryStreamExt;
use squawk_syntax::ast;
use squawk_syntax::{SourceFile, SyntaxKind};
use tokio_postgres::SimpleQueryMessage;

use crate::pg::session::Session;
use crate::run::fault::{Fault, Trouble};
use crate::runbook::SqlExpect;
use crate::text::clean_bounded;

/// Longest statement in a fault, in characters.
pub(super) const MAX_STATEMENT: usize = 200;

/// First words of statements that answer without a count of rows. `CREATE
/// TABLE AS` is among them: its count is not worth a round trip under locks.
const COUNTLESS: &[&str] = &[
    "ALTER", "ANALYZE", "CALL", "CLUSTER", "COMMENT", "CREATE", "DO", "DROP", "GRANT", "LOCK",
    "REFRESH", "REINDEX", "REVOKE", "SECURITY", "SET", "TRUNCATE", "VACUUM",
];

/// First words of statements that would end the transaction around them, and
/// with it the promise that the record commits together with the work.
const CONTROL: &[&str] = &["BEGIN", "START", "COMMIT", "END", "ABORT", "ROLLBACK"];

/// What a statement gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reply {
    /// Rows affected or returned.
    pub(super) rows: u64,
    /// The first column of the first row, as text.
    value: Option<String>,
    returned: u64,
}

impl Reply {
    /// Whether it is what the runbook expects.
    pub(super) fn meets(&self, expect: &SqlExpect) -> Result<(), Fault> {
        let (met, found, wanted) = match expect {
            SqlExpect::Rows(rows) => (self.rows == *rows, self.rows.to_string(), rows.to_string()),
            SqlExpect::Value(value) => (
                self.returned == 1 && self.value.as_ref() == Some(value),
                self.found(),
                value.clone(),
            ),
        };
        match met {
            true => Ok(()),
            false => Err(Fault::new(
                Trouble::Unexpected,
                clean_bounded(
                    &format!("expected `{wanted}`, found `{found}`"),
                    MAX_STATEMENT,
                ),
            )),
        }
    }

    fn found(&self) -> String {
        match (self.returned, &self.value) {
            (1, Some(value)) => value.clone(),
            (1, None) => "NULL".to_owned(),
            (rows, _) => format!("{rows} rows"),
        }
    }
}

/// Runs one statement, as it is.
///
/// # Errors
/// What the server says, with the statement.
pub(super) async fn run(session: &Session, sql: &str) -> Result<Reply, Fault> {
    ask(session, sql).await.map_err(|error| {
        let mut fault = session.describe(&error);
        fault.statement = Some(shortened(sql));
        fault
    })
}

async fn ask(session: &Session, sql: &str) -> Result<Reply, tokio_postgres::Error> {
    let mut messages = pin!(session.client().simple_query_raw(sql).await?);
    let mut reply = Reply::default();
    while let Some(message) = messages.try_next().await? {
        match message {
            SimpleQueryMessage::CommandComplete(rows) => reply.rows = rows,
            SimpleQueryMessage::Row(row) => {
                if reply.returned == 0 {
                    reply.value = row.get(0).map(str::to_owned);
                }
                reply.returned += 1;
            }
            _ => {}
        }
    }
    Ok(reply)
}

/// The statement on one line, for a fault.
pub(super) fn shortened(sql: &str) -> String {
    clean_bounded(sql.trim(), MAX_STATEMENT)
}

/// Whether its count of rows is known only from its answer.
pub(super) fn counts_rows(sql: &str) -> bool {
    !COUNTLESS.contains(&first_word(sql).as_str())
}

/// Whether it builds, drops or rebuilds an index beside reads and writes.
pub(super) fn is_concurrent(sql: &str) -> bool {
    let parse = SourceFile::parse(sql);
    let of_an_index = matches!(
        parse.tree().stmts().next(),
        Some(ast::Stmt::CreateIndex(_) | ast::Stmt::DropIndex(_) | ast::Stmt::Reindex(_))
    );
    let mut tokens = parse.syntax_node().descendants_with_tokens();
    of_an_index && tokens.any(|element| element.kind() == SyntaxKind::CONCURRENTLY_KW)
}

/// Refuses statements that would end the transaction around them.
pub(super) fn refuse_control(statements: &[String]) -> Result<(), Fault> {
    match statements
        .iter()
        .find(|sql| CONTROL.contains(&first_word(sql).as_str()))
    {
        None => Ok(()),
        Some(sql) => {
            let mut fault = Fault::new(
                Trouble::Unexpected,
                format!(
                    "`{}` would end the transaction of the step",
                    first_word(sql)
                ),
            )
            .with_hint("the step is one transaction by itself; take the statement out");
            fault.statement = Some(shortened(sql));
            Err(fault)
        }
    }
}

/// Its first word in upper case, behind any comments.
fn first_word(sql: &str) -> String {
    SourceFile::parse(sql)
        .syntax_node()
        .descendants_with_tokens()
        .filter_map(|element| element.into_token())
        .find(|token| !token.kind().is_trivia())
        .map_or_else(String::new, |token| token.text().to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ddl_is_known_to_count_nothing() {
        assert!(!counts_rows("ALTER TABLE t ADD c int"));
        assert!(!counts_rows("-- why\n/* and */ create table t ()"));
        assert!(counts_rows("UPDATE t SET c = 1"));
        assert!(counts_rows(
            "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x"
        ));
        assert!(counts_rows("no statement at all"));
    }

    #[test]
    fn an_index_beside_reads_and_writes_is_concurrent() {
        for (sql, concurrent) in [
            ("create unique index concurrently i on t (c)", true),
            ("DROP INDEX CONCURRENTLY IF EXISTS i", true),
            ("REINDEX INDEX CONCURRENTLY i", true),
            ("REINDEX (VERBOSE, CONCURRENTLY) TABLE t", true),
            ("CREATE INDEX concurrent ON t (c)", false),
            // Their last phases stand in others' way.
            ("ALTER TABLE t DETACH PARTITION p CONCURRENTLY", false),
            ("REFRESH MATERIALIZED VIEW CONCURRENTLY m", false),
        ] {
            assert_eq!(is_concurrent(sql), concurrent, "{sql}");
        }
    }

    #[test]
    fn a_commit_behind_a_comment_is_found() {
        let statements = ["SELECT 1".to_owned(), "-- done\ncommit".to_owned()];
        let fault = refuse_control(&statements).unwrap_err();
        assert!(fault.message.contains("COMMIT"), "{fault}");
        assert!(refuse_control(&statements[..1]).is_ok());
    }

    #[test]
    fn an_expected_value_is_one_row_that_reads_so() {
        let reply = |returned, value: Option<&str>| Reply {
            rows: returned,
            value: value.map(str::to_owned),
            returned,
        };
        let expect = SqlExpect::Value("t".to_owned());
        assert!(reply(1, Some("t")).meets(&expect).is_ok());
        for other in [
            reply(0, None),
            reply(2, Some("t")),
            reply(1, None),
            reply(1, Some("f")),
        ] {
            assert!(other.meets(&expect).is_err(), "{other:?}");
        }
        assert!(reply(3, None).meets(&SqlExpect::Rows(3)).is_ok());
        assert!(reply(2, None).meets(&SqlExpect::Rows(3)).is_err());
    }
}
