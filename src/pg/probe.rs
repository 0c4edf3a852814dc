//! Owns a boolean question to the database (`done_when`, a gate's query); never
//! takes no answer for an answer.

use std::pin::pin;
use std::time::Duration;

use futures_util::TryStreamExt;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};

use super::session::{Bounded, Session};
use crate::run::fault::{Fault, Trouble};
use crate::text::clean_bounded;

/// How much later than our own deadline the server gives up by itself.
const MARGIN: Duration = Duration::from_secs(1);
/// Longest query in a fault, in characters.
const MAX_QUERY: usize = 200;

/// What a boolean query gave. Only the first two say anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// One row, true.
    True,
    /// One row, false.
    False,
    /// One row, NULL.
    Null,
    /// No row.
    NoRow,
    /// More than one row.
    ManyRows,
}

impl Answer {
    /// Yes, no, or nothing that can be relied on.
    pub fn known(self) -> Option<bool> {
        match self {
            Self::True => Some(true),
            Self::False => Some(false),
            Self::Null | Self::NoRow | Self::ManyRows => None,
        }
    }

    /// A few words for a gate's reason.
    pub fn word(self) -> &'static str {
        match self {
            Self::True => "true",
            Self::False => "false",
            Self::Null => "NULL",
            Self::NoRow => "no row",
            Self::ManyRows => "more than one row",
        }
    }
}

/// Asks the query, one statement with one boolean column, in a READ ONLY
/// transaction that is rolled back. The statement is parsed by itself, so it
/// cannot bring a second one along.
///
/// # Errors
/// What the server says; `Deadline`; `Unexpected` for a query that is not
/// boolean. After `ConnectionLost` the session is of no more use.
pub async fn ask(session: &Session, query: &str, deadline: Duration) -> Result<Answer, Fault> {
    let client = session.client();
    let answer = session
        .bounded(deadline, asked(client, query, deadline))
        .await;
    if !matches!(answer, Err(Bounded::Unresponsive { .. })) {
        // Nothing was written; an error here shows at the next question.
        let _ = client.batch_execute("ROLLBACK").await;
    }
    let fault = match answer {
        Ok(Some(answer)) => return Ok(answer),
        Ok(None) => Fault::new(
            Trouble::Unexpected,
            "the query does not give one boolean column",
        ),
        Err(Bounded::Failed(error)) => session.describe(&error),
        Err(bounded) => bounded.fault(),
    };
    Err(Fault {
        statement: Some(clean_bounded(query.trim(), MAX_QUERY)),
        ..fault
    })
}

/// `None` where the query is not boolean.
async fn asked(client: &Client, query: &str, deadline: Duration) -> Result<Option<Answer>, Error> {
    let timeout = format!("{}ms", (deadline + MARGIN).as_millis());
    let set = "SELECT set_config('statement_timeout', $1, true)";
    let value = [(&timeout as _, Type::TEXT)];
    let (begun, limited) = tokio::join!(
        biased;
        client.batch_execute("BEGIN READ ONLY"),
        client.query_typed(set, &value),
    );
    begun.and(limited)?;
    let statement = client.prepare(query).await?;
    match statement.columns() {
        [column] if *column.type_() == Type::BOOL => {}
        _ => return Ok(None),
    }
    let nothing: [i32; 0] = [];
    let mut rows = pin!(client.query_raw(&statement, nothing).await?);
    let Some(row) = rows.try_next().await? else {
        return Ok(Some(Answer::NoRow));
    };
    let answer = match row.get::<_, Option<bool>>(0) {
        Some(true) => Answer::True,
        Some(false) => Answer::False,
        None => Answer::Null,
    };
    Ok(Some(match rows.try_next().await? {
        None => answer,
        Some(_) => Answer::ManyRows,
    }))
}
