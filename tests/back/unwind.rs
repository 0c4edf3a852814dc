//! A run that is unwound, from any phase, leaves nothing behind.

use pgcutover::run::Outcome;

use crate::stage::step;
use crate::walk::{PHASES, Walk};

/// Goes into a phase, unwinds, and looks.
async fn unwound_from(phase: &str) {
    let mut walk = Walk::begin().await;
    let before = walk.standing().await;
    walk.stage.lead().await;
    match phase {
        // Its middle: its end is the end of the run.
        "contract" => {
            walk.go_to("read-switch").await;
            walk.break_statement("DROP COLUMN").await;
            walk.enter("contract").await;
            walk.until_failed(&step("drop-old")).await;
            walk.mend().await;
        }
        // Its middle: at its end the next phase enters by itself.
        "dual-write" => {
            walk.go_to("expand").await;
            walk.break_statement("CREATE TRIGGER").await;
            walk.enter(phase).await;
            walk.until_failed(&step("triggers")).await;
            walk.mend().await;
        }
        "backfill" => {
            walk.stage.ask(&["pace", "1"]).await;
            walk.go_to("dual-write").await;
            walk.enter("backfill").await;
        }
        _ => walk.go_to(phase).await,
    }
    assert_ne!(walk.standing().await, before);
    walk.stage.ask(&["unwind", "--reason", "enough"]).await;
    assert_eq!(walk.stage.ended().await, Some(4), "{}", walk.stage.told());
    assert_eq!(walk.standing().await, before, "from {phase}");
    let run = walk.stage.run().await.unwrap();
    assert_eq!(run.outcome, Some(Outcome::RolledBack));
    let (status, code) = walk.stage.status().await;
    assert_eq!((status["state"].as_str(), code), (Some("ROLLED BACK"), 4));
    walk.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unwound_from_any_phase_everything_is_as_at_the_start() {
    tokio::join!(
        unwound_from(PHASES[0]),
        unwound_from(PHASES[1]),
        unwound_from(PHASES[2]),
        unwound_from(PHASES[3]),
        unwound_from(PHASES[4]),
        unwound_from(PHASES[5]),
    );
}
