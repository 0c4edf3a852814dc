//! Backfills of the real program: workers set while it runs, rows in quarantine
//! told and tried again, a step made again from a later phase.

use serde_json::Value;

use crate::stage::{Stage, step};

const RUNBOOK: &str = r#"
format = 1
[cutover]
id = "again"
title = "a split, made again"
[connections.main]
url_env = "PGCUTOVER_DEMO_URL"
[[phase]]
id = "copy"
[[phase.step]]
id = "split"
keep = "a table that nobody reads yet"
[phase.step.backfill]
table = "public.items"
key = ["id"]
workers = 2
max_quarantined = 1
chunk = { target = "200ms", min = 10, max = 50 }
[[phase.step.backfill.into]]
table = "public.parts"
key = { item = "id" }
set = { size = "100 / (a - 77)" }
where = "a IS NOT NULL"
[[phase]]
id = "verify"
[[phase.step]]
id = "look"
[phase.step.manual]
ask = "All well?"
"#;

const TABLES: &str = "CREATE TABLE items (id int PRIMARY KEY, a int);
    INSERT INTO items SELECT i, nullif(i, 5) FROM generate_series(1, 3000) i;
    CREATE TABLE parts (item int PRIMARY KEY, size int);
    ANALYZE items";

const WRONG: &str = "SELECT count(*) FROM (SELECT * FROM items WHERE a IS NOT NULL) i
    FULL JOIN parts p ON p.item = i.id
    WHERE CASE WHEN i.a <> 77 THEN 100 / (i.a - 77) END IS DISTINCT FROM p.size";

async fn wrong(stage: &Stage) -> i64 {
    let row = stage.database.client.query_one(WRONG, &[]).await;
    row.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_made_again_and_its_quarantine_tried_again_from_a_later_phase() {
    let mut stage = Stage::of(RUNBOOK).await;
    stage.database.client.batch_execute(TABLES).await.unwrap();
    stage.lead().await;
    stage
        .refused(
            &["rerun", "split"],
            "step `split` is not of this phase or one before it",
        )
        .await;
    stage.ask(&["pace", "20"]).await;
    stage.ask(&["advance", "copy"]).await;
    stage.ask(&["workers", "3"]).await;
    stage.ask(&["pace", "100"]).await;
    stage
        .until("copied", |run| run.is_done(&step("split")))
        .await;
    assert_eq!(wrong(&stage).await, 0);
    let told = |status: &Value| status["backfill"]["aside"][0][0] == "77";
    let status = stage.until_status("the row in quarantine", told).await;
    assert_eq!(status["backfill"]["quarantined"], 1);

    stage.ask(&["advance", "verify"]).await;
    let spoil =
        "UPDATE parts SET size = 0 WHERE item IN (7, 8); UPDATE items SET a = 78 WHERE id = 77";
    stage.database.client.batch_execute(spoil).await.unwrap();
    stage.ask(&["rerun", "split", "--quarantined"]).await;
    let round = |round| {
        move |run: &pgcutover::run::Run| {
            let again = run.reruns.get(&step("split").step);
            run.is_done(&step("split")) && again.is_some_and(|again| again.round == round)
        }
    };
    stage.until("the quarantine", round(1)).await;
    assert_eq!(wrong(&stage).await, 2, "only the row that was set aside");
    stage.ask(&["rerun", "split", "--range", "7..8"]).await;
    stage.until("a range", round(2)).await;
    assert_eq!(wrong(&stage).await, 1, "behind 7, up to 8");
    stage.ask(&["rerun", "split"]).await;
    stage.until("all of it", round(3)).await;
    assert_eq!(wrong(&stage).await, 0);
    stage.ask(&["answer", "look"]).await;
    assert_eq!(stage.ended().await, Some(0));
}
