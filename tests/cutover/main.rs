//! Whole cutovers by the real program on real servers, with clients on them
//! that check themselves: killed, cut off, blocked, held, and fed with nonsense.
//!
//! - `stage`: servers, shop and runbook of one test.
//! - `program`: the program as a process: the lead, and the verbs.
//! - `operator`: the person who signs and advances.
//! - `evidence`: what has to be true afterwards.

#![allow(
    clippy::print_stdout,
    reason = "a seed is told to whoever repeats the test"
)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod blocked;
mod cut_off;
mod evidence;
mod failover;
mod grants;
mod held;
mod killed;
mod operator;
mod paced;
mod program;
mod refused;
mod stage;
mod taken;
#[path = "../postgres/targets.rs"]
#[allow(dead_code, reason = "shared with tests/postgres")]
mod targets;

use std::future::Future;
use std::time::{Duration, Instant};

/// Longest wait for anything. Generous: two cores are shared with a build.
const PATIENCE: Duration = Duration::from_secs(90);

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
