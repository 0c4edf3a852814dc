//! The operator of `demo --auto`.
//!
//! Owns what it does when; it makes the same requests as a person at the keys.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::driver::{Asker, Request};
use crate::engine::message::{Ask, IntentId};
use crate::engine::snapshot::Snapshot;
use crate::run::event::{Answer, Verdict};
use crate::runbook::Condition;

/// Time between two looks at the screen.
const GLANCE: Duration = Duration::from_millis(200);

/// Signs and advances as soon as it is its turn. Dropping it sends it home.
pub(super) struct Operator(JoinHandle<()>);

impl Drop for Operator {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Operator {
    /// Starts looking at the run.
    pub(super) fn start(asker: Asker, snapshots: watch::Receiver<Arc<Snapshot>>) -> Self {
        Self(tokio::spawn(async move {
            let mut asked = (0, None);
            loop {
                sleep(GLANCE).await;
                let snapshot = Arc::clone(&snapshots.borrow());
                let Some(ask) = next(&snapshot) else {
                    continue;
                };
                // Once for each state that was shown.
                let shown = (snapshot.run.head.0, Some(ask.clone()));
                if shown == asked {
                    continue;
                }
                asked = shown;
                asker
                    .ask(Request {
                        id: IntentId(-1),
                        ask,
                        saw: Some(snapshot.run.material),
                        saw_hash: Some(snapshot.run.head_hash.clone()),
                    })
                    .await;
            }
        }))
    }
}

/// What a person at the screen would do now.
fn next(snapshot: &Snapshot) -> Option<Ask> {
    let run = &snapshot.run;
    if run.hold.is_some() || run.rollback.is_some() || run.next_step().is_some() {
        return None;
    }
    let into = run.plan.phases().get(run.boundary())?;
    for view in &snapshot.gates {
        let (_, gate) = run.plan.gate(&view.gate)?;
        let open = view.evidence.verdict.opens();
        match &gate.condition {
            Condition::Signoff { .. } if !open => {
                return Some(Ask::Sign {
                    gate: gate.id.clone(),
                    seat: None,
                    answer: Answer::Go,
                    reason: Some("demo".to_owned()),
                });
            }
            _ if !open => return None,
            _ => {}
        }
    }
    let all_asked = snapshot
        .gates
        .iter()
        .all(|view| view.evidence.verdict != Verdict::Pending);
    all_asked.then(|| Ask::Advance {
        into: into.id.clone(),
    })
}
