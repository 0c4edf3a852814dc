//! Owns the requests of other terminals and their replies; never judges one.
//!
//! Who asks is stamped by the server (`session_user` and the roles it belongs
//! to), in a function that runs as the schema's owner: a terminal can neither
//! write the table nor name somebody else. What is asked is JSON to this
//! module: the driver knows its meaning.

use std::collections::BTreeSet;

use serde_json::Value;

use super::lease::Lease;
use super::verify::Head;
use crate::pg::session::Session;
use crate::run::event::{RunId, Seq};
use crate::run::fault::{Fault, Trouble};
use crate::text::clean_bounded;

/// The channel that the lead listens to; the payload is the run.
pub const CHANNEL: &str = "pgcutover";

/// Longest text inside a request, in characters.
const MAX_TEXT: usize = 500;

/// A request, with who makes it; its texts are clean.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Its row.
    pub id: i64,
    /// `session_user` of whoever asks.
    pub by: String,
    /// The roles that this user is or belongs to, itself included.
    pub roles: BTreeSet<String>,
    /// What is asked; `null` where it was no JSON that Rust can hold.
    pub ask: Value,
    /// The newest material event that the person had seen.
    pub saw: Option<Seq>,
    /// The journal's hash that the person saw.
    pub saw_hash: Option<String>,
}

/// Puts a request where the lead finds it; its id. `saw` is the journal as the
/// person saw it; a hold needs none.
///
/// # Errors
/// The server's: `PGC03` where the run is not under way, [`Trouble::Privilege`]
/// where nobody granted EXECUTE, [`Trouble::ReadOnly`] on a standby.
pub async fn request(
    session: &Session,
    run: &RunId,
    ask: &Value,
    saw: Option<&Head>,
) -> Result<i64, Fault> {
    let ask = ask.to_string();
    let seq = saw.map(|head| head.seq.0);
    let hash = saw.map(|head| head.hash.as_str());
    let row = session
        .client()
        .query_one(
            "SELECT pgcutover.request($1, $2::text::json, $3, $4)",
            &[&run.0, &ask, &seq, &hash],
        )
        .await
        .map_err(|error| with_hint(session.describe(&error)))?;
    Ok(row.get(0))
}

/// Holds a run, the only one under way where none is named; the request's id.
/// Reads no table: EXECUTE on that function is all that it takes.
///
/// # Errors
/// As [`request`], and `PGC03` where several runs are under way.
pub async fn hold(session: &Session, reason: &str, run: Option<&str>) -> Result<i64, Fault> {
    let row = session
        .client()
        .query_one("SELECT pgcutover.hold($1, $2)", &[&reason, &run])
        .await
        .map_err(|error| with_hint(session.describe(&error)))?;
    Ok(row.get(0))
}

/// The reply to one's own request; `None` while the lead has not answered.
///
/// # Errors
/// The server's.
pub async fn reply_of(session: &Session, id: i64) -> Result<Option<Value>, Fault> {
    let row = session
        .client()
        .query_one("SELECT pgcutover.reply_of($1)::text", &[&id])
        .await
        .map_err(|error| with_hint(session.describe(&error)))?;
    Ok(row.get::<_, Option<&str>>(0).map(parse))
}

/// The requests that wait for a reply, oldest first; at most 100.
///
/// # Errors
/// The server's.
pub async fn open(session: &Session, run: &RunId) -> Result<Vec<Request>, Fault> {
    let rows = session
        .client()
        .query(include_str!("sql/intents_open.sql"), &[&run.0])
        .await
        .map_err(|error| session.describe(&error))?;
    let requests = rows.iter().map(|row| {
        let roles: Vec<String> = row.get("roles");
        Request {
            id: row.get("intent_id"),
            by: clean_bounded(row.get("by_user"), MAX_TEXT),
            // Compared with the runbook's names, so kept as they are.
            roles: roles.into_iter().collect(),
            ask: parse(row.get("ask")),
            saw: row.get::<_, Option<i64>>("saw").map(Seq),
            saw_hash: row
                .get::<_, Option<&str>>("saw_hash")
                .map(|hash| clean_bounded(hash, 64)),
        }
    });
    Ok(requests.collect())
}

/// Answers a request. An answer that is there already stays.
///
/// # Errors
/// The server's; [`Trouble::LeaseLost`] where another lead answers now.
pub async fn reply(session: &Session, lease: &Lease, id: i64, reply: &Value) -> Result<(), Fault> {
    session
        .client()
        .execute(
            include_str!("sql/intent_reply.sql"),
            &[&lease.run.0, &lease.token, &id, &reply.to_string()],
        )
        .await
        .map_err(|error| session.describe(&error))?;
    Ok(())
}

/// The JSON with every text cleaned and bounded. Postgres takes JSON that Rust
/// does not (lone surrogates, any depth): that is `null`.
fn parse(text: &str) -> Value {
    let mut value = serde_json::from_str(text).unwrap_or(Value::Null);
    clean(&mut value);
    value
}

fn clean(value: &mut Value) {
    match value {
        Value::String(text) => *text = clean_bounded(text, MAX_TEXT),
        Value::Array(values) => values.iter_mut().for_each(clean),
        Value::Object(fields) => fields.values_mut().for_each(clean),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn with_hint(fault: Fault) -> Fault {
    match fault.trouble {
        Trouble::Privilege => fault.with_hint(
            "GRANT USAGE ON SCHEMA pgcutover, and EXECUTE ON FUNCTION pgcutover.request, \
             pgcutover.hold, pgcutover.reply_of TO this login",
        ),
        Trouble::ReadOnly => fault.with_hint("connect to the primary"),
        _ => fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_a_request_are_cleaned_at_any_depth() {
        let parsed = parse(r#"{"a":["\u001b[2J\u0000"],"b":{"c":"x\ny"},"n":1}"#);
        assert_eq!(
            parsed.to_string(),
            "{\"a\":[\"\u{FFFD}[2J\u{FFFD}\"],\"b\":{\"c\":\"x y\"},\"n\":1}"
        );
    }

    #[test]
    fn what_rust_cannot_hold_asks_for_nothing() {
        assert_eq!(parse(r#"{"a":"\ud800"}"#), Value::Null);
        assert_eq!(parse(&"[".repeat(4000)), Value::Null);
    }
}
