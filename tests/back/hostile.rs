//! What a database says is not what a terminal is told: escapes in role names,
//! messages, values and reasons never get through.

use crate::stage::{Said, Stage, step};

/// Sets the terminal's title, and rings.
const ROLE: &str = "\u{1b}]0;role\u{7}";
const ROLE_IN_A_URL: &str = "%1B]0;role%07";

const RUNBOOK: &str = r#"
format = 1
[cutover]
id = "hostile"
title = "hostile \u001b]0;title\u0007"
environment = "prod\u001b[2J"
[connections.main]
url_env = "PGCUTOVER_DEMO_URL"
[roles.operator]
members = ["postgres"]
can = ["advance", "waive", "rollback", "sign"]
contact = "page \u001b[31mme"
[[phase]]
id = "one"
notes = "\u001b[5mnotes"
[[phase.step]]
id = "says"
keep = "it changes nothing"
[phase.step.sql]
run = '''DO $$ BEGIN
  RAISE NOTICE E'\x1b]0;notice\x07';
  RAISE EXCEPTION E'said \x1b]0;error\x07 \u009b31m' USING DETAIL = E'\x1b[2Jdetail', HINT = E'\x1b[3Jhint';
END $$'''
[[phase.step]]
id = "reads"
keep = "it changes nothing"
[phase.step.sql]
run = "UPDATE public.items SET id = note::int WHERE id = 1"
[[phase.gate]]
id = "asks"
sql = { query = "SELECT note::boolean FROM public.items" }
[[phase]]
id = "two"
[[phase.step]]
id = "question"
[phase.step.manual]
ask = "Well? \u001b[2J"
"#;

const ITEMS: &str = r"CREATE TABLE items (id int PRIMARY KEY, note text);
    INSERT INTO items VALUES (1, E'value \x1b]0;value\x07')";

fn tame(what: &str, text: &str) {
    let wild = |c: char| c != '\n' && c.is_control();
    assert!(!text.contains(wild), "{what}: {text:?}");
}

fn both_tame(said: &Said) {
    tame("out", &said.out);
    tame("err", &said.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn escapes_from_a_database_never_reach_a_terminal() {
    let mut stage = Stage::of(RUNBOOK).await;
    let client = &stage.database.client;
    client.batch_execute(ITEMS).await.unwrap();
    let role = format!("CREATE ROLE \"{ROLE}\" LOGIN SUPERUSER");
    // Another test of this process may have been here before.
    let _ = client.batch_execute(&role).await;
    stage
        .vars
        .push(("PGCUTOVER_LOG".to_owned(), "info".to_owned()));
    stage.lead().await;
    both_tame(&stage.second_lead().await);

    // Held by whoever that is; what he may not do is told with his name.
    let held = stage
        .verb_as(ROLE_IN_A_URL, &["hold", "--reason", "\u{1b}[2Jreason"])
        .await;
    assert_eq!(held.code, 0, "{held:?}");
    let refused = stage.verb_as(ROLE_IN_A_URL, &["release"]).await;
    assert!(
        refused.code == 1 && refused.err.contains("role"),
        "{refused:?}"
    );
    both_tame(&refused);
    looks(&stage, "Held by \u{fffd}]0;role\u{fffd}").await;
    stage.ask(&["release"]).await;

    stage.ask(&["advance", "one"]).await;
    stage
        .until("the error", |run| run.open_questions().next().is_some())
        .await;
    looks(&stage, "said \u{fffd}]0;error").await;
    stage
        .ask(&["resolve", "says", "--as", "done", "--reason", "\u{1b}[31m"])
        .await;
    stage.ask(&["release"]).await;
    let reads =
        |run: &pgcutover::run::Run| run.open_questions().any(|(task, _)| *task == step("reads"));
    stage.until("the value's error", reads).await;
    looks(&stage, "\u{fffd}]0;value\u{fffd}").await;
    stage
        .ask(&["resolve", "reads", "--as", "done", "--reason", "x"])
        .await;
    stage.ask(&["release"]).await;
    let asked = |status: &serde_json::Value| status["gates"][0]["verdict"] == "ERROR";
    stage.until_status("the gate's error", asked).await;
    looks(&stage, "\u{fffd}]0;value\u{fffd}").await;
    stage.ask(&["waive", "asks", "--reason", "\u{1b}[2J"]).await;
    stage.ask(&["advance", "two"]).await;
    stage
        .until_status("the question", |status| status["step"] == "question")
        .await;
    looks(&stage, "Well? \u{fffd}[2J").await;
    tame("the lead", &stage.told());
    assert!(
        stage.told().contains("said \u{fffd}]0;error"),
        "{}",
        stage.told()
    );
    let nobody = stage.verb_as("%1B]0;nobody%07", &["status"]).await;
    assert!(nobody.err.contains("\u{fffd}]0;nobody"), "{nobody:?}");
    both_tame(&nobody);
}

/// Every form of the status is tame, and tells.
async fn looks(stage: &Stage, text: &str) {
    for words in [
        &["status"][..],
        &["status", "--oneline"],
        &["status", "--json"],
    ] {
        both_tame(&stage.verb(words).await);
    }
    let said = stage.verb(&["status"]).await;
    assert!(said.out.contains(text), "no {text:?}: {said:?}");
}
