//! What time it is: this machine's clock, set to the journal's server.
//!
//! Owns the difference between the two, one for the process. The journal's
//! times are the server's, and how old a sign-off or a proof may be counts from
//! them: a laptop that is minutes behind would let them live that much longer.
//! Readings and the screen take their times here too, so that ages agree.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Microseconds that the server is ahead; 0 until it has been asked.
static AHEAD: AtomicI64 = AtomicI64::new(0);

/// Now, by the server's clock as it was last asked.
pub fn now() -> Timestamp {
    let ahead = SignedDuration::from_micros(AHEAD.load(Ordering::Relaxed));
    let here = Timestamp::now();
    here.checked_add(ahead).unwrap_or(here)
}

/// Sets the clock by an answer of the journal's server: its time, and how long
/// question and answer took. Returns how far it is ahead of this machine.
pub fn set(server: Timestamp, took: Duration) -> SignedDuration {
    let ahead = ahead(server, Timestamp::now(), took);
    let micros = i64::try_from(ahead.as_micros()).unwrap_or(0);
    AHEAD.store(micros, Ordering::Relaxed);
    ahead
}

/// How far the server is ahead. The answer was given between question and
/// answer; what that explains is no difference.
fn ahead(server: Timestamp, here: Timestamp, took: Duration) -> SignedDuration {
    let took = SignedDuration::try_from(took).unwrap_or(SignedDuration::MAX);
    let latest = server.duration_since(here);
    if latest <= SignedDuration::ZERO && latest >= -took {
        return SignedDuration::ZERO;
    }
    latest + took / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(1_700_000_000_000 + millis).unwrap()
    }

    #[test]
    fn what_the_way_explains_is_no_difference() {
        let took = Duration::from_millis(100);
        let of = |server| ahead(at(server), at(100), took).as_millis();
        assert_eq!(of(0), 0);
        assert_eq!(of(50), 0);
        assert_eq!(of(100), 0);
        assert_eq!(of(60_050), 60_000);
        assert_eq!(of(-59_950), -60_000);
    }
}
