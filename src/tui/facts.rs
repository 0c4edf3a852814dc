//! Owns the questions that several panels and keys ask of a snapshot; never
//! words for the answers' looks. Pure, like everything it reads.

use super::model::CardKind;
use crate::engine::snapshot::{GateView, Link, Snapshot};
use crate::engine::{gate, throttle, window};
use crate::plan::{Phase, PlannedStep};
use crate::reading::Reading;
use crate::run::event::{Actor, Direction, Task};
use crate::run::{Outcome, Record, Run, TaskState};
use crate::runbook::{Action, Condition, Exec, Probe, Reversal, StepId, WindowScope, Writes};

/// What the run is about at this moment.
#[derive(Debug, Clone, PartialEq)]
pub enum Focus<'a> {
    /// A task failed or is in doubt: a person decides.
    Question {
        /// The task.
        task: &'a Task,
        /// What is known of it.
        record: &'a Record,
    },
    /// This task runs, or is the next one to run.
    Task {
        /// The task.
        task: Task,
        /// Its step.
        step: &'a PlannedStep,
    },
    /// Nothing is left to do before the next boundary.
    Boundary {
        /// The phase behind it; `None` where that is the end.
        next: Option<&'a Phase>,
    },
    /// The run has ended.
    Ended(Outcome),
}

/// What the run is about: a question before a running task before the next one.
pub fn focus(snapshot: &Snapshot) -> Focus<'_> {
    let run = snapshot.run.as_ref();
    if let Some(outcome) = run.outcome {
        return Focus::Ended(outcome);
    }
    if let Some((task, record)) = run.open_questions().next() {
        return Focus::Question { task, record };
    }
    let task = snapshot
        .running
        .keys()
        .next()
        .cloned()
        .or_else(|| next_task(run));
    let place = task.and_then(|task| Some((run.plan.step(&task.step)?.step, task)));
    match place {
        Some((step, task)) => Focus::Task { task, step },
        None => Focus::Boundary {
            next: next_phase(run),
        },
    }
}

/// The next task of the current phase, or of the way back.
fn next_task(run: &Run) -> Option<Task> {
    match &run.rollback {
        Some(rollback) => {
            let tasks = run.way_back(rollback.phase, rollback.scope);
            tasks.into_iter().find(|task| !run.is_done(task))
        }
        None => run.next_step().map(|step| Task::forward(step.id().clone())),
    }
}

/// The phase behind the next boundary; `None` where that is the end.
pub fn next_phase(run: &Run) -> Option<&Phase> {
    run.plan.phases().get(run.boundary())
}

/// The phase that a rollback would take back: the last one entered.
pub fn last_entered(run: &Run) -> Option<&Phase> {
    match run.place {
        crate::run::Place::In(index) => run.plan.phases().get(index),
        crate::run::Place::Before(index) => run.plan.phases().get(index.checked_sub(1)?),
    }
}

/// The action of a task: the step's, or its undo's.
pub fn action(step: &PlannedStep, direction: Direction) -> Option<&Action> {
    match direction {
        Direction::Forward => Some(step.action()),
        Direction::Back => step.reversal().undo(),
    }
}

/// The manual step that waits for its answer, and its question.
pub fn asked(snapshot: &Snapshot) -> Option<(StepId, String)> {
    let Focus::Task { task, step } = focus(snapshot) else {
        return None;
    };
    match action(step, task.direction)? {
        Action::Manual(manual) => Some((task.step, manual.ask.clone())),
        _ => None,
    }
}

/// Whether there is something behind the next boundary that cannot go back.
pub fn no_return_ahead(run: &Run) -> bool {
    next_phase(run).is_some_and(|phase| phase.point_of_no_return)
}

/// Why the next boundary cannot be crossed now; empty where it can.
pub fn advance_blockers(snapshot: &Snapshot) -> Vec<String> {
    let run = &snapshot.run;
    let mut why = Vec::new();
    if run.outcome.is_some() {
        return vec!["the run has ended".into()];
    }
    if run.rollback.is_some() {
        return vec!["a rollback is under way".into()];
    }
    if let Link::Down { .. } = snapshot.link {
        why.push("the journal cannot be reached".into());
    }
    if run.hold.is_some() || snapshot.unrecorded_hold {
        why.push("the run is held: r releases it first".into());
    }
    if let Some((task, _)) = run.open_questions().next() {
        why.push(format!("{task} waits for a decision: o"));
    }
    let window = run.plan.body.window.as_ref();
    let closed = window::closed(window, WindowScope::Advance, snapshot.now);
    why.extend(closed.map(|until| format!("the window {until}")));
    match run.next_step() {
        Some(step) => why.push(format!("step {} is not done", step.id())),
        None => why.extend(unmet(snapshot).map(|gate| {
            let evidence = &gate.evidence;
            format!("gate {} is {}", gate.gate, evidence.verdict.word())
        })),
    }
    why
}

/// The gates that stand next and do not open.
pub fn unmet(snapshot: &Snapshot) -> impl Iterator<Item = &GateView> {
    snapshot
        .gates
        .iter()
        .filter(|g| !g.evidence.verdict.opens())
}

/// The gates that a person can sign now: what is signed has to be there to be
/// looked at.
pub fn to_sign(snapshot: &Snapshot) -> Vec<&GateView> {
    let run = &snapshot.run;
    let due = |view: &&GateView| {
        run.plan.gate(&view.gate).is_some_and(|(phase, planned)| {
            matches!(planned.condition, Condition::Signoff { .. })
                && gate::steps_before_are_done(run, phase, planned)
        })
    };
    unmet(snapshot).filter(due).collect()
}

/// The gates that a card of this kind chooses from.
pub fn choices(kind: CardKind, snapshot: &Snapshot) -> Vec<&GateView> {
    match kind {
        CardKind::Sign => to_sign(snapshot),
        CardKind::Waive => to_waive(snapshot),
        _ => Vec::new(),
    }
}

/// The gates that a person may open with a reason.
pub fn to_waive(snapshot: &Snapshot) -> Vec<&GateView> {
    let waivable = |gate: &&GateView| {
        let planned = snapshot.run.plan.gate(&gate.gate);
        planned.is_some_and(|(_, gate)| gate.waivable)
    };
    unmet(snapshot).filter(waivable).collect()
}

/// Sessions of others that wait behind ours, where that is known.
pub fn waiting_on_us(snapshot: &Snapshot) -> Option<u32> {
    match &snapshot.readings.locks {
        Reading::Measured { value, .. } => Some(value.waiting_on_us),
        Reading::Absent { .. } => None,
    }
}

/// The task that runs SQL and does more than wait for a lock: what a hold
/// leaves running, and what can be cancelled.
pub fn running_statement(snapshot: &Snapshot) -> Option<&Task> {
    let plan = &snapshot.run.plan;
    snapshot.running.keys().find(|task| {
        let step = plan.step(&task.step).map(|place| place.step);
        let action = step.and_then(|step| action(step, task.direction));
        matches!(action, Some(Action::Sql(_)))
    })
}

/// All steps in order, each with its phase's index; a phase's own rollback
/// follows its steps.
pub fn steps(run: &Run) -> impl Iterator<Item = (usize, &PlannedStep)> {
    run.plan
        .phases()
        .iter()
        .enumerate()
        .flat_map(|(at, phase)| {
            let steps = phase.steps.iter().chain(phase.rollback.iter().flatten());
            steps.map(move |step| (at, step))
        })
}

/// Sessions of the current phase's backfill, running or not.
pub fn workers(run: &Run) -> u16 {
    let here = steps(run).filter(|(phase, _)| *phase == run.phase_index());
    let tasks = here.map(|(_, step)| Task::forward(step.id().clone()));
    let all = tasks.map(|task| throttle::workers(run, &task));
    all.max().unwrap_or(1)
}

/// One word for how a task stands.
pub fn task_word(state: Option<&TaskState>) -> &'static str {
    match state {
        None => "to do",
        Some(TaskState::Running) => "running",
        Some(TaskState::Retrying { .. }) => "retrying",
        Some(TaskState::Interrupted) => "stopped",
        Some(TaskState::Done(_)) => "done",
        Some(TaskState::Failed(_)) => "FAILED",
        Some(TaskState::InDoubt(_)) => "IN DOUBT",
    }
}

/// What an action runs, a line each, as written.
pub fn script(action: &Action) -> Vec<String> {
    match action {
        Action::Sql(sql) => {
            let lines = sql.statements.iter().flat_map(|sql| {
                let mut lines: Vec<String> = sql.lines().map(str::to_owned).collect();
                if let Some(last) = lines.last_mut() {
                    last.push(';');
                }
                lines
            });
            lines.collect()
        }
        Action::Backfill(backfill) => {
            let key = backfill.key.join(", ");
            let mut lines = match &backfill.writes {
                Writes::Set(set) => vec![
                    format!("update {} in chunks by {key}", backfill.table),
                    format!("  set {}", pairs(set)),
                ],
                Writes::Into(targets) => {
                    let mut lines = vec![format!("copy {} in chunks by {key}", backfill.table)];
                    lines.extend(targets.iter().map(|target| {
                        let filter = target.filter.iter().map(|f| format!(" where {f}"));
                        let filter: String = filter.collect();
                        format!("  into {}: {}{filter}", target.table, pairs(&target.set))
                    }));
                    lines
                }
                Writes::Custom(custom) => {
                    let walked = format!("for {} in chunks by {key}", backfill.table);
                    let sql = custom.statements.iter().flat_map(|sql| sql.lines());
                    std::iter::once(walked)
                        .chain(sql.map(str::to_owned))
                        .collect()
                }
            };
            lines.extend(
                backfill
                    .filter
                    .iter()
                    .map(|filter| format!("  where {filter}")),
            );
            lines
        }
        Action::Parity(parity) => vec![
            format!("compare in {} by {}", parity.table, parity.key.join(", ")),
            format!("  {} with {}", parity.left, parity.right),
        ],
        Action::Exec(exec) => vec![command(exec)],
        Action::Manual(manual) => vec![manual.ask.clone()],
        Action::Wait(crate::runbook::Wait::For(time)) => {
            vec![format!("wait {}", crate::report::format::duration(*time))]
        }
        Action::Wait(crate::runbook::Wait::Until { query, .. }) => {
            vec![format!("wait until: {query}")]
        }
    }
}

/// How a step goes back, a line each.
pub fn way_back(reversal: &Reversal) -> Vec<String> {
    match reversal {
        Reversal::Undo(action) | Reversal::Derived(action) => script(action),
        Reversal::Keep(why) => vec![format!("stays: {why}")],
        Reversal::Irreversible(lost) => vec![format!("cannot go back: {lost}")],
        Reversal::Nothing => vec!["changes nothing".into()],
    }
}

/// The probe of a step, in one line.
pub fn probe(probe: &Probe) -> String {
    match probe {
        Probe::Query(query) => query.clone(),
        Probe::Command(exec) => command(exec),
    }
}

fn command(exec: &Exec) -> String {
    format!("$ {}", exec.run.join(" "))
}

fn pairs(set: &[(String, String)]) -> String {
    let set: Vec<_> = set
        .iter()
        .map(|(to, from)| format!("{to} = {from}"))
        .collect();
    set.join(", ")
}

/// Who asks to take over the lead.
pub fn asks_to_lead(run: &Run) -> Option<&Actor> {
    let asked = run.lead.as_ref()?.asked.as_ref()?;
    Some(&asked.by)
}
