//! Owns guards' own queries: each on a session of its own, at its guard's
//! rhythm, never two of one guard in flight; never decides what a value means.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::link::{Missed, missed};
use super::poll::put;
use crate::pg::connect::Target;
use crate::pg::probe::{self, Measure};
use crate::pg::session::{Purpose, Session, open};
use crate::reading::Absence;
use crate::reading::server::Readings;
use crate::runbook::{ConnectionId, Guard, Signal};

/// A query and where its answer goes.
struct Asked {
    guard: String,
    query: String,
    every: Duration,
    timeout: Duration,
    target: Option<Target>,
    readings: watch::Sender<Readings>,
}

/// Starts a task for each guard with a query; they end with `tasks`.
pub(super) fn start(
    guards: &[Guard],
    target: impl Fn(&ConnectionId) -> Option<Target>,
    readings: &watch::Sender<Readings>,
    tasks: &mut JoinSet<()>,
) {
    for guard in guards {
        let Signal::Sql { query, on, timeout } = &guard.signal else {
            continue;
        };
        let asked = Asked {
            guard: guard.id.to_string(),
            query: query.clone(),
            every: guard.every,
            timeout: *timeout,
            target: target(on),
            readings: readings.clone(),
        };
        tasks.spawn(asked.again_and_again());
    }
}

impl Asked {
    async fn again_and_again(self) {
        let mut ticks = interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut session = None;
        loop {
            ticks.tick().await;
            let answer = self.ask(&mut session).await;
            self.readings.send_modify(|readings| {
                let reading = readings.probes.entry(self.guard.clone()).or_default();
                if let Err(why) = put(reading, answer) {
                    session = None;
                    let lost = Missed::Absent(Absence::Unreachable(why));
                    // An absence is not a lost link.
                    let _ = put(reading, Err(lost));
                }
            });
        }
    }

    async fn ask(&self, session: &mut Option<Session>) -> Result<f64, Missed> {
        let lost = |why: &str| Missed::Lost(why.to_owned());
        if session.is_none() {
            let target = self.target.as_ref().ok_or_else(|| lost("no address"))?;
            let opened = open(target, Purpose::Monitor).await;
            *session = Some(opened.map_err(|error| Missed::Lost(error.fault().message))?);
        }
        let open = session.as_ref().ok_or_else(|| lost("no session"))?;
        let answer = probe::measure(open, &self.query, self.timeout).await;
        let nothing = |why: &str| Err(Missed::Absent(Absence::Failed(format!("it gives {why}"))));
        match answer.map_err(missed)? {
            Measure::Number(number) if number.is_finite() => Ok(number),
            Measure::Number(number) => nothing(&number.to_string()),
            Measure::Null => nothing("NULL"),
            Measure::NoRow => nothing("no row"),
            Measure::ManyRows => nothing("more than one row"),
        }
    }
}
