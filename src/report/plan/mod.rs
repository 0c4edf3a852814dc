//! Owns the plan as text, which is what a reviewer signs; never compiles one.
//!
//! Everything that will run stands in it, verbatim and in order, with its
//! undo below it, and the hash at both ends. At most 100 columns, but for SQL,
//! whose lines are the author's.

mod gate;
mod head;
mod page;
mod step;

use self::page::Page;
use crate::plan::{Phase, Plan};
use crate::runbook::{At, Enter, Gate, StepId};

/// The plan for `run RUNBOOK --plan-only`.
pub fn text(plan: &Plan) -> String {
    let mut page = Page::default();
    head::write(&mut page, plan);
    for (index, phase) in plan.phases().iter().enumerate() {
        page.blank();
        write_phase(&mut page, plan, index, phase);
    }
    page.blank();
    page.line(0, &format!("plan {}", plan.hash()));
    page.into_text()
}

fn write_phase(page: &mut Page, plan: &Plan, index: usize, phase: &Phase) {
    page.line(0, &title(index, phase));
    if let Some(notes) = &phase.notes {
        page.prose(2, notes);
    }
    for (app, wanted) in &phase.compatible {
        page.prose(2, &format!("works with {app} {wanted}"));
    }
    gates(page, phase, "enter", &At::Entry);
    for (place, step) in phase.steps.iter().enumerate() {
        page.blank();
        step::write(page, plan, &format!("{}.{}", index + 1, place + 1), step);
        gates(page, phase, "go on", &At::After(step.id().clone()));
    }
    page.blank();
    gates(page, phase, "leave", &At::Exit);
    write_rollback(page, plan, index, phase);
}

fn title(index: usize, phase: &Phase) -> String {
    let mut title = format!("PHASE {} {}", index + 1, phase.id);
    if phase.point_of_no_return {
        title += "  POINT OF NO RETURN";
    }
    title += match phase.enter {
        Enter::Person => "  entered by a person",
        Enter::Auto => "  entered by itself, once its gates are GO",
    };
    if let Some(owner) = &phase.owner {
        title += &format!(", owner {owner}");
    }
    title
}

/// The gates of one place, and what may only happen behind them.
fn gates(page: &mut Page, phase: &Phase, act: &str, at: &At) {
    let here = |gate: &&Gate| &gate.at == at;
    for gate in phase.gates.iter().filter(here) {
        page.prose(
            2,
            &format!("gate `{}`, to {act}: {}", gate.id, gate::words(gate)),
        );
    }
}

fn write_rollback(page: &mut Page, plan: &Plan, index: usize, phase: &Phase) {
    let Some(steps) = &phase.rollback else {
        let back = match phase.point_of_no_return {
            false => "rolled back by the undos of its started steps, in reverse",
            true => {
                "rolled back so too, until its irreversible step commits; then roll forward only"
            }
        };
        if phase
            .steps
            .iter()
            .any(|step| step.reversal().undo().is_some())
        {
            page.line(2, back);
        }
        return;
    };
    page.line(2, "rolled back by");
    for (place, step) in steps.iter().enumerate() {
        page.blank();
        step::write(page, plan, &format!("{}.R{}", index + 1, place + 1), step);
    }
}

/// What the author should know about one step, or, without one, about the plan.
fn notices(page: &mut Page, plan: &Plan, indent: usize, step: Option<&StepId>) {
    let about = plan
        .observed
        .notices
        .iter()
        .filter(|notice| notice.step.as_ref() == step);
    for notice in about {
        page.prose(indent, &format!("! {} [{}]", notice.message, notice.code));
    }
}

#[cfg(test)]
mod tests;
