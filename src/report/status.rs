//! `status`: one picture of a run as JSON, versioned, and as plain lines.
//!
//! Owns the shape that scripts rely on; its fields are only ever added to.
//! The lead publishes it once a second, so every terminal reads the same words
//! and figures that are on the lead's screen.

mod attached;
mod backfill;

pub use attached::AttachedStatus;
pub use backfill::{BackfillStatus, EtaStatus, LostStatus};
use serde::{Deserialize, Serialize};

use super::format;
use crate::engine::snapshot::{GuardView, Snapshot, State};
use crate::reading::Reading;
use crate::run::Run;
use crate::run::event::{ParitySummary, Summary, Task};
use crate::run::progress::Progress;
use crate::run::{Place, TaskState};

/// The version of the shape.
pub const VERSION: u32 = 1;

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// [`VERSION`].
    pub version: u32,
    /// The run's id.
    pub run: String,
    /// The cutover's id.
    pub cutover: String,
    /// The environment, as the identity row shows it.
    pub environment: String,
    /// The plan's hash.
    pub plan: String,
    /// The state's words, as on the screen: `RUNNING`.
    pub state: String,
    /// The phase that the run is in, or stands before.
    pub phase: String,
    /// Whether it stands before it.
    pub before: bool,
    /// The step that is next or under way; `null` where all are done.
    pub step: Option<String>,
    /// One sentence: what happens, or what is waited for.
    pub verdict: String,
    /// Who leads, and from where; `null` where nobody does.
    pub lead: Option<String>,
    /// Who holds the run, and why; `null` where nobody does.
    pub hold: Option<String>,
    /// Number of the newest event.
    pub head: i64,
    /// The backfill of the current phase, once it has reported.
    pub backfill: Option<BackfillStatus>,
    /// The comparison that ran last, or runs.
    pub parity: Option<ParityStatus>,
    /// The gates that stand next.
    pub gates: Vec<GateStatus>,
    /// The guards, in file order.
    pub guards: Vec<GuardStatus>,
    /// The other terminals that are attached; `null` where nobody knows.
    #[serde(default)]
    pub attached: Option<Vec<AttachedStatus>>,
}

/// A comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParityStatus {
    /// The step.
    pub step: String,
    /// Whether it has ended.
    pub done: bool,
    /// Rows compared.
    pub rows: u64,
    /// Verified share of the rows, 0 to 1; of the estimate while it runs.
    pub coverage: f64,
    /// Differences that a recheck found again.
    pub confirmed: u64,
    /// Rows that changed between every recheck.
    pub hot: u64,
}

/// A gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateStatus {
    /// Its id.
    pub id: String,
    /// `GO`, `NO-GO`, `PENDING` and so on.
    pub verdict: String,
    /// Why.
    pub reason: String,
}

/// A guard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GuardStatus {
    /// Its id.
    pub id: String,
    /// `ok`, `throttle`, `stall` or `hold`.
    pub state: String,
    /// What it measures: `replay lag`.
    #[serde(default)]
    pub signal: String,
    /// The unit of value and limit: `s`, `bytes`, `bytes/s`, `count`, `share`, or
    /// empty where only the query knows.
    #[serde(default)]
    pub unit: String,
    /// The newest value; `null` is unknown, not 0.
    pub value: Option<f64>,
    /// The next limit above it.
    pub limit: Option<f64>,
    /// Age of the value.
    pub age_ms: Option<u64>,
    /// Why it stands there, in words, with the units.
    #[serde(default)]
    pub reason: String,
}

impl Status {
    /// What a snapshot says.
    pub fn of(snapshot: &Snapshot) -> Self {
        let run = &snapshot.run;
        let next = run.next_step();
        Self {
            version: VERSION,
            run: run.id.to_string(),
            cutover: run.plan.body.cutover.id.clone(),
            environment: run.plan.body.cutover.environment.clone(),
            plan: run.plan_hash.clone(),
            state: snapshot.state.word().to_owned(),
            phase: run.phase().id.to_string(),
            before: matches!(run.place, Place::Before(_)),
            step: next.map(|step| step.id().to_string()),
            verdict: snapshot.verdict.clone(),
            lead: run
                .lead
                .as_ref()
                .map(|lead| format!("{} on {}", lead.by, lead.host)),
            hold: run
                .hold
                .as_ref()
                .map(|hold| format!("{}: {}", hold.by, hold.reason)),
            head: run.head.0,
            backfill: snapshot
                .backfill
                .as_ref()
                .map(|view| BackfillStatus::of(run, view)),
            parity: parity(snapshot),
            gates: snapshot.gates.iter().map(gate).collect(),
            guards: snapshot
                .guards
                .iter()
                .map(|view| guard(view, snapshot))
                .collect(),
            attached: attached::of(snapshot),
        }
    }

    /// The same without a lead's picture: what the journal alone says.
    pub fn without_lead(mut self) -> Self {
        self.state = State::NoLead.word().to_owned();
        self.verdict = "Nobody leads this run: start it again with `pgcutover run`.".to_owned();
        self.lead = None;
        self
    }

    /// Plain lines, for people.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            format!("{} ({}), run {}", self.cutover, self.environment, self.run),
            format!("{}: {}", self.state, self.verdict),
            format!(
                "{} {}{}",
                if self.before { "before" } else { "in" },
                self.phase,
                self.step
                    .as_ref()
                    .map_or(String::new(), |step| format!(", step {step}"))
            ),
            format!("lead {}", self.lead.as_deref().unwrap_or("none")),
        ];
        lines.extend(self.hold.as_ref().map(|hold| format!("held by {hold}")));
        lines.extend(self.backfill.iter().flat_map(BackfillStatus::lines));
        lines.extend(self.parity.as_ref().map(parity_line));
        for gate in &self.gates {
            lines.push(format!(
                "gate {}: {} ({})",
                gate.id, gate.verdict, gate.reason
            ));
        }
        lines.extend(self.guards.iter().map(guard_line));
        lines
    }
}

fn parity_line(parity: &ParityStatus) -> String {
    format!(
        "parity {}: {} of {} bad, coverage {}, {} hot{}",
        parity.step,
        parity.confirmed,
        format::count(parity.rows),
        format::share(parity.coverage),
        parity.hot,
        if parity.done { "" } else { ", running" }
    )
}

fn guard_line(guard: &GuardStatus) -> String {
    let reason = match guard.reason.as_str() {
        "" => "unknown",
        reason => reason,
    };
    format!(
        "guard {}: {} ({} {reason})",
        guard.id, guard.state, guard.signal
    )
}

/// The comparison that runs; otherwise the one that ended last.
fn parity(snapshot: &Snapshot) -> Option<ParityStatus> {
    let running = snapshot
        .running
        .iter()
        .find_map(|(task, running)| match &running.progress {
            Some(Progress::Parity(progress)) => Some((task, progress)),
            _ => None,
        });
    if let Some((task, progress)) = running {
        let total = progress.rows_total.max(progress.rows_done).max(1);
        return Some(ParityStatus {
            step: task.step.to_string(),
            done: false,
            rows: progress.rows_done,
            coverage: progress.rows_done as f64 / total as f64,
            confirmed: progress.confirmed,
            hot: progress.hot,
        });
    }
    let (task, found) = newest_comparison(&snapshot.run)?;
    Some(ParityStatus {
        step: task.step.to_string(),
        done: true,
        rows: found.rows,
        coverage: found.coverage,
        confirmed: found.confirmed,
        hot: found.hot,
    })
}

fn newest_comparison(run: &Run) -> Option<(&Task, &ParitySummary)> {
    let done = run
        .tasks
        .iter()
        .filter_map(|(task, record)| match &record.state {
            TaskState::Done(Summary::Parity(found)) => Some((task, found)),
            _ => None,
        });
    done.max_by_key(|(_, found)| found.at)
}

fn gate(view: &crate::engine::snapshot::GateView) -> GateStatus {
    GateStatus {
        id: view.gate.to_string(),
        verdict: view.evidence.verdict.word().to_owned(),
        reason: view.evidence.reason.clone(),
    }
}

fn guard(view: &GuardView, snapshot: &Snapshot) -> GuardStatus {
    GuardStatus {
        id: view.guard.to_string(),
        state: view.rung.word().to_owned(),
        signal: view.signal.to_owned(),
        unit: view.unit.word().to_owned(),
        reason: view.reason.clone(),
        value: Reading::value(&view.value)
            .copied()
            .filter(|value| value.is_finite()),
        limit: view.limit.map(|(_, limit)| limit),
        age_ms: view.value.age(snapshot.now).map(millis),
    }
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
