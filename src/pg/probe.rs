//! Owns a question to the database with one answer: a boolean (`done_when`, a
//! gate's query) or a number (a guard's); never takes no answer for an answer.

use std::pin::pin;
use std::time::Duration;

use futures_util::TryStreamExt;
use tokio_postgres::types::{FromSqlOwned, Type};
use tokio_postgres::{Client, Error};

use super::number::Number;
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

/// What a query of one number gave. Only the first says anything.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measure {
    /// One row, a number; it may be NaN.
    Number(f64),
    /// One row, NULL.
    Null,
    /// No row.
    NoRow,
    /// More than one row.
    ManyRows,
}

/// Asks the query, one statement with one boolean column, in a READ ONLY
/// transaction that is rolled back. The statement is parsed by itself, so it
/// cannot bring a second one along.
///
/// # Errors
/// What the server says; `Deadline`; `Unexpected` for a query that is not
/// boolean. After `ConnectionLost` the session is of no more use.
pub async fn ask(session: &Session, query: &str, deadline: Duration) -> Result<Answer, Fault> {
    Ok(match cell::<bool>(session, query, deadline).await? {
        Cell::Value(true) => Answer::True,
        Cell::Value(false) => Answer::False,
        Cell::Null => Answer::Null,
        Cell::NoRow => Answer::NoRow,
        Cell::ManyRows => Answer::ManyRows,
    })
}

/// As [`ask`], for one column of any numeric type.
///
/// # Errors
/// As [`ask`]; `Unexpected` for a query that gives no number.
pub async fn measure(session: &Session, query: &str, deadline: Duration) -> Result<Measure, Fault> {
    Ok(match cell::<Number>(session, query, deadline).await? {
        Cell::Value(Number(number)) => Measure::Number(number),
        Cell::Null => Measure::Null,
        Cell::NoRow => Measure::NoRow,
        Cell::ManyRows => Measure::ManyRows,
    })
}

/// The only column of the only row.
enum Cell<T> {
    Value(T),
    Null,
    NoRow,
    ManyRows,
}

/// What a query may give.
trait Kind: FromSqlOwned {
    const WORDS: &'static str;
}

impl Kind for bool {
    const WORDS: &'static str = "boolean";
}

impl Kind for Number {
    const WORDS: &'static str = "numeric";
}

async fn cell<T: Kind>(
    session: &Session,
    query: &str,
    deadline: Duration,
) -> Result<Cell<T>, Fault> {
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
        Ok(None) => {
            let message = format!("the query does not give one {} column", T::WORDS);
            Fault::new(Trouble::Unexpected, message)
        }
        Err(Bounded::Failed(error)) => session.describe(&error),
        Err(bounded) => bounded.fault(),
    };
    Err(Fault {
        statement: Some(clean_bounded(query.trim(), MAX_QUERY)),
        ..fault
    })
}

/// `None` where the query gives something of another kind.
async fn asked<T: Kind>(
    client: &Client,
    query: &str,
    deadline: Duration,
) -> Result<Option<Cell<T>>, Error> {
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
        [column] if T::accepts(column.type_()) => {}
        _ => return Ok(None),
    }
    let nothing: [i32; 0] = [];
    let mut rows = pin!(client.query_raw(&statement, nothing).await?);
    let Some(row) = rows.try_next().await? else {
        return Ok(Some(Cell::NoRow));
    };
    let value = row.try_get::<_, Option<T>>(0)?;
    Ok(Some(match (rows.try_next().await?, value) {
        (Some(_), _) => Cell::ManyRows,
        (None, Some(value)) => Cell::Value(value),
        (None, None) => Cell::Null,
    }))
}
