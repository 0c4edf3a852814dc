//! pgcutover: a terminal command center for live Postgres cutovers.
//!
//! A **runbook** (the TOML file) is compiled against the live catalog into an
//! immutable, hashed **plan**. One **run** is one execution of a plan: an
//! append-only **journal** of **events** in Postgres, folded by one function
//! into the state that the engine, a resume after a crash, every attached
//! terminal and the report all share.
//!
//! ```text
//! runbook file --load--> Runbook --compile(+ Catalog)--> Plan
//!                                                         |
//!    Intent (key, CLI, other terminal) --+                v
//!    Outcome (of an effect)            --+--> decide(&Plan, &Run, Input) -> events, effects
//!    Reading, Tick                     --+          |                          |
//!                                             append to journal          perform (tokio task)
//!                                                   |                          |
//!                                             evolve(&mut Run, &Event)    Outcome, back in
//!                                                   |
//!                                             publish --> Snapshot --> view(&Model, &mut Frame)
//! ```
//!
//! Decide, append, evolve, publish, perform, in that order: a screen never
//! shows what a crash would unsay. The one exception is *hold*, which acts
//! first and is recorded as soon as the journal can be reached.
//!
//! Dependencies point one way, `runbook <- plan <- run <- engine <- driver <-
//! app`; `tests/architecture.rs` holds them to it.

pub mod app;
pub mod cli;
pub mod clock;
pub mod digest;
pub mod driver;
pub mod engine;
pub mod monitor;
pub mod pg;
pub mod plan;
pub mod reading;
pub mod report;
pub mod run;
pub mod runbook;
pub mod sandbox;
pub mod seam;
pub mod secret;
pub mod store;
pub mod text;
pub mod tui;
