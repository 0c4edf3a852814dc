//! What a card says before something is confirmed: the evidence, what runs,
//! what is lost, how to get back, and the one key that does it.

use ratatui::text::Line;

use super::row::wrap;
use super::{Scene, detail, gates, notes};
use crate::engine::snapshot::GateView;
use crate::plan::Phase;
use crate::report::format::{self, plural};
use crate::run::event::Task;
use crate::runbook::{Condition, Reversal};
use crate::tui::can;
use crate::tui::facts;
use crate::tui::model::{Card, CardKind};
use crate::tui::theme::Tone;

/// The card's title.
pub(super) fn title(scene: &Scene<'_>, kind: CardKind) -> String {
    let run = &scene.snapshot.run;
    let last = facts::last_entered(run).map_or("", |phase| phase.id.as_str());
    match kind {
        CardKind::Advance => match facts::next_phase(run) {
            Some(phase) => format!("advance into {}", phase.id),
            None => "advance to the end".into(),
        },
        CardKind::RollBack => format!("roll back {last}"),
        CardKind::Unwind => "unwind: roll back every phase, to the start".into(),
        CardKind::Release => "release the hold".into(),
        CardKind::Sign => "sign for a seat".into(),
        CardKind::Waive => "waive a gate".into(),
        CardKind::Answer => "answer".into(),
        CardKind::Resolve => "settle what failed or is in doubt".into(),
        CardKind::Cancel => "cancel the running statement".into(),
    }
}

/// All lines of the card, above its confirming row.
pub(super) fn lines(scene: &Scene<'_>, card: &Card, width: u16) -> Vec<Line<'static>> {
    let mut page = Page {
        scene,
        width: width.saturating_sub(4),
        lines: Vec::new(),
    };
    match card.kind {
        CardKind::Advance => advance(&mut page),
        CardKind::RollBack => roll_back(&mut page),
        CardKind::Unwind => unwind(&mut page),
        CardKind::Release => release(&mut page),
        CardKind::Sign => sign(&mut page, card),
        CardKind::Waive => waive(&mut page, card),
        CardKind::Answer => answer(&mut page),
        CardKind::Resolve => resolve(&mut page),
        CardKind::Cancel => cancel(&mut page),
    }
    page.lines
}

/// The row that says which key does it, or what stands in the way.
pub(super) fn confirming(scene: &Scene<'_>, card: &Card) -> (Tone, String) {
    let keys = match card.kind {
        CardKind::Sign => "y signs GO, n signs NO-GO",
        CardKind::Resolve => "y takes it as done, n tries it again",
        _ => "y does it",
    };
    match can::ready(scene.model, card) {
        Err(why) if scene.model.is_stale(card) => (Tone::Bad, why),
        _ if card.typing && card.kind == CardKind::Advance => {
            (Tone::Note, "the whole id, then y; Esc closes".into())
        }
        _ if card.typing => (
            Tone::Note,
            format!("Tab leaves the text, then {keys}; Esc closes"),
        ),
        Err(why) => (Tone::Warn, why),
        Ok(()) => (
            Tone::Note,
            format!("{keys}, Esc closes; Enter does nothing"),
        ),
    }
}

/// What has to be typed, where something has.
pub(super) fn prompt(scene: &Scene<'_>, card: &Card) -> Option<String> {
    match card.kind {
        CardKind::Advance if facts::no_return_ahead(&scene.snapshot.run) => {
            let id = &scene.snapshot.run.plan.body.cutover.id;
            Some(format!("no way back: type {id}"))
        }
        CardKind::Waive | CardKind::Resolve => Some("why (_ is a space)".into()),
        CardKind::Sign | CardKind::RollBack | CardKind::Unwind => {
            Some("why, if you like: Tab (_ is a space)".into())
        }
        _ => None,
    }
}

struct Page<'s, 'a> {
    scene: &'s Scene<'a>,
    width: u16,
    lines: Vec<Line<'static>>,
}

impl Page<'_, '_> {
    fn heading(&mut self, text: &str) {
        let row = self.scene.row().styled(self.scene.theme.title(false), text);
        self.lines.push(row.into());
    }

    fn say(&mut self, tone: Tone, text: impl AsRef<str>) {
        for line in wrap(text.as_ref(), self.width.saturating_sub(2)) {
            self.lines
                .push(self.scene.row().gap(2).put(tone, line).into());
        }
    }

    fn gate(&mut self, gate: &GateView, chosen: Option<bool>) {
        let row = match chosen {
            None => self.scene.row().gap(1),
            Some(true) => self.scene.row().put(Tone::Note, self.scene.glyphs().cursor),
            Some(false) => self.scene.row().gap(1),
        };
        let row = row.join(gates::row(self.scene, gate, self.width.saturating_sub(1)));
        self.lines.push(row.fit(self.width).into());
    }

    fn steps(&mut self, phase: &Phase) {
        for step in &phase.steps {
            for (tone, line) in detail::summary(self.scene.snapshot, step) {
                self.say(tone, line);
            }
        }
    }

    fn task(&mut self, task: &Task) {
        let run = &self.scene.snapshot.run;
        let Some(place) = run.plan.step(&task.step) else {
            return;
        };
        let action = facts::action(place.step, task.direction);
        let script = action.map(facts::script).unwrap_or_default();
        self.say(Tone::Plain, format!("{task}:"));
        for line in script {
            self.say(Tone::Plain, format!("  {line}"));
        }
    }
}

/// Gates, what runs next, the fastest way back, what to watch, whom to tell.
fn advance(page: &mut Page<'_, '_>) {
    let scene = page.scene;
    let run = &scene.snapshot.run;
    page.heading("gates now");
    if scene.snapshot.gates.is_empty() {
        page.say(Tone::Plain, "none stands here");
    }
    for gate in &scene.snapshot.gates {
        page.gate(gate, None);
    }
    for why in facts::advance_blockers(scene.snapshot) {
        page.say(Tone::Warn, format!("not yet: {why}"));
    }
    let Some(phase) = facts::next_phase(run) else {
        page.say(Tone::Plain, "nothing runs after this: the run is finished");
        return;
    };
    page.heading("runs next");
    page.steps(phase);
    page.heading("fastest way back");
    way_back(page, phase);
    page.heading("watch");
    let guards: Vec<_> = run
        .plan
        .body
        .guards
        .iter()
        .map(|guard| guard.id.to_string())
        .collect();
    page.say(
        Tone::Plain,
        format!("{}; {}", guards.join(", "), "who waits on us (w)"),
    );
    page.heading("tell");
    let tell = notes::tell(scene);
    page.say(
        Tone::Plain,
        if tell.is_empty() {
            "nobody is named".into()
        } else {
            tell.join("; ")
        },
    );
}

/// How one gets back out of a phase that has not been entered yet.
fn way_back(page: &mut Page<'_, '_>, phase: &Phase) {
    if let Some(steps) = &phase.rollback {
        let steps: Vec<_> = steps.iter().map(|step| step.id().to_string()).collect();
        return page.say(Tone::Good, format!("b: {}", steps.join(", ")));
    }
    for step in phase.steps.iter().rev() {
        let (tone, line) = match step.reversal() {
            Reversal::Irreversible(lost) => {
                (Tone::Bad, format!("none after {}: {lost}", step.id()))
            }
            Reversal::Keep(why) => (Tone::Quiet, format!("{} stays: {why}", step.id())),
            Reversal::Nothing => continue,
            Reversal::Undo(action) | Reversal::Derived(action) => {
                let first = facts::script(action).into_iter().next().unwrap_or_default();
                (Tone::Good, format!("b: {first}"))
            }
        };
        page.say(tone, line);
    }
}

/// Statements in order, expected time, what is lost.
fn roll_back(page: &mut Page<'_, '_>) {
    let undo = &page.scene.snapshot.undo;
    page.heading("runs, in this order");
    for task in &undo.tasks {
        page.task(task);
    }
    if undo.tasks.is_empty() {
        page.say(Tone::Plain, "nothing: no step left anything behind");
    }
    page.heading("takes");
    let time = undo.expected.map(format::duration);
    let time = time.map_or("unknown: nothing like it has run yet".into(), |t| {
        format!("about {t}")
    });
    page.say(
        Tone::Plain,
        format!("{time}, {}", plural(undo.tasks.len() as u64, "step")),
    );
    losses(page);
    let run = &page.scene.snapshot.run;
    if let Some(phase) = facts::last_entered(run) {
        let next = run.attempt(&phase.id) + 1;
        page.say(
            Tone::Plain,
            format!(
                "afterwards the run stands before {}, attempt {next}",
                phase.id
            ),
        );
    }
}

fn losses(page: &mut Page<'_, '_>) {
    page.heading("lost");
    let losses = &page.scene.snapshot.undo.losses;
    if losses.is_empty() {
        page.say(Tone::Good, "nothing");
    }
    for loss in losses {
        page.say(Tone::Warn, loss);
    }
}

fn unwind(page: &mut Page<'_, '_>) {
    let run = &page.scene.snapshot.run;
    page.heading("takes back, in this order");
    let entered = run.boundary().min(run.plan.phases().len());
    for phase in run.plan.phases()[..entered].iter().rev() {
        page.say(Tone::Plain, format!("{}:", phase.id));
        for step in phase.steps.iter().rev() {
            for line in facts::way_back(step.reversal()) {
                page.say(Tone::Plain, format!("  {}: {line}", step.id()));
            }
        }
    }
    losses(page);
}

fn release(page: &mut Page<'_, '_>) {
    let run = &page.scene.snapshot.run;
    if let Some(hold) = &run.hold {
        page.heading("held");
        let why = if hold.reason.is_empty() {
            "no reason given"
        } else {
            &hold.reason
        };
        page.say(
            Tone::Plain,
            format!("by {} at {}: {why}", hold.by, format::clock(hold.at)),
        );
    }
    page.heading("goes on");
    match facts::focus(page.scene.snapshot) {
        facts::Focus::Task { task, .. } => page.say(Tone::Plain, format!("{task}")),
        facts::Focus::Question { task, .. } => {
            page.say(Tone::Plain, format!("{task}, tried again where it failed"));
        }
        _ => page.say(Tone::Plain, "nothing by itself: a advances"),
    }
}

fn sign(page: &mut Page<'_, '_>, card: &Card) {
    let run = &page.scene.snapshot.run;
    let gates = facts::to_sign(page.scene.snapshot);
    page.heading(if gates.len() > 1 {
        "gates to sign; j and k choose"
    } else {
        "gate"
    });
    for (at, gate) in gates.iter().enumerate() {
        page.gate(gate, Some(at == card.choice));
        if let Some((_, planned)) = run.plan.gate(&gate.gate)
            && let Condition::Signoff { seats, valid_for } = &planned.condition
        {
            let seats: Vec<_> = seats.iter().map(|seat| seat.to_string()).collect();
            let valid = format::duration(*valid_for);
            page.say(
                Tone::Quiet,
                format!(
                    "  seats: {}; an answer counts for {valid}",
                    seats.join(", ")
                ),
            );
        }
    }
    page.heading("your signature is bound to");
    let hash = crate::report::sentence::short(&run.plan_hash);
    let seen = crate::report::sentence::short(&card.saw_hash);
    page.say(
        Tone::Plain,
        format!("plan {hash}, journal {seen} at event {}", card.saw),
    );
}

fn waive(page: &mut Page<'_, '_>, card: &Card) {
    let gates = facts::to_waive(page.scene.snapshot);
    page.heading(if gates.len() > 1 {
        "gates to waive; j and k choose"
    } else {
        "gate"
    });
    for (at, gate) in gates.iter().enumerate() {
        page.gate(gate, Some(at == card.choice));
    }
    page.say(
        Tone::Warn,
        "a waiver stays visible for ever, with your name and reason",
    );
}

fn answer(page: &mut Page<'_, '_>) {
    if let Some((step, question)) = facts::asked(page.scene.snapshot) {
        page.heading(step.as_str());
        page.say(Tone::Plain, question);
    }
}

fn resolve(page: &mut Page<'_, '_>) {
    let run = &page.scene.snapshot.run;
    let Some((task, record)) = run.open_questions().next() else {
        return page.say(Tone::Plain, "nothing is open any more");
    };
    page.heading(&format!(
        "{task}: {}",
        facts::task_word(Some(&record.state))
    ));
    match &record.state {
        crate::run::TaskState::Failed(fault) => {
            page.say(Tone::Bad, fault.to_string());
            if let Some(hint) = &fault.hint {
                page.say(Tone::Plain, format!("hint: {hint}"));
            }
        }
        crate::run::TaskState::InDoubt(why) => page.say(Tone::Bad, why),
        _ => {}
    }
    page.task(task);
}

fn cancel(page: &mut Page<'_, '_>) {
    if let Some(task) = facts::running_statement(page.scene.snapshot) {
        page.heading("is cancelled now");
        page.task(task);
        page.say(
            Tone::Warn,
            "a transaction leaves nothing; a concurrent index build leaves an invalid index",
        );
    }
}
