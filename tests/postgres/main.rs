//! Behaviour against real Postgres servers that the tests start themselves.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod sandbox;
mod support;
