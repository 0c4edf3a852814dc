//! Owns the runbook as it was typed: serde shapes with spans, whose doc
//! comments are the JSON schema and the reference; never judges a value.
//!
//! Flat structs, one sub-table per kind, unknown fields refused: `toml` loses
//! spans in internally tagged enums and under `flatten`.

mod at;
mod environment;
mod guard;
mod phase;
mod scalar;

pub(crate) use at::{At, Entries};
pub(crate) use environment::Environment;
pub(crate) use guard::{Guard, NoData, SignalName, SqlProbe, StallAt, Threshold};
pub(crate) use phase::*;
pub(crate) use scalar::{Day, DoneWhen, Quantity};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{OnDisconnect, Permission, WindowScope};

/// A pgcutover runbook: what is cut over, where, by whom, under which guards,
/// in which phases.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Runbook")]
pub(crate) struct Document {
    /// The version of this format: 1.
    pub(crate) format: At<u32>,
    /// What is being cut over.
    pub(crate) cutover: At<Cutover>,
    /// The databases, by name; the first is the default of every `on`.
    pub(crate) connections: At<Entries<Connection>>,
    /// What differs when the same runbook runs elsewhere, by environment.
    #[serde(default)]
    pub(crate) environments: Entries<Environment>,
    /// Typed variables, rendered by `{{name}}` and `{{name:literal}}`.
    #[serde(default)]
    pub(crate) vars: Entries<Var>,
    /// Who may do what.
    #[serde(default)]
    pub(crate) roles: Entries<Role>,
    /// Where the journal lives. Default: the first connection.
    pub(crate) journal: Option<Journal>,
    /// When starting something is allowed. Default: always.
    pub(crate) window: Option<At<Window>>,
    /// How statements that take strong locks behave.
    pub(crate) ddl: Option<Ddl>,
    /// Conditions evaluated all the time.
    #[serde(default)]
    pub(crate) guard: Vec<At<Guard>>,
    /// Phases, in the order in which they run.
    #[serde(default)]
    pub(crate) phase: Vec<At<Phase>>,
}

/// The identity of the change.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cutover {
    /// Short; typed by hand at a point of no return. Letters, digits, `-`, `_` and `.`.
    pub(crate) id: At<String>,
    /// One line.
    pub(crate) title: At<String>,
    /// What it does and what to do in doubt, for someone who has never seen it.
    pub(crate) summary: Option<At<String>>,
    /// Shown in the identity row. Default: the chosen environment's name, else `production`.
    pub(crate) environment: Option<At<String>>,
    /// Where people talk.
    pub(crate) channel: Option<At<String>>,
    /// What follows when the lead's terminal is lost: `"go-on"` without one, or
    /// `"hold"`. Default: `"go-on"`.
    pub(crate) on_disconnect: Option<OnDisconnect>,
}

/// How to reach one database. Never holds a secret.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Connection {
    /// The environment variable that holds a URL or a key-value DSN. Default: libpq's `PG*` variables.
    pub(crate) url_env: Option<At<String>>,
    /// A service of `pg_service.conf`, instead of `url_env`.
    pub(crate) service: Option<At<String>>,
    /// What must be true of the server before anything runs there.
    pub(crate) expect: Option<Expect>,
    /// Standbys by name; one that vanishes is GONE, not healthy.
    #[serde(default)]
    pub(crate) standbys: Entries<Standby>,
}

/// What must be true of a server.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    /// `current_database()`.
    pub(crate) database: Option<At<String>>,
    /// Not in recovery (true) or in recovery (false).
    pub(crate) primary: Option<bool>,
}

/// One standby of a connection.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Standby {
    /// The `application_name` that it replicates under. Default: its name here.
    pub(crate) application_name: Option<At<String>>,
    /// How to read the heartbeat there; without it the heartbeat is unknown.
    pub(crate) url_env: Option<At<String>>,
    /// A service of `pg_service.conf`, instead of `url_env`.
    pub(crate) service: Option<At<String>>,
}

/// A variable: exactly one of its fields is its type.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Var {
    /// A name in the database; `{{x}}` renders it quoted, `{{x:literal}}` as a string literal.
    pub(crate) ident: Option<At<String>>,
    /// A text; `{{x}}` renders a string literal in SQL, the text itself elsewhere.
    pub(crate) text: Option<At<String>>,
    /// A whole number.
    pub(crate) int: Option<At<i64>>,
    /// A duration; stands wherever a duration is read.
    pub(crate) duration: Option<At<String>>,
}

/// A seat: people who may act, and may have to sign.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Role {
    /// Database roles, or roles that they belong to.
    #[schemars(required)]
    pub(crate) members: Option<Vec<At<String>>>,
    /// What they may do beyond hold, which everyone may; `advance` is for release, pause, resume, pace, answer, resolve and cancel as well.
    #[schemars(required)]
    pub(crate) can: Option<Vec<Permission>>,
    /// How to reach them.
    pub(crate) contact: Option<At<String>>,
}

/// Where the journal lives.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Journal {
    /// A connection; never a server that the runbook freezes or retires.
    pub(crate) on: At<String>,
}

/// When starting something is allowed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Window {
    /// Weekly spans in local time, such as `"Tue-Thu 09:00-16:00"`.
    pub(crate) allow: Vec<At<String>>,
    /// IANA name of the time zone.
    pub(crate) tz: At<String>,
    /// What it holds back; never a rollback. Default: both.
    pub(crate) applies_to: Option<Vec<WindowScope>>,
    /// Days on which it is closed, whatever `allow` says.
    #[serde(default)]
    pub(crate) freeze: Vec<At<Freeze>>,
}

/// Days on which the window is closed, both ends included.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Freeze {
    /// First day.
    pub(crate) from: At<Day>,
    /// Last day.
    pub(crate) to: At<Day>,
    /// Shown with WINDOW CLOSED.
    pub(crate) why: At<String>,
}

/// How statements that take strong locks behave.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ddl {
    /// Per lock, on the server. Default: `"300ms"`.
    pub(crate) lock_timeout: Option<At<String>>,
    /// For the whole statement, on the client, enforced by a cancel. Default: `"3s"`.
    pub(crate) deadline: Option<At<String>>,
    /// What happens after a lock was not had.
    pub(crate) retry: Option<Retry>,
    /// Our request is given up when more sessions than this queue behind it. Default: 3.
    pub(crate) max_waiters: Option<At<u32>>,
}

/// Bounded attempts.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Retry {
    /// Attempts after the first. Default: 20.
    pub(crate) max: Option<At<u32>>,
    /// Between attempts, before jitter. Default: `"5s"`.
    pub(crate) every: Option<At<String>>,
}
