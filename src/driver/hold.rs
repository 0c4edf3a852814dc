//! The hold's latch: acts at once, before anything is recorded.
//!
//! Owns the one exception to "append before publish": a hold has to be
//! possible while the journal cannot be written. The latch stops new chunks
//! and gives up waiting statements directly, without the loop ([`super::tasks`]);
//! the engine then records the hold as soon as the journal answers ("not yet
//! recorded" until then).

use tokio::sync::watch;

/// A latch that any thread or signal handler may set.
#[derive(Debug, Clone)]
pub struct Latch(watch::Sender<bool>);

impl Default for Latch {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Latch {
    /// Holds, now.
    pub fn set(&self) {
        self.0.send_replace(true);
    }

    /// The journal has the hold; from here on it is the run's.
    pub fn clear(&self) {
        self.0.send_replace(false);
    }

    /// Whether it holds.
    pub fn is_set(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits for a change.
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.0.subscribe()
    }
}
