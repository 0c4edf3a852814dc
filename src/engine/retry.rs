//! What follows from a fault: tried again, and when, or a person decides.
//!
//! Owns the table; jitter comes from the run's and the task's names, so that
//! the same input gives the same decision.

use std::time::Duration;

use jiff::Timestamp;

use crate::digest::sha256_hex;
use crate::run::Run;
use crate::run::event::{Next, Task};
use crate::run::fault::{Fault, Trouble};

/// The longest pause between two attempts to reach a server that is away.
const AWAY_CAP: Duration = Duration::from_secs(5);

/// What follows from a fault of a task's `attempt`-th try.
///
/// | trouble | what follows |
/// |---|---|
/// | lock timeout, deadline, too many waiters, deadlock, serialization | again after `[ddl] retry.every` with jitter, at most `retry.max` times, then a person |
/// | connection lost, unavailable | again, without end: 0.5 s, doubling to 5 s; a server that is away is no fault of the step |
/// | interrupted | later, when the hold is released |
/// | anything else | a person |
pub fn after(run: &Run, task: &Task, attempt: u32, fault: &Fault, now: Timestamp) -> Next {
    let ddl = &run.plan.body.ddl;
    let wait = match fault.trouble {
        Trouble::Interrupted => return Next::Later,
        Trouble::ConnectionLost | Trouble::Unavailable => {
            let doubled = 500u64 << attempt.saturating_sub(1).min(4);
            Duration::from_millis(doubled).min(AWAY_CAP)
        }
        trouble if trouble.is_transient() && attempt <= ddl.retry_max => ddl.retry_every,
        _ => return Next::Person,
    };
    Next::Retry(now + wait.mul_f64(jitter(run, task, attempt)))
}

/// A factor between 0.75 and 1.25 that differs from try to try.
fn jitter(run: &Run, task: &Task, attempt: u32) -> f64 {
    let name = format!("{}/{task}/{attempt}", run.id);
    let digest = sha256_hex([name.as_bytes()]);
    let fraction = u8::from_str_radix(&digest[..2], 16).expect("two hex digits");
    0.75 + f64::from(fraction) / 510.0
}
