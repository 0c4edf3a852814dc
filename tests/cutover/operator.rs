//! The person who signs and advances, by the verbs, as soon as it is their turn.

use crate::program::Status;
use crate::stage::Stage;

/// The runbook's phases.
const PHASES: [&str; 6] = [
    "expand",
    "dual-write",
    "backfill",
    "verify",
    "read-switch",
    "contract",
];

/// Drives until the run stands at the boundary before `phase`, its gates open.
pub(crate) async fn drive_up_to(stage: &Stage, phase: &str) {
    drive(stage, phase).await;
}

/// Drives to the end. Whoever leads may be killed meanwhile, and come back.
pub(crate) async fn drive_to_the_end(stage: &Stage) {
    drive(stage, "").await;
}

async fn drive(stage: &Stage, up_to: &str) {
    let what = format!("the operator on the way to `{up_to}`");
    crate::until(&what, async || {
        let status = stage.status().await?;
        if status.state == "FINISHED" {
            return Some(());
        }
        let request = request(&status)?;
        if request == format!("advance {up_to}") {
            return Some(());
        }
        // Refused where the picture was old: looks again.
        stage.verb(&request).await;
        None
    })
    .await;
}

/// What a person would do at this picture.
fn request(status: &Status) -> Option<String> {
    let at_rest = matches!(status.state.as_str(), "NOT STARTED" | "WAITING FOR");
    if !at_rest || !status.before && status.step.is_some() {
        return None;
    }
    let shut: Vec<_> = status
        .gates
        .iter()
        .filter(|gate| gate.verdict != "GO")
        .map(|gate| gate.id.as_str())
        .collect();
    match shut.as_slice() {
        [] => Some(format!("advance {}", next(status))),
        ["readers-fine"] => Some("sign readers-fine".to_owned()),
        _ => None,
    }
}

fn next(status: &Status) -> &'static str {
    let here = PHASES.iter().position(|phase| *phase == status.phase);
    let here = here.expect("a phase of the runbook");
    PHASES[here + usize::from(!status.before)]
}
