//! Behaviour against real Postgres servers that the tests start themselves.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backfill;
mod chunked;
mod compile;
mod connect;
mod deployment;
mod load;
mod login;
mod monitor;
mod parity;
mod pooler;
mod preflight;
mod probe;
mod sandbox;
mod session;
mod signals;
mod statements;
mod step;
mod store;
mod support;
mod targets;
mod tls;
mod vacuum;
