//! A server without a free slot: said clearly to whoever wants in, and no reason
//! for the lead not to hold.

use std::time::Duration;

use pgcutover::run::event::Actor;
use rustix::process::Signal;
use tokio_postgres::{Client, NoTls};

use crate::servers::{self, Database};
use crate::stage::{Stage, step};

const RUNBOOK: &str = r#"
format = 1
[cutover]
id = "full"
title = "a full server"
[connections.main]
url_env = "PGCUTOVER_DEMO_URL"
[roles.operator]
members = ["postgres"]
can = ["advance", "rollback"]
[ddl]
lock_timeout = "50s"
deadline = "55s"
retry = { max = 0, every = "1s" }
[[phase]]
id = "copy"
[[phase.step]]
id = "rows"
keep = "equal to what is there"
[phase.step.backfill]
table = "public.items"
key = ["id"]
set = { b = "a" }
chunk = { target = "20ms", min = 1, max = 50 }
[[phase]]
id = "lock"
[[phase.step]]
id = "add"
[phase.step.sql]
run = "ALTER TABLE public.items ADD COLUMN c int"
"#;

const TABLE: &str = "CREATE TABLE items (id int PRIMARY KEY, a int, b int);
    INSERT INTO items SELECT i, i, 0 FROM generate_series(1, 20000) i; ANALYZE items";

/// Takes every slot that is left.
async fn fill(database: &Database) -> Vec<Client> {
    let mut taken = Vec::new();
    loop {
        match tokio_postgres::connect(&database.dsn, NoTls).await {
            Ok((client, connection)) => {
                tokio::spawn(connection);
                taken.push(client);
            }
            Err(error) if error.code().is_some_and(|code| code.code() == "53300") => return taken,
            Err(error) => panic!("{error:?}"),
        }
    }
}

async fn copied(database: &Database) -> i64 {
    let copied = "SELECT count(*) FROM items WHERE b = a";
    database.client.query_one(copied, &[]).await.unwrap().get(0)
}

/// Sessions of the lead that wait for a lock.
async fn waiting(database: &Database) -> i64 {
    let waiting = "SELECT count(*) FROM pg_stat_activity
                   WHERE wait_event_type = 'Lock' AND application_name LIKE 'pgcutover%'";
    database
        .client
        .query_one(waiting, &[])
        .await
        .unwrap()
        .get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_holds_on_a_full_server_and_whoever_wants_in_is_told() {
    let (_cluster, database) = servers::apart(25).await;
    database.client.batch_execute(TABLE).await.unwrap();
    let mut stage = Stage::set(RUNBOOK, database, None);
    stage.lead().await;
    stage.ask(&["pace", "1"]).await;
    stage.ask(&["advance", "copy"]).await;
    while copied(&stage.database).await == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let taken = fill(&stage.database).await;
    assert!(!taken.is_empty());
    for verb in [&["status"][..], &["hold"]] {
        let said = stage.verb(verb).await;
        let told = said.err.contains("too many clients") && said.err.contains("\nhint: end idle");
        let way_out = said.err.contains("SIGUSR1 hold without a new connection");
        assert!(said.code == 1 && told && way_out, "{said:?}");
    }
    stage.signal(Signal::USR1);
    let held = stage.until("the hold", |run| run.hold.is_some()).await;
    let by = held.hold.unwrap();
    assert_eq!(
        (by.by, by.reason.as_str()),
        (Actor::Person("postgres".into()), "SIGUSR1")
    );
    let then = copied(&stage.database).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(copied(&stage.database).await, then, "chunks after the hold");
    assert!(then < 20_000, "it was over before it was held");
    drop(taken);
    // It goes on as soon as there is room.
    stage.ask(&["release"]).await;
    stage.ask(&["pace", "100"]).await;
    stage
        .until("the rows", |run| run.is_done(&step("rows")))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ddl_that_waits_for_a_lock_gives_it_up_on_a_full_server() {
    let (_cluster, database) = servers::apart(25).await;
    database.client.batch_execute(TABLE).await.unwrap();
    let mut stage = Stage::set(RUNBOOK, database, None);
    stage.lead().await;
    stage.ask(&["advance", "copy"]).await;
    stage
        .until("the rows", |run| run.is_done(&step("rows")))
        .await;
    let blocker = servers::connect(&stage.database.dsn).await;
    blocker
        .batch_execute("BEGIN; LOCK TABLE items IN ACCESS SHARE MODE")
        .await
        .unwrap();
    stage.ask(&["advance", "lock"]).await;
    while waiting(&stage.database).await == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let _taken = fill(&stage.database).await;
    stage.signal(Signal::USR1);
    stage.until("the hold", |run| run.hold.is_some()).await;
    let began = std::time::Instant::now();
    while waiting(&stage.database).await > 0 {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{}",
            stage.told()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let run = stage.run().await.unwrap();
    assert!(!run.is_done(&step("add")));
}
