//! The way back, and everything that a person can ask of a run: through the
//! program itself, its lead in one process and each verb in another.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod again;
mod clients;
mod company;
mod doubt;
mod elsewhere;
mod full;
mod hostile;
mod not_null;
mod permission;
mod picture;
mod rollback;
mod scripts;
mod secrets;
mod servers;
mod stage;
mod stuck;
mod tour;
mod unwind;
mod verbs;
mod walk;
