//! The real program in a real terminal: a pty on one side, a person's keys on
//! the other, private servers below.
//!
//! - `screen`: a program in a pty, what it shows, and what it is told.
//! - `demo`: `pgcutover demo` in one, in a directory that has to be empty again.
//! - `attach`, `drive`, `states`, `leave`, `lost`, `looks`: the tests.
//! - `cost`: figures of what the screen costs (tests/terminal_cost.sh).
//! - `record`, `picture`, `film`: makes the pictures in assets/ (tests/screens.sh).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "figures are told")]

mod attach;
mod cost;
mod demo;
mod drive;
mod film;
mod leave;
mod looks;
mod lost;
mod picture;
#[path = "../cutover/program.rs"]
#[allow(dead_code, reason = "shared with tests/cutover")]
mod program;
mod record;
mod screen;
#[path = "../cutover/stage.rs"]
#[allow(dead_code, reason = "shared with tests/cutover")]
mod stage;
mod states;
mod taken;
#[path = "../postgres/targets.rs"]
#[allow(dead_code, reason = "shared with tests/postgres")]
mod targets;

use std::future::Future;
use std::time::{Duration, Instant};

/// Longest wait for anything. Generous: two cores are shared with a build.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks again and again until there is an answer; `what` is for the failure.
async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
