//! Owns when the next chunk may begin; never decides the pace.
//!
//! Whoever drives a backfill or a comparison says go, wait or stop and how much
//! of the time may be spent working; here that is kept between two chunks.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::run::event::Percent;

/// What the driver wants of work that goes chunk by chunk; the newest counts,
/// from the end of the chunk that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// Whether chunks may begin. `false` is a pause or a stall.
    pub go: bool,
    /// Share of the time that is spent in chunks; 0 is a stall too.
    pub duty: Percent,
    /// End after this chunk. There is no way back from it.
    pub stop: bool,
    /// What takes time off the pace; the time lost is counted under it.
    pub reason: Option<String>,
    /// Sessions that a backfill works with; a comparison has one.
    pub workers: u16,
}

impl Control {
    /// At full pace, by one worker.
    pub const FULL: Self = Self {
        workers: 1,
        go: true,
        duty: Percent::FULL,
        stop: false,
        reason: None,
    };
}

/// How long to rest after a chunk so that chunks take `duty` of the time;
/// `None` is for as long as the duty is 0.
pub fn rest(busy: Duration, duty: Percent) -> Option<Duration> {
    match duty.0 {
        0 => None,
        100.. => Some(Duration::ZERO),
        duty => Some(busy * u32::from(100 - duty) / u32::from(duty)),
    }
}

/// Whether the next chunk may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// It may.
    Go,
    /// No more chunks.
    Stop,
}

/// Keeps the pace between chunks.
#[derive(Debug)]
pub struct Pacer {
    control: watch::Receiver<Control>,
    lost: BTreeMap<String, Duration>,
}

impl Pacer {
    /// Listens to that control. A driver that is gone means stop.
    pub fn new(control: watch::Receiver<Control>) -> Self {
        Self {
            control,
            lost: BTreeMap::new(),
        }
    }

    /// Rests after a chunk that was busy for so long, then waits for as long
    /// as it is told to; `waits` is called whenever it begins to wait. A
    /// change of the control counts at once, the rest so far included.
    pub async fn pass(&mut self, busy: Duration, mut waits: impl FnMut()) -> Pass {
        let began = Instant::now();
        loop {
            let control = self.control.borrow_and_update().clone();
            if control.stop || self.control.has_changed().is_err() {
                return Pass::Stop;
            }
            let due = match control.go {
                true => rest(busy, control.duty),
                false => None,
            };
            let left = due.map(|due| due.saturating_sub(began.elapsed()));
            if left == Some(Duration::ZERO) {
                return Pass::Go;
            }
            if left.is_none() {
                waits();
            }
            let from = Instant::now();
            let slept = async {
                match left {
                    Some(left) => sleep(left).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = slept => {}
                // An error is a driver that is gone: seen at the top.
                _ = self.control.changed() => {}
            }
            let reason = control.reason.unwrap_or_else(|| "pace".to_owned());
            *self.lost.entry(reason).or_default() += from.elapsed();
        }
    }

    /// Sleeps before another try, or until it is told to stop.
    pub async fn back_off(&mut self, delay: Duration) -> Pass {
        let stopped = self.control.wait_for(|control| control.stop);
        tokio::select! {
            () = sleep(delay) => Pass::Go,
            _ = stopped => Pass::Stop,
        }
    }

    /// Time not worked because of the control, by reason, since this was last
    /// asked.
    pub fn take_lost(&mut self) -> BTreeMap<String, Duration> {
        std::mem::take(&mut self.lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUSY: Duration = Duration::from_millis(200);

    #[test]
    fn chunks_take_their_share_of_the_time() {
        for (duty, expected) in [
            (100, Some(0)),
            (101, Some(0)),
            (80, Some(50)),
            (50, Some(200)),
            (25, Some(600)),
            (1, Some(19_800)),
            (0, None),
        ] {
            let rested = rest(BUSY, Percent(duty));
            assert_eq!(rested, expected.map(Duration::from_millis), "{duty} %");
        }
    }

    #[tokio::test]
    async fn a_new_pace_ends_the_rest_of_the_old_one() {
        let crawl = Control {
            duty: Percent(1),
            ..Control::FULL
        };
        let (driver, control) = watch::channel(crawl);
        let mut pacer = Pacer::new(control);
        let busy = Duration::from_secs(3600);
        let pass = tokio::spawn(async move { pacer.pass(busy, || {}).await });
        driver.send_replace(Control::FULL);
        assert_eq!(pass.await.unwrap(), Pass::Go);
    }

    #[tokio::test]
    async fn it_waits_until_told_to_go_and_says_so() {
        let pause = Control {
            go: false,
            reason: Some("pause".to_owned()),
            ..Control::FULL
        };
        let (driver, control) = watch::channel(pause);
        let mut pacer = Pacer::new(control);
        let pass = pacer.pass(Duration::ZERO, || {
            driver.send_replace(Control::FULL);
        });
        assert_eq!(pass.await, Pass::Go);
        assert!(pacer.take_lost().contains_key("pause"));
    }

    #[tokio::test]
    async fn stop_ends_a_pause_a_rest_and_a_back_off() {
        for control in [
            Control {
                go: false,
                ..Control::FULL
            },
            Control {
                duty: Percent(1),
                ..Control::FULL
            },
            Control {
                duty: Percent::ZERO,
                ..Control::FULL
            },
        ] {
            let (driver, receiver) = watch::channel(control);
            let mut pacer = Pacer::new(receiver);
            let busy = Duration::from_secs(3600);
            let pass = tokio::spawn(async move { (pacer.pass(busy, || {}).await, pacer) });
            driver.send_modify(|control| control.stop = true);
            let (pass, mut pacer) = pass.await.unwrap();
            assert_eq!(pass, Pass::Stop);
            assert_eq!(pacer.back_off(busy).await, Pass::Stop);
        }
    }

    #[tokio::test]
    async fn a_driver_that_is_gone_means_stop() {
        let (driver, control) = watch::channel(Control::FULL);
        drop(driver);
        assert_eq!(Pacer::new(control).pass(BUSY, || {}).await, Pass::Stop);
    }
}
