//! Owns the names of things, one newtype a kind; validated by `lower`.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Declares a newtype over a validated name.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
        )]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps a name that has been validated already.
            pub fn new(name: impl Into<String>) -> Self {
                Self(name.into())
            }

            /// The name as written in the runbook.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name!(
    /// Names a connection, `[connections.NAME]`.
    ConnectionId
);
name!(
    /// Names a standby of a connection.
    StandbyId
);
name!(
    /// Names a role, `[roles]`: a seat that may have to sign.
    RoleId
);
name!(
    /// Names a phase. Ids of phases, steps, gates and guards share one namespace.
    PhaseId
);
name!(
    /// Names a step, within the shared namespace.
    StepId
);
name!(
    /// Names a gate, within the shared namespace.
    GateId
);
name!(
    /// Names a guard, within the shared namespace.
    GuardId
);
