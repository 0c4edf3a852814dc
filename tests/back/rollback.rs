//! Each phase of the example goes back, from its middle and from its end, and
//! forward again, with its clients at work.

use pgcutover::run::Run;
use rustix::process::Signal;

use crate::stage::step;
use crate::walk::Walk;

/// A phase that is taken back leaves the database as it was before it.
async fn there_and_back(walk: &mut Walk, phase: &str, before: &str) {
    walk.roll_back(phase).await;
    assert_eq!(walk.standing().await, before, "after {phase}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_phase_goes_back_and_the_run_still_gets_to_its_end() {
    let mut walk = Walk::begin().await;
    walk.stage.lead().await;
    expand(&mut walk).await;
    dual_write_and_backfill(&mut walk).await;
    verify(&mut walk).await;
    read_switch(&mut walk).await;
    contract(&mut walk).await;
    assert_eq!(walk.stage.ended().await, Some(0));
    let (status, code) = walk.stage.status().await;
    assert_eq!((status["state"].as_str(), code), (Some("FINISHED"), 0));
    walk.close().await;
}

async fn expand(walk: &mut Walk) {
    let before = walk.standing().await;
    breaks_and_goes_back(walk, "expand", "ADD COLUMN", &before).await;
    walk.go_to("expand").await;
    assert_ne!(walk.standing().await, before);
    there_and_back(walk, "expand", &before).await;
    walk.go_to("expand").await;
}

/// At the end of dual-write the backfill enters by itself: it goes back first.
async fn dual_write_and_backfill(walk: &mut Walk) {
    let before = walk.standing().await;
    breaks_and_goes_back(walk, "dual-write", "CREATE TRIGGER", &before).await;
    walk.stage.ask(&["pace", "1"]).await;
    walk.go_to("dual-write").await;
    let between = walk.standing().await;
    assert_ne!(between, before);
    walk.stage
        .until_status("chunk", |status| {
            status["backfill"]["chunks"].as_u64() > Some(0)
        })
        .await;
    assert!(!walk.stage.run().await.unwrap().is_done(&step("copy")));
    there_and_back(walk, "backfill", &between).await;
    there_and_back(walk, "dual-write", &before).await;
    walk.stage.ask(&["pace", "100"]).await;
    // What has been taken back does not enter by itself again.
    walk.go_to("backfill").await;
}

/// A phase whose statement fails is held, goes back, and may be tried again.
async fn breaks_and_goes_back(walk: &mut Walk, phase: &str, statement: &str, before: &str) {
    walk.break_statement(statement).await;
    walk.enter(phase).await;
    walk.stage.until("hold", |run| run.hold.is_some()).await;
    there_and_back(walk, phase, before).await;
    walk.mend().await;
    walk.stage.ask(&["release"]).await;
}

/// The backfill cannot be taken back from its end: verify has begun. So verify
/// goes first, and the backfill after it.
async fn verify(walk: &mut Walk) {
    walk.complete("verify").await;
    assert!(
        walk.standing()
            .await
            .contains("users_email_address_present")
    );
    walk.roll_back("verify").await;
    let before = walk.standing().await;
    assert!(!before.contains("users_email_address_present"), "{before}");
    there_and_back(walk, "backfill", &before).await;
    walk.go_to("backfill").await;

    breaks_and_goes_back(walk, "verify", "VALIDATE CONSTRAINT", &before).await;
    walk.go_to("verify").await;
    assert_ne!(walk.standing().await, before);
}

async fn read_switch(walk: &mut Walk) {
    let before = walk.standing().await;
    walk.enter("read-switch").await;
    let ramping = |run: &Run| run.is_done(&step("flag-10")) && !run.is_done(&step("flag-100"));
    walk.stage.until("ramp", ramping).await;
    there_and_back(walk, "read-switch", &before).await;
    walk.go_to("read-switch").await;
    let now = walk.standing().await;
    assert!(
        now.ends_with("read_new 100, old_app off off, new_app on on"),
        "{now}"
    );
    there_and_back(walk, "read-switch", &before).await;
    walk.go_to("read-switch").await;
}

async fn contract(walk: &mut Walk) {
    let before = walk.standing().await;
    breaks_and_goes_back(walk, "contract", "DROP COLUMN", &before).await;

    walk.break_statement("DROP CONSTRAINT").await;
    walk.enter("contract").await;
    walk.until_failed(&step("drop-check")).await;
    let past = walk.standing().await;
    assert!(!past.contains("column users.email:"), "{past}");
    for verb in [&["rollback", "contract"][..], &["unwind"]] {
        walk.stage
            .refused(
                verb,
                "roll forward only: step drop-old cannot be taken back",
            )
            .await;
    }
    // Nor by another lead.
    walk.stage.signal(Signal::TERM);
    assert_eq!(walk.stage.ended().await, Some(3));
    walk.stage.lead().await;
    walk.stage.refused(&["unwind"], "roll forward only").await;
    assert_eq!(walk.standing().await, past);
    walk.mend().await;
    walk.stage.ask(&["release"]).await;
}
