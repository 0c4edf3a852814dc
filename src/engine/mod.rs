//! engine (being built).

pub mod message;
pub mod snapshot;
