//! Owns the named places at which a test may kill this process; never does
//! anything unless told to by the environment.
//!
//! `PGCUTOVER_KILL_AT=chunk-before-commit:3` ends the process, as `kill -9`
//! would, the third time it gets to that seam. Crash tests run the real
//! program this way: no second build, no cleaning up on the way out.
//! `PGCUTOVER_PANIC_AT` is a mistake of ours instead: the task there panics.
//! `PGCUTOVER_STOP_AT` stops the process there until somebody sends SIGCONT, as
//! a laptop does that falls asleep.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The variable that names a seam, and after a colon the visit that is fatal.
pub const VARIABLE: &str = "PGCUTOVER_KILL_AT";

/// The same, for a panic.
pub const PANIC_VARIABLE: &str = "PGCUTOVER_PANIC_AT";

/// The same, for SIGSTOP.
pub const STOP_VARIABLE: &str = "PGCUTOVER_STOP_AT";

/// Every seam there is.
pub const SEAMS: &[&str] = &[
    // Rows of a chunk are written, neither its checkpoint nor its commit sent.
    "chunk-before-commit",
    // A chunk is committed, nobody has heard of it yet.
    "chunk-after-commit",
    // The sweep found nothing, its checkpoint does not say so yet.
    "sweep-before-done",
    // Events are decided, their append is not sent yet.
    "append-before-commit",
    // Events are in the journal, neither the local log nor the fold has them.
    "append-after-commit",
    // A step's statements are sent, its COMMIT is not.
    "ddl-before-commit",
    // A step is committed, nobody has heard of it yet.
    "ddl-after-commit",
    // A command is about to start: it will be in doubt, and has done nothing.
    "exec-before",
    // A command has ended, nobody has heard of it yet.
    "exec-after",
];

/// Where and when to end.
struct Kill {
    seam: String,
    visits_left: AtomicU32,
}

/// Marks a seam. Ends the process here if the environment says so; costs one
/// load of a static otherwise.
pub fn seam(name: &str) {
    static KILL: OnceLock<Option<Kill>> = OnceLock::new();
    static PANIC: OnceLock<Option<Kill>> = OnceLock::new();
    static STOP: OnceLock<Option<Kill>> = OnceLock::new();
    debug_assert!(SEAMS.contains(&name), "`{name}` is not in the table");
    if is_due(&KILL, VARIABLE, name) {
        // Nothing is dropped, flushed or unwound.
        std::process::abort();
    }
    if is_due(&STOP, STOP_VARIABLE, name) {
        let us = rustix::process::getpid();
        rustix::process::kill_process(us, rustix::process::Signal::STOP)
            .expect("a process may stop itself");
        // Any thread may take the signal; until it has stopped the others, this
        // one goes nowhere.
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
    assert!(
        !is_due(&PANIC, PANIC_VARIABLE, name),
        "told to panic at `{name}`"
    );
}

fn is_due(told: &OnceLock<Option<Kill>>, variable: &str, name: &str) -> bool {
    let told = told.get_or_init(|| parse(&std::env::var(variable).ok()?));
    told.as_ref().is_some_and(|kill| kill.is_due(name))
}

impl Kill {
    fn is_due(&self, name: &str) -> bool {
        self.seam == name && self.visits_left.fetch_sub(1, Ordering::Relaxed) == 1
    }
}

/// `NAME` or `NAME:VISIT`, visits counted from 1.
fn parse(text: &str) -> Option<Kill> {
    let (name, visit) = text.split_once(':').unwrap_or((text, "1"));
    Some(Kill {
        seam: name.to_owned(),
        visits_left: AtomicU32::new(visit.parse().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_visit_of_the_named_seam_is_fatal() {
        let kill = parse("chunk-after-commit:2").unwrap();
        assert!(!kill.is_due("chunk-before-commit"));
        assert!(!kill.is_due("chunk-after-commit"));
        assert!(kill.is_due("chunk-after-commit"));
        assert!(!kill.is_due("chunk-after-commit"), "only once");
        assert!(
            parse("chunk-after-commit")
                .unwrap()
                .is_due("chunk-after-commit")
        );
        assert!(parse("chunk-after-commit:soon").is_none());
    }
}
