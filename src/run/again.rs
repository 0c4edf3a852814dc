//! What a finished step does when it is taken again.
//!
//! Owns the shapes and how they read; never decides whether it may.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which rows a finished backfill or comparison takes again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Again {
    /// All of them.
    Whole,
    /// Those between two keys, each its columns as text: a backfill alone.
    Range {
        /// Exclusive; absent is the low end of the table.
        low: Option<Vec<String>>,
        /// Inclusive; absent is the high end.
        high: Option<Vec<String>>,
    },
    /// Those in quarantine: a backfill alone.
    Quarantined,
}

/// A step that was taken again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rerun {
    /// Which one, from 1: its checkpoints are its own.
    pub round: u32,
    /// What it takes.
    pub what: Again,
}

impl fmt::Display for Again {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = |key: &Option<Vec<String>>| key.as_ref().map(|key| key.join(", "));
        match self {
            Self::Whole => f.write_str("from the low end"),
            Self::Quarantined => f.write_str("the rows in quarantine"),
            Self::Range { low, high } => write!(
                f,
                "behind {} up to {}",
                key(low).as_deref().unwrap_or("the low end"),
                key(high).as_deref().unwrap_or("the high end"),
            ),
        }
    }
}
