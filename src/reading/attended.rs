//! Who is attached to a run: the shape of the roll that the lead calls.
//!
//! Who somebody is was stamped by the server; texts in here are clean. A reading
//! like any other: a roll that could not be called is unknown, not empty.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One terminal that is attached to the run, besides the lead's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attendee {
    /// Its session's `session_user`.
    pub user: String,
    /// The database roles that this login is or belongs to, itself included.
    pub roles: Vec<String>,
    /// The machine, as the terminal itself says.
    pub host: String,
    /// The address that its session comes from; `None` over a local socket.
    pub address: Option<String>,
    /// Whether it may ask for more than a hold.
    pub operates: bool,
    /// Since when, by the server's clock.
    pub since: Timestamp,
}
