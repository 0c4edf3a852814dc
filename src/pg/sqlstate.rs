//! Owns the way from an error of the driver to a [`Fault`]; never decides what to do about it.
//!
//! `tokio_postgres::Error` displays as "db error" and hides the server's text
//! in its source; a query on a terminated backend says "connection closed"
//! without a code. Both are told here in the server's words.

use std::error::Error as _;

use tokio_postgres::error::{DbError, Severity, SqlState};

use crate::run::fault::{Fault, Trouble};
use crate::text::clean_bounded;

/// SQLSTATE raised by pgcutover's own functions when another lead holds the lease.
pub const LEASE_LOST: &str = "PGC01";
/// SQLSTATE raised by pgcutover's own functions when the journal's head has moved.
pub const HEAD_MOVED: &str = "PGC02";
/// SQLSTATE raised by pgcutover's own functions when a checkpoint is not where its
/// worker left it: an earlier chunk, of a connection given up, has committed.
pub const OVERTAKEN: &str = "PGC04";

/// Longest message, detail or hint that a fault carries, in characters.
const MAX_TEXT: usize = 500;

/// What the error says, cleaned and bounded. Knows nothing of the statement:
/// the caller adds that.
pub fn describe(error: &tokio_postgres::Error) -> Fault {
    match error.as_db_error() {
        Some(db) => from_server(db),
        None => from_client(error),
    }
}

/// What an SQLSTATE calls for. Codes of the standard are classes: `23505` is a row's trouble.
pub fn trouble(sqlstate: &str) -> Trouble {
    match sqlstate {
        LEASE_LOST => Trouble::LeaseLost,
        HEAD_MOVED => Trouble::HeadMoved,
        // What follows a lost connection is right: begin again from the checkpoints.
        OVERTAKEN => Trouble::ConnectionLost,
        "55P03" => Trouble::LockTimeout,
        "40P01" => Trouble::Deadlock,
        "40001" => Trouble::Serialization,
        "57014" => Trouble::Cancelled,
        // Shut down, crashed, idle too long, or a completion that nobody knows.
        "57P01" | "57P02" | "57P05" | "25P03" | "25P04" | "40003" => Trouble::ConnectionLost,
        "57P03" | "53300" => Trouble::Unavailable,
        "25006" => Trouble::ReadOnly,
        "53100" | "53200" => Trouble::Resources,
        "42501" => Trouble::Privilege,
        // Relation, column, function, object, schema, catalog; and one created meanwhile.
        "42P01" | "42703" | "42883" | "42704" | "3F000" | "3D000" | "42P07" | "42701" | "42710"
        // A type, and the unique index that ON CONFLICT wants.
        | "42804" | "42846" | "42P10" => {
            Trouble::Changed
        }
        _ => match sqlstate.get(..2) {
            Some("08") => Trouble::ConnectionLost,
            Some("22" | "23") => Trouble::Row,
            _ => Trouble::Other,
        },
    }
}

/// [`describe`] of what the server said, an error or a notice.
pub(super) fn from_server(db: &DbError) -> Fault {
    let bounded = |text: &str| clean_bounded(text, MAX_TEXT);
    Fault {
        trouble: server_trouble(db),
        sqlstate: Some(bounded(db.code().code())),
        message: bounded(db.message()),
        detail: db.detail().map(bounded),
        hint: db.hint().map(bounded),
        statement: None,
    }
}

fn server_trouble(db: &DbError) -> Trouble {
    // "cached plan must not change result type": the text is translated, the routine is not.
    let stale_plan = *db.code() == SqlState::FEATURE_NOT_SUPPORTED
        && db.routine() == Some("RevalidateCachedQuery");
    if stale_plan {
        return Trouble::Changed;
    }
    match trouble(db.code().code()) {
        // The server ends the session after FATAL and PANIC, whatever the code says.
        Trouble::Other if is_fatal(db) => Trouble::ConnectionLost,
        known => known,
    }
}

fn is_fatal(db: &DbError) -> bool {
    matches!(
        db.parsed_severity(),
        Some(Severity::Fatal | Severity::Panic)
    )
}

/// An error without the server's words: the link broke, or the query and its
/// Rust types do not fit (`Other`, a mistake of ours).
fn from_client(error: &tokio_postgres::Error) -> Fault {
    let lost = error.is_closed()
        || error
            .source()
            .is_some_and(|source| source.is::<std::io::Error>());
    let trouble = match lost {
        true => Trouble::ConnectionLost,
        false => Trouble::Other,
    };
    Fault::new(trouble, clean_bounded(&chain(error), MAX_TEXT))
}

/// The error and its causes on one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_told_apart_by_what_to_do_next() {
        for (code, expected) in [
            ("55P03", Trouble::LockTimeout),
            ("40P01", Trouble::Deadlock),
            ("40001", Trouble::Serialization),
            ("57014", Trouble::Cancelled),
            ("57P01", Trouble::ConnectionLost),
            ("08006", Trouble::ConnectionLost),
            ("25P03", Trouble::ConnectionLost),
            ("57P03", Trouble::Unavailable),
            ("53300", Trouble::Unavailable),
            ("25006", Trouble::ReadOnly),
            ("53100", Trouble::Resources),
            ("42501", Trouble::Privilege),
            ("22012", Trouble::Row),
            ("23505", Trouble::Row),
            ("42703", Trouble::Changed),
            ("PGC01", Trouble::LeaseLost),
            ("PGC02", Trouble::HeadMoved),
            ("PGC04", Trouble::ConnectionLost),
            ("42601", Trouble::Other),
        ] {
            assert_eq!(trouble(code), expected, "{code}");
        }
    }

    #[test]
    fn a_code_that_is_none_is_other() {
        assert_eq!(trouble(""), Trouble::Other);
        assert_eq!(trouble("é"), Trouble::Other);
    }
}
