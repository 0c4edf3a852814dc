//! What the engine remembers besides the journal: what is in flight, and what
//! it has lately heard. Lost in a crash, on purpose; nothing in here opens a
//! gate that the world does not confirm again.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::eta::Meter;
use super::message::{Effect, Found, IntentId};
use super::pairs;
use crate::reading::attended::Attendee;
use crate::reading::{Reading, elapsed};
use crate::run::event::{Actor, Rung, Seq, Task, Verdict};
use crate::run::progress::{BackfillStage, Progress};
use crate::runbook::{GateId, GuardId};

/// The shortest and the longest pause between two probes of a doubt; in between
/// as long as it has been one, so that each pause doubles it.
const PROBE_PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// The engine's memory. One per process and run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Memory {
    /// A hold acts already and is not in the journal yet: nothing new starts.
    pub latched: bool,
    /// Tasks that this process performs or probes.
    #[serde(with = "pairs")]
    pub flights: BTreeMap<Task, Flight>,
    /// Tasks whose probe could not tell.
    #[serde(with = "pairs")]
    pub unanswered: BTreeMap<Task, Unanswered>,
    /// Answers of gates' queries.
    pub samples: BTreeMap<GateId, Sample>,
    /// Questions asked so far: tells an answer to a question from before a
    /// moment from one that was asked after it, whatever the clock says.
    pub questions: u64,
    /// Guards' values and ladders.
    pub guards: BTreeMap<GuardId, GuardMemory>,
    /// Observed GO time.
    pub soaks: BTreeMap<GateId, Duration>,
    /// When soaks were last credited.
    pub soaked_at: Option<Timestamp>,
    /// A boundary that is being crossed.
    pub crossing: Option<Crossing>,
    /// Rounds in a row in which every gate of a boundary was open.
    pub streak: Option<Streak>,
    /// Before a task starts, answers to questions after this one are wanted.
    #[serde(with = "pairs")]
    pub rechecks: BTreeMap<Task, u64>,
    /// How fast the backfill goes.
    pub meter: Meter,
    /// The other terminals that are attached.
    pub attended: Reading<Vec<Attendee>>,
}

/// A task that this process performs or probes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Flight {
    /// Since when.
    pub since: Timestamp,
    /// A probe, not the task itself.
    pub probe: bool,
    /// It was asked to stop.
    pub stopping: bool,
    /// Its statement was asked to be cancelled.
    pub cancelled: bool,
    /// What it last said.
    pub progress: Option<Progress>,
}

impl Flight {
    /// Whether it has reached its safe point: a backfill at the end of a chunk.
    pub fn is_parked(&self) -> bool {
        matches!(
            &self.progress,
            Some(Progress::Backfill(progress)) if progress.stage == BackfillStage::Waiting
        )
    }
}

/// A doubt that a probe has not settled.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Unanswered {
    /// When a probe first could not tell.
    pub since: Timestamp,
    /// When it is probed again; `None` leaves it to a person.
    pub again: Option<Timestamp>,
}

/// The newest answer of a gate's query.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Sample {
    /// When it was last asked.
    pub asked_at: Option<Timestamp>,
    /// The number of that question.
    pub question: u64,
    /// Asked, not answered.
    pub pending: bool,
    /// What it said.
    pub answer: Option<GateAnswer>,
}

/// What a gate's query said.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GateAnswer {
    /// GO, NO-GO, INCONCLUSIVE or ERROR.
    pub verdict: Verdict,
    /// Why; clean.
    pub reason: String,
    /// When the answer came.
    pub at: Timestamp,
    /// The number of the question.
    pub question: u64,
}

/// A guard's value and how far up its ladder it stands.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct GuardMemory {
    /// The newest value.
    pub value: Reading<f64>,
    /// Above the stall's limit since.
    pub over_stall: Option<Timestamp>,
    /// Above the hold's limit since.
    pub over_hold: Option<Timestamp>,
    /// Without a value since.
    pub absent: Option<Timestamp>,
    /// Where it stands.
    pub rung: Rung,
    /// The hold of this climb was made: a person's release of it stands.
    pub held: bool,
    /// Why.
    pub reason: String,
}

/// A boundary that is being crossed: its queries are asked afresh first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Crossing {
    /// The number of the phase behind it.
    pub boundary: usize,
    /// Who wants it.
    pub by: Actor,
    /// The intent that is answered in the end.
    pub intent: Option<IntentId>,
    /// The newest material event when it was wanted; after another it is void.
    pub material: Seq,
    /// Since when it is wanted.
    pub began: Timestamp,
    /// Only answers to questions after this one count.
    pub since: u64,
}

/// Rounds in a row in which every gate of a boundary was open.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Streak {
    /// The boundary.
    pub boundary: usize,
    /// Rounds.
    pub rounds: u32,
    /// When the last one was counted.
    pub at: Timestamp,
    /// Questions asked until then: the next round takes answers to later ones.
    pub since: u64,
}

impl Memory {
    /// Notes that an effect was handed out.
    pub fn launched(&mut self, effect: &Effect, now: Timestamp) {
        let flight = |probe| Flight {
            since: now,
            probe,
            stopping: false,
            cancelled: false,
            progress: None,
        };
        match effect {
            Effect::Perform { task, .. } => {
                self.flights.insert(task.clone(), flight(false));
                self.rechecks.remove(task);
                self.unanswered.remove(task);
            }
            Effect::Probe { task } => {
                self.flights.insert(task.clone(), flight(true));
            }
            Effect::Stop { task } => {
                if let Some(flight) = self.flights.get_mut(task) {
                    flight.stopping = true;
                }
            }
            Effect::Cancel { task } => {
                if let Some(flight) = self.flights.get_mut(task) {
                    flight.stopping = true;
                    flight.cancelled = true;
                }
            }
            Effect::Sample { gate, question } => {
                self.questions = self.questions.max(*question);
                let sample = self.samples.entry(gate.clone()).or_default();
                sample.asked_at = Some(now);
                sample.question = *question;
                sample.pending = true;
            }
            Effect::Reply { intent, .. } => {
                if self
                    .crossing
                    .as_ref()
                    .is_some_and(|c| c.intent == Some(*intent))
                {
                    self.crossing = None;
                }
            }
        }
    }

    /// The journal was away: what queries said before may be old by any amount,
    /// and each is asked again.
    pub fn forget_answers(&mut self) {
        for sample in self.samples.values_mut() {
            *sample = Sample::default();
        }
        if let Some(crossing) = &mut self.crossing {
            crossing.since = self.questions;
        }
        for since in self.rechecks.values_mut() {
            *since = self.questions;
        }
        self.streak = None;
    }

    /// A task is no longer in flight.
    pub fn landed(&mut self, task: &Task) {
        self.flights.remove(task);
    }

    /// A probe has answered.
    pub fn probed(&mut self, task: &Task, found: Found, now: Timestamp) {
        self.flights.remove(task);
        let since = self.unanswered.get(task).map_or(now, |doubt| doubt.since);
        let pause = elapsed(since, now).clamp(PROBE_PAUSE.0, PROBE_PAUSE.1);
        let again = match found {
            Found::Done | Found::NotDone => {
                self.unanswered.remove(task);
                return;
            }
            Found::NotNow => Some(now + pause),
            Found::Never => None,
        };
        let doubt = Unanswered { since, again };
        self.unanswered.insert(task.clone(), doubt);
    }

    /// Whether it is time to probe a task: nothing of it is in flight, and
    /// nothing has said that a probe cannot tell, or not yet.
    pub fn may_probe(&self, task: &Task, now: Timestamp) -> bool {
        let due = |doubt: &Unanswered| doubt.again.is_some_and(|again| now >= again);
        !self.flights.contains_key(task) && self.unanswered.get(task).is_none_or(due)
    }

    /// A gate's query has answered. An answer to an older question than the
    /// newest says nothing any more.
    pub fn sampled(&mut self, gate: &GateId, answer: GateAnswer) {
        let sample = self.samples.entry(gate.clone()).or_default();
        if answer.question == sample.question {
            sample.pending = false;
            sample.answer = Some(answer);
        }
    }

    /// A guard's signal was read.
    pub fn measured(&mut self, guard: &GuardId, value: &Reading<f64>) {
        self.guards.entry(guard.clone()).or_default().value = value.clone();
    }

    /// Running work has come further.
    pub fn progressed(&mut self, task: &Task, progress: &Progress, now: Timestamp) {
        if let Progress::Backfill(backfill) = progress {
            self.meter.note(task, backfill, now);
        }
        if let Some(flight) = self.flights.get_mut(task) {
            flight.progress = Some(progress.clone());
        }
    }

    /// Whether the task itself (not a probe of it) is in flight.
    pub fn performs(&self, task: &Task) -> bool {
        self.flights.get(task).is_some_and(|flight| !flight.probe)
    }
}
