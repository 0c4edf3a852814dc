//! What of this run stands in the database and acts without us: triggers, above
//! all, fire while nothing of ours runs.
//!
//! Owns which phases those are and their words; never what their SQL does, which
//! the steps' page shows.

use super::fitting;
use crate::plan::PlannedStep;
use crate::run::event::Task;
use crate::run::{Outcome, Run};
use crate::runbook::Action;

/// What stands, in so many columns: `dual-write stands`, `dual-write +1 stand`;
/// `None` where nothing does, or where what is irreversible may have taken it away.
pub(super) fn words(run: &Run, room: u16) -> Option<String> {
    if run.past_no_return().is_some() || run.outcome == Some(Outcome::Finished) {
        return None;
    }
    let phases = run.plan.phases().iter();
    let stand = phases.filter(|phase| phase.steps.iter().any(|step| stands(run, step)));
    let names: Vec<&str> = stand.map(|phase| phase.id.as_str()).collect();
    Some(match names.as_slice() {
        [] => return None,
        [one] => fitting(room, [format!("{one} stands"), "1 phase stands".into()]),
        [before @ .., last] => fitting(
            room,
            [
                format!("{} stand", names.join(", ")),
                format!("{last} +{} stand", before.len()),
                format!("{} phases stand", names.len()),
            ],
        ),
    })
}

/// SQL that is done, and that an undo would take back.
fn stands(run: &Run, step: &PlannedStep) -> bool {
    let (forward, back) = (
        Task::forward(step.id().clone()),
        Task::back(step.id().clone()),
    );
    let sql = matches!(step.action(), Action::Sql(_)) && step.reversal().undo().is_some();
    sql && run.is_done(&forward) && !run.is_done(&back)
}
