//! The people of the demo: the operator of `--auto`, and the shop's deployer.
//!
//! Owns what they do when; they use the same requests and flags as anybody.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::driver::{Asker, Request};
use crate::engine::message::{Ask, IntentId};
use crate::engine::snapshot::Snapshot;
use crate::run::Place;
use crate::run::event::{Answer, Verdict};
use crate::runbook::Condition;
use crate::sandbox::Error;
use crate::sandbox::load::{Load, Snapshot as Figures};

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

/// Deploys and retires the shop's versions as the run goes on.
pub(super) struct Shop {
    task: JoinHandle<Load>,
    close: watch::Sender<bool>,
}

impl Shop {
    /// Follows a run with a load whose old clients run already.
    pub(super) fn follow(mut load: Load, snapshots: watch::Receiver<Arc<Snapshot>>) -> Self {
        let (close, mut closed) = watch::channel(false);
        let task = tokio::spawn(async move {
            while !*closed.borrow() {
                let place = snapshots.borrow().run.place;
                let done = snapshots.borrow().run.next_step().is_none();
                match place {
                    Place::In(3) => load.start_new(),
                    Place::In(4) if done => load.retire_old().await,
                    _ => {}
                }
                tokio::select! {
                    () = sleep(GLANCE) => {}
                    _ = closed.changed() => {}
                }
            }
            load
        });
        Self { task, close }
    }

    /// Closes the shop: the figures, and whether every write is there.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(super) async fn close(self) -> color_eyre::Result<(Figures, bool)> {
        self.close.send_replace(true);
        let mut load = self.task.await?;
        let figures = load.stop().await;
        let check: Result<_, Error> = load.final_check().await;
        let clean = check?.is_clean() && figures.mismatches() == 0;
        Ok((figures, clean))
    }
}
