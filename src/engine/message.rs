//! What goes into the engine and what comes out, as data.
//!
//! Owns the shapes of intents, outcomes, readings, effects and replies; never
//! acts on one. The views and every terminal speak these words too.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::reading::Reading;
use crate::reading::attended::Attendee;
use crate::run::again::Again;
use crate::run::event::{Answer, EventKind, Percent, Seq, Summary, Task, Verdict};
use crate::run::fault::Fault;
use crate::run::progress::Progress;
use crate::runbook::{GateId, GuardId, PhaseId, RoleId, StepId};

/// Something for the engine, and the time at which it came in.
#[derive(Debug, Clone)]
pub struct Input {
    /// The lead's clock.
    pub now: Timestamp,
    /// What came in.
    pub message: Message,
}

/// What may come in.
#[derive(Debug, Clone)]
pub enum Message {
    /// Time has passed; nothing else.
    Tick,
    /// An operator's request.
    Intent(Intent),
    /// A task ended.
    Ended(Ended),
    /// A probe of a task in doubt has answered.
    Probed {
        /// The task.
        task: Task,
        /// What it found.
        found: Found,
        /// What told.
        how: String,
    },
    /// A gate's query has answered.
    Sampled {
        /// The gate.
        gate: GateId,
        /// The question's number, as the effect gave it.
        question: u64,
        /// GO, NO-GO, INCONCLUSIVE or ERROR.
        verdict: Verdict,
        /// Why, in a few words; clean.
        reason: String,
    },
    /// A guard's signal was read.
    Measured {
        /// The guard.
        guard: GuardId,
        /// In the unit of the guard's signal, or why there is none.
        value: Reading<f64>,
    },
    /// The roll of attached terminals was called.
    Attended(Reading<Vec<Attendee>>),
    /// Running work has come further.
    Progressed {
        /// The task.
        task: Task,
        /// How far.
        progress: Progress,
    },
}

/// What a probe found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The task is done.
    Done,
    /// It is not, and nothing of it runs any more.
    NotDone,
    /// What could tell cannot be asked now: a server that starts, a backend that
    /// has not ended yet. Asked again, with a growing pause.
    NotNow,
    /// Nothing can tell: a person has to.
    Never,
}

/// How a task ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// The task.
    pub task: Task,
    /// How.
    pub outcome: Outcome,
}

/// How a task ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Done. Where its event was committed together with the work, the fold
    /// has it already and nothing is appended again.
    Done(Summary),
    /// Known not to be done.
    NotDone(Fault),
    /// Nobody knows.
    Unknown(Fault),
}

/// Identifies an intent: its row in Postgres, or a number that the lead's own
/// terminal counts (negative).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IntentId(pub i64);

/// An operator's request, with who makes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Intent {
    /// Its id.
    pub id: IntentId,
    /// The database session's `session_user`.
    pub by: String,
    /// Database roles that this user is or belongs to, itself included;
    /// superuser membership does not count.
    pub roles: BTreeSet<String>,
    /// The newest material event that the person had seen; an intent made
    /// before a later one is refused.
    pub saw: Option<Seq>,
    /// The journal's hash that the person saw, for sign-offs.
    pub saw_hash: Option<String>,
    /// What is asked.
    pub ask: Ask,
}

/// What may be asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    /// Nothing new starts. Accepted from anyone, at any time.
    Hold {
        /// Why; may be empty.
        reason: String,
    },
    /// Ends the hold.
    Release,
    /// Stops the backfill at the end of its chunk.
    Pause,
    /// Lets the backfill go on.
    Resume,
    /// Sets the ceiling.
    Pace {
        /// 1 to 100.
        pace: Percent,
    },
    /// Sets how many sessions a backfill works with.
    Workers {
        /// 1 to [`crate::runbook::MAX_WORKERS`].
        workers: u16,
    },
    /// Crosses the boundary into this phase; past the last one, ends the run.
    Advance {
        /// The phase that the person saw named.
        into: PhaseId,
    },
    /// Answers for a seat.
    Sign {
        /// The gate.
        gate: GateId,
        /// The seat; may be left out where the person fills exactly one.
        seat: Option<RoleId>,
        /// GO or NO-GO.
        answer: Answer,
        /// In the signer's words.
        reason: Option<String>,
    },
    /// Opens a gate that is not GO.
    Waive {
        /// The gate.
        gate: GateId,
        /// Why; never empty.
        reason: String,
    },
    /// Takes the current phase back.
    Rollback {
        /// The phase that the person saw named.
        phase: PhaseId,
        /// Why.
        reason: Option<String>,
    },
    /// Takes every phase back.
    Unwind {
        /// Why.
        reason: Option<String>,
    },
    /// Answers yes to a manual step.
    Answer {
        /// The step.
        step: StepId,
    },
    /// Takes a finished backfill or comparison again.
    Rerun {
        /// The step.
        step: StepId,
        /// Which rows.
        what: Again,
    },
    /// Settles a task that failed or is in doubt.
    Resolve {
        /// The task.
        task: Task,
        /// Taken as done, or to be tried again.
        done: bool,
        /// Why; never empty.
        how: String,
    },
    /// Asks the lead to hand the lead over.
    TakeOver,
    /// The lead's answer to that.
    Consent {
        /// Whom it answers; absent: whoever asks.
        to: Option<String>,
        /// GO hands it over.
        answer: Answer,
    },
    /// Cancels a statement that runs, after a hold.
    Cancel {
        /// The task.
        task: Task,
    },
}

impl Ask {
    /// The verb on the command line, and the action's name on the screen.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Hold { .. } => "hold",
            Self::Release => "release",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Pace { .. } => "pace",
            Self::Workers { .. } => "workers",
            Self::Advance { .. } => "advance",
            Self::Sign { .. } => "sign",
            Self::Waive { .. } => "waive",
            Self::Rollback { .. } => "rollback",
            Self::Unwind { .. } => "unwind",
            Self::Answer { .. } => "answer",
            Self::Rerun { .. } => "rerun",
            Self::Resolve { .. } => "resolve",
            Self::TakeOver => "take-over",
            Self::Consent { .. } => "consent",
            Self::Cancel { .. } => "cancel",
        }
    }
}

/// Accepted, or refused with a reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// Done, or being done.
    Accepted,
    /// Taken note of; the journal cannot be reached yet.
    NotYetRecorded,
    /// Not done; a sentence that says why and what would help.
    Refused(String),
    /// Put where a lead finds it, and no lead has answered; a sentence. Said by
    /// the terminal that asked, never by a lead.
    Unanswered(String),
}

/// What the engine wants done to the world.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Run a task; it ends with [`Message::Ended`].
    Perform {
        /// The task.
        task: Task,
        /// Its attempt since the last release, from 1.
        attempt: u32,
    },
    /// Find out whether a task is done; ends with [`Message::Probed`].
    Probe {
        /// The task.
        task: Task,
    },
    /// End a task at its next safe point: a backfill or comparison after its
    /// chunk, a statement only while it waits for a lock, a wait at once.
    Stop {
        /// The task.
        task: Task,
    },
    /// End a task now: its running statement is cancelled.
    Cancel {
        /// The task.
        task: Task,
    },
    /// Ask a gate's query; ends with [`Message::Sampled`].
    Sample {
        /// The gate.
        gate: GateId,
        /// The question's number; its answer carries it back.
        question: u64,
    },
    /// Answer an intent.
    Reply {
        /// The intent.
        intent: IntentId,
        /// The answer.
        reply: Reply,
    },
}

/// What the engine decides: append first, then perform.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decision {
    /// To be appended, in order, and folded.
    pub events: Vec<EventKind>,
    /// To be performed after that.
    pub effects: Vec<Effect>,
}
