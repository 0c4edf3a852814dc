//! Behaviour against real Postgres servers that the tests start themselves.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod compile;
mod connect;
mod load;
mod monitor;
mod probe;
mod sandbox;
mod session;
mod step;
mod store;
mod support;
mod targets;
mod tls;
