//! Who else is attached: asked of the journal's server every two seconds, and
//! told to the engine as a reading.

use std::time::{Duration, Instant};

use super::{Driver, Ended};
use crate::clock;
use crate::engine::message::Message;
use crate::reading::{Absence, Reading};
use crate::store::journal::DEADLINE;
use crate::store::presence;

/// A roll this old is called again.
const EVERY: Duration = Duration::from_secs(2);

impl Driver {
    /// Calls the roll, where it has not been called lately.
    pub(super) async fn call_the_roll(&mut self) -> Result<(), Ended> {
        let now = clock::now();
        if self.roll_called.is_some_and(|at| at.elapsed() < EVERY) {
            return Ok(());
        }
        self.roll_called = Some(Instant::now());
        let journal = self.link.journal();
        let (session, run) = (journal.session(), &journal.lease().run);
        let roll = presence::roll(session, run);
        let roll = match session.canceller().within(DEADLINE, roll).await {
            Ok(roll) => Reading::measured(roll, now),
            Err(fault) => {
                self.link.lost(&fault.message);
                let why = Absence::Unreachable(fault.message);
                Reading::Absent {
                    why,
                    since: Some(now),
                }
            }
        };
        self.input(Message::Attended(roll)).await
    }
}
