//! Owns what stands before the phases: cutover, connections, roles, window
//! and the behaviour of DDL; never an address or a secret.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ConnectionId, RoleId, StandbyId};

/// `[cutover]`: the identity of the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cutover {
    /// Short id, typed by hand at a point of no return.
    pub id: String,
    /// One line.
    pub title: String,
    /// What it does and what to do in doubt, for someone who has never seen it.
    pub summary: String,
    /// Shown in the identity row; `[environments.NAME]` may replace it.
    pub environment: String,
    /// Where people talk.
    pub channel: Option<String>,
    /// What follows when the lead's terminal is lost.
    #[serde(default, skip_serializing_if = "OnDisconnect::is_default")]
    pub on_disconnect: OnDisconnect,
}

/// What follows when the lead's terminal is lost: its window closed, its link gone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnDisconnect {
    /// The run goes on without a terminal; nothing that needs a person happens.
    #[default]
    GoOn,
    /// The run is held; the lead stays, and whoever may releases it from elsewhere.
    Hold,
}

impl OnDisconnect {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// `[connections.NAME]`: how to reach one database. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// Its name.
    pub id: ConnectionId,
    /// Where the address comes from.
    pub source: ConnectionSource,
    /// What must be true of the server behind it.
    pub expect: Expect,
    /// Its standbys, by name; one that vanishes is GONE.
    pub standbys: Vec<Standby>,
}

impl Connection {
    /// What its standbys call themselves: the expected `application_name`s.
    pub fn standby_names(&self) -> Vec<&str> {
        let names = self.standbys.iter().map(|s| s.application_name.as_str());
        names.collect()
    }
}

/// Where a connection's parameters come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionSource {
    /// The name of an environment variable that holds a URL or a key-value DSN.
    UrlEnv(String),
    /// A service in `pg_service.conf`.
    Service(String),
    /// libpq's environment variables (`PGHOST` and so on) alone.
    Environment,
}

/// What must be true of a server before anything runs there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expect {
    /// `current_database()`.
    pub database: Option<String>,
    /// Not in recovery (`true`) or in recovery (`false`).
    pub primary: Option<bool>,
}

/// One standby of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standby {
    /// Its name; also the `application_name` it replicates under, unless
    /// `application_name` says otherwise.
    pub id: StandbyId,
    /// The `application_name` in `pg_stat_replication`.
    pub application_name: String,
    /// How to read the heartbeat there; without it the heartbeat is unknown.
    pub source: Option<ConnectionSource>,
}

/// `[roles]`: who may do what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Its name, the seat.
    pub id: RoleId,
    /// Database roles, or roles that they belong to.
    pub members: Vec<String>,
    /// What its members may do.
    pub can: Vec<Permission>,
    /// How to reach them.
    pub contact: Option<String>,
}

/// What a role may do beyond hold, which everyone may.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Advance through a boundary, release a hold, pause, pace, answer manual steps.
    Advance,
    /// Open a gate that is not GO, with a reason.
    Waive,
    /// Roll back and unwind.
    Rollback,
    /// Sign for the seat.
    Sign,
    /// Take the lead over. Where no role names it, whoever may advance does too.
    #[serde(rename = "take-over")]
    TakeOver,
}

/// `[window]`: when starting something is allowed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Weekly spans in local time.
    pub allow: Vec<WeeklySpan>,
    /// IANA name of the time zone that the spans are in.
    pub tz: String,
    /// What it holds back; never a rollback.
    pub applies_to: Vec<WindowScope>,
    /// Whole days on which it is closed, whatever `allow` says.
    pub freeze: Vec<Freeze>,
}

/// What a closed window holds back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WindowScope {
    /// Crossing a boundary.
    Advance,
    /// Starting a step that runs SQL.
    Ddl,
}

/// Days of a week and a span of local time in each, such as `Tue-Thu 09:00-16:00`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeeklySpan {
    /// Days, Monday = 1 to Sunday = 7.
    pub days: Vec<u8>,
    /// Minutes since local midnight, inclusive.
    pub from_minute: u16,
    /// Minutes since local midnight, exclusive; 1440 is midnight at the end.
    pub to_minute: u16,
}

/// Days on which the window is closed, both ends included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// First day.
    pub from: jiff::civil::Date,
    /// Last day.
    pub to: jiff::civil::Date,
    /// Shown with WINDOW CLOSED.
    pub why: String,
}

/// `[ddl]`: how statements that take strong locks behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ddl {
    /// Per lock, on the server. Default 300 ms.
    pub lock_timeout: Duration,
    /// For the whole statement, on the client, enforced by a cancel request:
    /// `lock_timeout` counts per lock. Default 3 s.
    pub deadline: Duration,
    /// Attempts after the first. Default 20.
    pub retry_max: u32,
    /// Between attempts, before jitter. Default 5 s.
    pub retry_every: Duration,
    /// Our request is given up when more sessions than this queue behind it. Default 3.
    pub max_waiters: u32,
}

impl Default for Ddl {
    fn default() -> Self {
        Self {
            lock_timeout: Duration::from_millis(300),
            deadline: Duration::from_secs(3),
            retry_max: 20,
            retry_every: Duration::from_secs(5),
            max_waiters: 3,
        }
    }
}
