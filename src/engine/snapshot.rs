//! What every terminal draws: the fold, fresh readings, and what the engine
//! makes of them now.
//!
//! Owns the published picture and the one word for its state; never decides
//! anything. Progress and readings in it are lossy, the newest wins.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::memory::Memory;
use super::message::{IntentId, Reply};
use crate::reading::attended::Attendee;
use crate::reading::server::Readings;
use crate::reading::{Reading, elapsed};
use crate::run::event::{Event, Evidence, Percent, Rung, Task};
use crate::run::progress::{BackfillProgress, Progress};
use crate::run::{Course, Run};
use crate::runbook::unit::Unit;
use crate::runbook::{GateId, GuardId};

/// One picture of a run.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// When it was made, by the publisher's clock.
    pub now: Timestamp,
    /// The fold.
    pub run: Arc<Run>,
    /// The newest events, oldest first; at most 500.
    pub events: Arc<Vec<Event>>,
    /// The lossy half that the rest follows from, with the fold.
    pub picture: Arc<Picture>,
    /// What this terminal may do.
    pub terminal: Terminal,
    /// Who sits at this terminal: `session_user`.
    pub user: String,
    /// The journal's link.
    pub link: Link,
    /// A hold that acts already and is not in the journal yet.
    pub unrecorded_hold: bool,
    /// One word for all of it.
    pub state: State,
    /// Why nothing moves, or what happens now, in one sentence; clean.
    pub verdict: String,
    /// The gates that stand next, in order, as they are now.
    pub gates: Vec<GateView>,
    /// The guards, in file order.
    pub guards: Vec<GuardView>,
    /// What running tasks last said, and when they began.
    pub running: BTreeMap<Task, Running>,
    /// The backfill of the current phase, running or not.
    pub backfill: Option<BackfillView>,
    /// What taking the current phase back would take, from the journal's own
    /// durations and the plan.
    pub undo: UndoView,
    /// What taking every phase back would take, to the start.
    pub unwind: UndoView,
    /// What the monitor last said.
    pub readings: Readings,
    /// Answers to this terminal's intents, oldest first; at most 20.
    pub replies: Vec<(IntentId, Reply)>,
}

impl Snapshot {
    /// Whether this terminal leads.
    pub fn leads(&self) -> bool {
        self.terminal == Terminal::Lead
    }

    /// How old the lead's half of it is, at a moment of the lead's clock.
    pub fn age(&self, now: Timestamp) -> Duration {
        elapsed(self.picture.at, now)
    }

    /// The other terminals that are attached, where the lead knows.
    pub fn attended(&self) -> &Reading<Vec<Attendee>> {
        &self.picture.memory.attended
    }
}

/// The lossy half of a snapshot: what the lead's engine has in flight and has
/// lately heard. The lead publishes it once a second; with the fold of the same
/// journal, [`super::posture::describe`] makes the same screen of it everywhere.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Picture {
    /// When it was made, by the lead's clock.
    pub at: Timestamp,
    /// The engine's memory then.
    pub memory: Memory,
}

/// What a terminal may do with the run that it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Terminal {
    /// Everything its person may: it is the lead's own.
    Lead,
    /// The same, by requests that the lead answers.
    Operator,
    /// Look, and hold.
    Observer,
}

impl Terminal {
    /// Whether anything but a hold may be asked for here, or why not.
    ///
    /// # Errors
    /// The reason, with the way to change it.
    pub fn may_ask(self) -> Result<(), &'static str> {
        match self {
            Self::Lead | Self::Operator => Ok(()),
            Self::Observer => Err("this terminal is read-only: attach --operate may"),
        }
    }
}

/// The newest events that a terminal keeps.
pub const EVENTS: usize = 500;

/// Takes one more event in, and lets the oldest go.
pub fn remember(events: &mut Vec<Event>, event: Event) {
    events.push(event);
    let surplus = events.len().saturating_sub(EVENTS);
    events.drain(..surplus);
}

/// The journal's link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// It answers.
    Up,
    /// It does not, since then, with this error; clean.
    Down {
        /// Since when.
        since: Timestamp,
        /// The newest error.
        error: String,
    },
}

/// The states that have names on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// No phase has been entered.
    NotStarted,
    /// Work is running.
    Running,
    /// Guards take something off the pace.
    Throttled,
    /// Guards take all of it.
    Stalled,
    /// A person stopped the backfill.
    Paused,
    /// Held; running work has not reached its safe point.
    Holding,
    /// Held; nothing runs.
    Held,
    /// Observed GO time is being collected.
    Soaking,
    /// A person is needed: to advance, sign or answer.
    WaitingFor,
    /// The window is closed.
    WindowClosed,
    /// Nobody knows whether a step is done.
    InDoubt,
    /// A person decides: an undo failed, or a doubt remains.
    Stuck,
    /// Nobody holds the lease.
    NoLead,
    /// The journal cannot be reached.
    Reconnecting,
    /// A phase is being taken back.
    RollingBack,
    /// Every phase is done.
    Finished,
    /// Unwound to the start.
    RolledBack,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::NotStarted,
        Self::Running,
        Self::Throttled,
        Self::Stalled,
        Self::Paused,
        Self::Holding,
        Self::Held,
        Self::Soaking,
        Self::WaitingFor,
        Self::WindowClosed,
        Self::InDoubt,
        Self::Stuck,
        Self::NoLead,
        Self::Reconnecting,
        Self::RollingBack,
        Self::Finished,
        Self::RolledBack,
    ];

    /// The words on the screen and in `status`.
    pub fn word(self) -> &'static str {
        match self {
            Self::NotStarted => "NOT STARTED",
            Self::Running => "RUNNING",
            Self::Throttled => "THROTTLED",
            Self::Stalled => "STALLED",
            Self::Paused => "PAUSED",
            Self::Holding => "HOLDING",
            Self::Held => "HELD",
            Self::Soaking => "SOAKING",
            Self::WaitingFor => "WAITING FOR",
            Self::WindowClosed => "WINDOW CLOSED",
            Self::InDoubt => "IN DOUBT",
            Self::Stuck => "STUCK",
            Self::NoLead => "NO LEAD",
            Self::Reconnecting => "RECONNECTING",
            Self::RollingBack => "ROLLING BACK",
            Self::Finished => "FINISHED",
            Self::RolledBack => "ROLLED BACK",
        }
    }
}

/// A gate as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct GateView {
    /// The gate.
    pub gate: GateId,
    /// `sql`, `parity`, `signoff`, `soak` or `window`.
    pub kind: &'static str,
    /// What it says and why.
    pub evidence: Evidence,
    /// How far towards GO, 0 to 1, where that can be told.
    pub fraction: Option<f64>,
}

/// A guard as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct GuardView {
    /// The guard.
    pub guard: GuardId,
    /// What it measures, in the screen's words: `replay lag`.
    pub signal: &'static str,
    /// The unit of its value and limit.
    pub unit: Unit,
    /// The newest value, in that unit.
    pub value: Reading<f64>,
    /// Where it stands.
    pub rung: Rung,
    /// The next limit above the value, where there is one, and its rung.
    pub limit: Option<(Rung, f64)>,
    /// Why it stands there.
    pub reason: String,
}

/// A running task.
#[derive(Debug, Clone, PartialEq)]
pub struct Running {
    /// When it was begun.
    pub since: Timestamp,
    /// What it last said.
    pub progress: Option<Progress>,
    /// It was asked to stop.
    pub stopping: bool,
}

/// The backfill as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct BackfillView {
    /// Its task.
    pub task: Task,
    /// How far it has come.
    pub progress: BackfillProgress,
    /// Rows visited a second, lately; absent before the second sample.
    pub rate: Option<f64>,
    /// Seconds left, as a range; absent while nothing moves.
    pub eta: Option<Eta>,
    /// What the pace is and why.
    pub pace: PaceView,
    /// From its first chunk in this process.
    pub elapsed: Duration,
    /// Where the time of its step went, by the journal.
    pub course: Course,
}

/// Time left, as a range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Eta {
    /// If it goes on as in its best stretch.
    pub low: Duration,
    /// If it goes on as in its worst.
    pub high: Duration,
}

/// What the pace is and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaceView {
    /// What a person allows.
    pub ceiling: Percent,
    /// What is left of it; 0 is a stall.
    pub effective: Percent,
    /// Who takes what, worst first: `replica-b lag`, percent.
    pub taken: Vec<(String, Percent)>,
}

/// What a way back would take: of the current phase, or of all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UndoView {
    /// Tasks, in order; empty where there is nothing to take back.
    pub tasks: Vec<Task>,
    /// Expected time, where the journal knows how long such tasks took.
    pub expected: Option<Duration>,
    /// Why it cannot be taken back, where it cannot.
    pub impossible: Option<String>,
    /// What stays behind, a sentence each. Nothing is lost: a step that would
    /// lose something is irreversible, and then there is no way back.
    pub stays: Vec<String>,
}
