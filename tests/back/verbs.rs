//! What each verb does, and what it is refused for.

use pgcutover::run::{Outcome, Place};

use crate::stage::{Stage, step};

/// Something for every verb: a question, people, gates, a slow backfill.
const RUNBOOK: &str = r#"
format = 1
[cutover]
id = "verbs"
title = "every verb"
[connections.main]
url_env = "PGCUTOVER_DEMO_URL"
[roles.operator]
members = ["postgres"]
can = ["advance", "waive", "rollback", "sign"]
[[phase]]
id = "ask"
[[phase.step]]
id = "question"
[phase.step.manual]
ask = "All well?"
[[phase.gate]]
id = "signed"
signoff = { seats = ["operator"], valid_for = "1h" }
[[phase.gate]]
id = "never"
sql = { query = "SELECT false" }
[[phase.gate]]
id = "strict"
sql = { query = "SELECT true" }
waivable = false
[[phase]]
id = "copy"
[[phase.step]]
id = "rows"
keep = "equal to what is there"
[phase.step.backfill]
table = "public.items"
key = ["id"]
set = { b = "a" }
"#;

const TABLE: &str = "CREATE TABLE items (id int PRIMARY KEY, a int, b int);
    INSERT INTO items SELECT i, i, 0 FROM generate_series(1, 5000) i; ANALYZE items";

async fn begin() -> Stage {
    let mut stage = Stage::of(RUNBOOK).await;
    stage.database.client.batch_execute(TABLE).await.unwrap();
    stage.lead().await;
    stage
}

#[tokio::test(flavor = "multi_thread")]
async fn every_verb_is_accepted_where_it_fits_and_refused_with_its_reason() {
    let mut stage = begin().await;
    nothing_has_started(&stage).await;
    held_and_paused(&stage).await;
    stage.ask(&["advance", "ask"]).await;
    stage
        .until("question", |run| run.record(&step("question")).is_some())
        .await;
    the_first_phase(&stage).await;
    stage
        .until("backfill", |run| run.record(&step("rows")).is_some())
        .await;
    stage
        .refused(
            &["advance", "end"],
            "this is the last phase: the run ends by itself",
        )
        .await;
    stage
        .refused(
            &["rollback", "ask"],
            "the phase to take back is copy, not ask",
        )
        .await;
    stage.ask(&["rollback", "copy"]).await;
    stage
        .until("rolled back", |run| {
            run.place == Place::Before(1) && run.rollback.is_none()
        })
        .await;
    // Its gates have been asked anew since.
    stage
        .refused(&["advance", "ask"], "the next phase is copy, not ask")
        .await;
    stage.ask(&["unwind"]).await;
    assert_eq!(stage.ended().await, Some(4), "{}", stage.told());
    assert_eq!(
        stage.run().await.unwrap().outcome,
        Some(Outcome::RolledBack)
    );
    for verb in [&["hold"][..], &["advance", "ask"], &["unwind"]] {
        let said = stage.verb(verb).await;
        let fits = said.code == 1 && said.err.contains("under way here");
        assert!(fits, "{said:?}");
    }
}

async fn nothing_has_started(stage: &Stage) {
    for (words, why) in [
        (&["release"][..], "the run is not held"),
        (&["resume"], "the backfill is not paused"),
        (&["pace", "100"], "the pace is 100% already"),
        (&["advance", "copy"], "the next phase is ask, not copy"),
        (
            &["advance", "nowhere"],
            "the next phase is ask, not nowhere",
        ),
        (&["rollback", "ask"], "nothing has been started"),
        (&["unwind"], "nothing has been started"),
        (&["sign", "signed"], "gate `signed` does not stand next"),
        (&["sign", "never"], "gate `never` is not a sign-off"),
        (&["sign", "nobody"], "the plan has no gate `nobody`"),
        (
            &["waive", "strict", "--reason", "x"],
            "gate `strict` is not waivable",
        ),
        (
            &["waive", "never", "--reason", " "],
            "a waiver needs a reason",
        ),
        (
            &["answer", "question"],
            "step `question` does not wait for an answer",
        ),
        (
            &["resolve", "question", "--as", "done", "--reason", "x"],
            "question does not wait for a decision",
        ),
    ] {
        stage.refused(words, why).await;
    }
    for words in [
        &["pace", "0"][..],
        &["pace", "101"],
        &["advance"],
        &["waive", "never"],
        &["resolve", "question", "--reason", "x"],
    ] {
        let said = stage.verb(words).await;
        let usage = said.code == 2 && said.err.contains("error:");
        assert!(usage, "{words:?}: {said:?}");
    }
    assert_eq!(stage.run().await.unwrap().place, Place::Before(0));
}

async fn held_and_paused(stage: &Stage) {
    stage.ask(&["hold", "--reason", "the pager"]).await;
    stage.ask(&["hold", "--reason", "again"]).await;
    let run = stage.run().await.unwrap();
    assert_eq!(
        run.hold.unwrap().reason,
        "the pager",
        "the first one stands"
    );
    stage
        .refused(&["resume"], "the run is held, not paused: release it")
        .await;
    stage
        .refused(&["advance", "ask"], "held by postgres: release it first")
        .await;
    stage.ask(&["release"]).await;
    stage.ask(&["pause"]).await;
    stage
        .refused(&["pause"], "the backfill is paused already")
        .await;
    stage.ask(&["resume"]).await;
    stage.ask(&["pace", "1"]).await;
    assert_eq!(stage.run().await.unwrap().ceiling.0, 1);
}

async fn the_first_phase(stage: &Stage) {
    stage
        .refused(&["advance", "copy"], "step question is not done")
        .await;
    let early = "gate `signed` is signed when the steps before it are done";
    stage.refused(&["sign", "signed"], early).await;
    stage.ask(&["answer", "question"]).await;
    stage
        .refused(&["answer", "question"], "does not wait for an answer")
        .await;
    let why = "signed is PENDING (waits for operator); never is NO-GO (the query says false)";
    stage.refused(&["advance", "copy"], why).await;
    stage
        .ask(&["sign", "signed", "--no-go", "--reason", "not yet"])
        .await;
    stage
        .refused(
            &["advance", "copy"],
            "operator (postgres) says NO-GO not yet",
        )
        .await;
    stage.ask(&["sign", "signed"]).await;
    stage.refused(&["advance", "copy"], "never is NO-GO").await;
    stage
        .ask(&["waive", "never", "--reason", "it never will"])
        .await;
    stage.ask(&["advance", "copy"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verb_finds_its_run_or_says_why_not() {
    let stage = Stage::of(RUNBOOK).await;
    for verb in [&["hold"][..], &["status"], &["advance", "ask"]] {
        let said = stage.verb(verb).await;
        let fits = said.code == 1 && said.err.contains("no run has ever been started");
        assert!(fits, "{said:?}");
    }
    let said = stage.verb_as("nobody_at_all", &["status"]).await;
    assert_eq!(said.code, 1, "{said:?}");

    let stage = begin().await;
    let other = ["hold", "--run", "01a1fcd0-0000-7000-8000-000000000000"];
    let said = stage.verb(&other).await;
    assert!(
        said.code == 1 && said.err.contains("is under way here"),
        "{said:?}"
    );
    let id = stage.run().await.unwrap().id.to_string();
    stage.ask(&["hold", "--run", &id]).await;
    // Somebody leads already, and goes on leading.
    let said = stage.second_lead().await;
    let busy = said.err.contains("`postgres` leads from") && said.err.contains("take-over");
    assert!(said.code == 1 && busy, "{said:?}");
    stage.ask(&["release"]).await;
}
