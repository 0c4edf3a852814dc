//! An undo that fails is stuck, until a person has mended what is in its way.

use pgcutover::run::Outcome;
use pgcutover::run::event::EventKind;
use rustix::process::Signal;

use crate::stage::{step, undo};
use crate::walk::Walk;

/// What somebody has built on the new column meanwhile.
const IN_THE_WAY: &str = "CREATE VIEW public.addresses AS SELECT email_address FROM public.users";

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_undo_is_stuck_until_it_is_mended_and_never_skipped() {
    let mut walk = Walk::begin().await;
    let before = walk.standing().await;
    walk.stage.lead().await;
    walk.go_to("expand").await;
    let client = &walk.stage.database.client;
    client.batch_execute(IN_THE_WAY).await.unwrap();
    walk.stage.ask(&["unwind"]).await;
    walk.until_failed(&undo("add-column")).await;

    let (status, code) = walk.stage.status().await;
    assert_eq!(
        (status["state"].as_str(), code),
        (Some("STUCK"), 5),
        "{status:#}"
    );
    let verdict = status["verdict"].as_str().unwrap();
    assert!(verdict.contains("undo of add-column failed"), "{verdict}");
    assert!(
        verdict.contains("addresses"),
        "names what is in its way: {verdict}"
    );
    walk.stage.signal(Signal::TERM);
    assert_eq!(walk.stage.ended().await, Some(5), "{}", walk.stage.told());

    walk.stage.lead().await;
    still_stuck(&mut walk).await;
    // Leaving has held the run; letting it go on does not skip the undo.
    walk.stage.ask(&["release"]).await;
    // Long enough for a step to be begun again, were it so.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    still_stuck(&mut walk).await;

    let client = &walk.stage.database.client;
    client
        .batch_execute("DROP VIEW public.addresses")
        .await
        .unwrap();
    let wrong = ["resolve", "add-column", "--as", "retry", "--reason", "x"];
    walk.stage
        .refused(&wrong, "add-column does not wait for a decision")
        .await;
    let mended = [
        "resolve",
        "add-column",
        "--undo",
        "--as",
        "retry",
        "--reason",
        "dropped the view",
    ];
    walk.stage.ask(&mended).await;
    assert_eq!(walk.stage.ended().await, Some(4), "{}", walk.stage.told());
    assert_eq!(
        walk.stage.run().await.unwrap().outcome,
        Some(Outcome::RolledBack)
    );
    assert_eq!(walk.standing().await, before);
    walk.close().await;
}

/// The undo waits for a person, and has not been tried again.
async fn still_stuck(walk: &mut Walk) {
    walk.stage
        .until_status("STUCK", |status| status["state"] == "STUCK")
        .await;
    let journal = walk.stage.journal().await;
    let started = journal.iter().filter(|event| {
        matches!(&event.kind, EventKind::StepStarted { task, .. } if *task == undo("add-column"))
    });
    assert_eq!(started.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_on_the_way_forward_does_not_make_the_way_back_stuck() {
    let mut walk = Walk::begin().await;
    walk.stage.lead().await;
    walk.go_to("verify").await;
    walk.break_commands();
    walk.enter("read-switch").await;
    walk.until_failed(&step("deploy-new")).await;
    assert_eq!(walk.stage.status().await.1, 3, "held, not stuck");
    walk.stage.ask(&["rollback", "read-switch"]).await;
    walk.until_failed(&step("flag-0")).await;
    let (status, code) = walk.stage.status().await;
    let verdict = status["verdict"].as_str().unwrap();
    assert!(
        verdict.starts_with("flag-0 failed"),
        "names what is stuck: {verdict}"
    );
    assert_eq!((status["state"].as_str(), code), (Some("STUCK"), 5));

    walk.mend_commands();
    walk.stage
        .ask(&["resolve", "flag-0", "--as", "retry", "--reason", "mended"])
        .await;
    walk.stage
        .until("rolled back", |run| run.rollback.is_none())
        .await;
    // While the way back was taken, the step that had failed made no trouble.
    let told = walk.stage.told();
    let stuck: Vec<_> = told
        .lines()
        .filter(|line| line.contains("STUCK:"))
        .collect();
    assert_eq!(stuck.len(), 1, "{told}");
    assert!(stuck[0].contains("flag-0"), "{told}");
    walk.close().await;
}
