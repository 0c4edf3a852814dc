//! Private Postgres servers, and an application's load on them.
//!
//! Owns what `demo`, `rehearse` and the tests run against: a primary and a
//! streaming standby of their own, reachable through unix sockets in a
//! private directory only, gone with this process however it ends. Never
//! touches a server that it did not start.

mod account;
mod binaries;
mod client;
mod cluster;
mod error;
#[cfg(feature = "fetch")]
mod fetch;
pub mod load;
mod server;
mod settings;
mod template;
mod undertaker;

pub use binaries::Binaries;
pub use cluster::{Cluster, Kept, Options};
pub use error::Error;
pub use server::{Server, Stop};
