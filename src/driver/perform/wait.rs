//! `wait = { until }`: asks until the query says true, or the time is over.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::super::questions::Questions;
use crate::engine::message::Outcome;
use crate::pg::step::Stop;
use crate::run::event::Summary;
use crate::run::fault::{Fault, Trouble};
use crate::runbook::ConnectionId;

/// What is waited for.
pub(super) struct Until {
    pub(super) on: ConnectionId,
    pub(super) query: String,
    pub(super) every: Duration,
    pub(super) timeout: Duration,
}

/// Waits. An answer that is no answer is not yet true.
pub(super) async fn until(
    questions: Questions,
    until: Until,
    mut stop: watch::Receiver<Stop>,
) -> Outcome {
    let began = Instant::now();
    let mut last = "not asked yet".to_owned();
    while began.elapsed() < until.timeout {
        match questions.ask(&until.on, &until.query).await {
            Ok(answer) if answer.known() == Some(true) => {
                let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                return Outcome::Done(Summary::Waited { took_ms });
            }
            Ok(answer) => last = answer.word().to_owned(),
            Err(fault) => last = fault.message,
        }
        tokio::select! {
            () = sleep(until.every) => {}
            _ = stop.wait_for(|stop| *stop != Stop::No) => {
                return Outcome::NotDone(Fault::new(Trouble::Interrupted, "the wait was stopped"));
            }
        }
    }
    let message = format!("not true within {:?}; at last: {last}", until.timeout);
    Outcome::NotDone(Fault::new(Trouble::Unexpected, message))
}
