//! Owns the shape of what an environment may change; the values are read
//! through the tree that it is laid over, so nothing here is read twice.

#![allow(dead_code, reason = "the shape alone is checked here")]

use schemars::JsonSchema;
use serde::Deserialize;

use super::scalar::VarOverride;
use super::{At, Connection, Ddl, Entries, Freeze};
use crate::runbook::{Permission, WindowScope};

/// What differs in one environment, laid over the keys of the same name.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Environment {
    /// Replaces `cutover.environment`.
    pub(crate) cutover: Option<EnvironmentCutover>,
    /// Keys of connections.
    pub(crate) connections: Option<Entries<Connection>>,
    /// Values of variables; the type stays.
    pub(crate) vars: Option<Entries<VarOverride>>,
    /// Keys of roles.
    pub(crate) roles: Option<Entries<EnvironmentRole>>,
    /// Keys of the window.
    pub(crate) window: Option<EnvironmentWindow>,
    /// Keys of `ddl`.
    pub(crate) ddl: Option<Ddl>,
}

/// What an environment may change of the identity.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EnvironmentCutover {
    /// Shown in the identity row.
    pub(crate) environment: At<String>,
}

/// What an environment may change of a role.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EnvironmentRole {
    /// Database roles, or roles that they belong to.
    pub(crate) members: Option<Vec<At<String>>>,
    /// What they may do.
    pub(crate) can: Option<Vec<Permission>>,
    /// How to reach them.
    pub(crate) contact: Option<At<String>>,
}

/// What an environment may change of the window.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EnvironmentWindow {
    /// Weekly spans in local time, such as `"Tue-Thu 09:00-16:00"`.
    pub(crate) allow: Option<Vec<At<String>>>,
    /// IANA name of the time zone.
    pub(crate) tz: Option<At<String>>,
    /// What it holds back.
    pub(crate) applies_to: Option<Vec<WindowScope>>,
    /// Days on which it is closed.
    pub(crate) freeze: Option<Vec<At<Freeze>>>,
}
