//! A password stays where it was given: no journal, log, error, child or crash
//! report has it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use pgcutover::run::Run;
use pgcutover::sandbox::Stop;
use tokio_postgres::Client;

use crate::servers;
use crate::stage::{Said, Stage, step};

const PASSWORD: &str = "geheim-7f3a";

/// `tell` writes down everything that a child gets to see.
const RUNBOOK: &str = r#"
format = 1
[cutover]
id = "secrets"
title = "secrets"
[connections.main]
url_env = "PGCUTOVER_DEMO_URL"
[roles.operator]
members = ["postgres"]
can = ["advance", "rollback"]
[[phase]]
id = "one"
[[phase.step]]
id = "add"
[phase.step.sql]
run = "ALTER TABLE public.items ADD COLUMN c int"
[[phase.step]]
id = "told"
keep = "it only looks"
[phase.step.exec]
run = ["tell", "{{note}}"]
[[phase]]
id = "two"
[[phase.step]]
id = "traced"
keep = "it only talks"
[phase.step.exec]
run = ["sh", "-xc", "false $PGCUTOVER_DEMO_URL"]
env = ["PGCUTOVER_DEMO_URL"]
[[phase.step]]
id = "fails"
keep = "it does nothing"
[phase.step.sql]
run = "SELECT 1 / count(*) FROM public.items"
[vars]
note = { text = "hello" }
"#;

const TELL: &str = "#!/bin/sh
{ env; echo; tr '\\0' ' ' < /proc/$$/cmdline; tr '\\0' ' ' < /proc/$PPID/cmdline; } > \"$0.told\"
echo done
";

/// A database that wants the password, and the lead's way to it.
async fn begin() -> (pgcutover::sandbox::Cluster, Stage) {
    let (cluster, mut database) = servers::apart(50).await;
    let setup = format!(
        "CREATE TABLE items (id int PRIMARY KEY); ALTER ROLE postgres PASSWORD '{PASSWORD}'"
    );
    database.client.batch_execute(&setup).await.unwrap();
    let hba = cluster.primary().data_dir().join("pg_hba.conf");
    fs::write(hba, "local apart all scram-sha-256\nlocal all all trust\n").unwrap();
    cluster.primary().restart(Stop::Fast).unwrap();
    database.dsn = format!("{}&password={PASSWORD}", database.dsn);
    database.client = servers::connect(&database.dsn).await;
    let mut stage = Stage::set(RUNBOOK, database, None);
    for (name, value) in [("PGCUTOVER_LOG", "trace"), ("RUST_BACKTRACE", "full")] {
        stage.vars.push((name.to_owned(), value.to_owned()));
    }
    let tell = stage.home.path().join("bin/tell");
    fs::write(&tell, TELL).unwrap();
    fs::set_permissions(&tell, fs::Permissions::from_mode(0o755)).unwrap();
    (cluster, stage)
}

fn clean(what: &str, text: &str) {
    assert!(!text.contains(PASSWORD), "{what} has the password:\n{text}");
}

fn said_clean(said: &Said) {
    clean("a verb", &format!("{}{}", said.out, said.err));
}

/// Everything below a directory.
fn files_clean(directory: &Path) -> usize {
    let mut seen = 0;
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            seen += files_clean(&path);
        } else {
            let text = fs::read(&path).unwrap();
            clean(&path.display().to_string(), &String::from_utf8_lossy(&text));
            seen += 1;
        }
    }
    seen
}

/// Every row of every table of ours, and what other sessions see of us.
async fn database_clean(client: &Client) {
    let tables = "SELECT relname::text FROM pg_class
                  WHERE relnamespace = 'pgcutover'::regnamespace AND relkind = 'r'";
    let mut rows = Vec::new();
    for table in client.query(tables, &[]).await.unwrap() {
        let table: String = table.get(0);
        let all = format!("SELECT t::text FROM pgcutover.{table} t");
        rows.extend(client.query(&all, &[]).await.unwrap());
    }
    assert!(rows.len() > 10, "only {} rows", rows.len());
    let activity = "SELECT a::text FROM pg_stat_activity a WHERE pid <> pg_backend_pid()";
    rows.extend(client.query(activity, &[]).await.unwrap());
    for row in rows {
        clean("the database", row.get::<_, &str>(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_leaves_its_password_nowhere() {
    let (cluster, mut stage) = begin().await;
    stage.lead().await;
    stage.ask(&["advance", "one"]).await;
    stage
        .until("the command", |run| run.is_done(&step("told")))
        .await;
    let told = fs::read_to_string(stage.home.path().join("bin/tell.told")).unwrap();
    let seen = told.contains("PGCUTOVER_STEP=told") && told.contains("run ");
    assert!(seen && !told.contains("_URL="), "{told}");
    stage.ask(&["advance", "two"]).await;
    let failed =
        |id: &'static str| move |run: &Run| run.open_questions().any(|(task, _)| *task == step(id));
    stage.until("the trace", failed("traced")).await;
    assert!(
        stage.told().contains("&password=***********"),
        "{}",
        stage.told()
    );
    let resolved = ["resolve", "traced", "--as", "done", "--reason", "x"];
    stage.ask(&resolved).await;
    stage.ask(&["release"]).await;
    stage.until("the failure", failed("fails")).await;
    for verb in [
        &["status"][..],
        &["status", "--json"],
        &["release"],
        &["advance", "two"],
    ] {
        said_clean(&stage.verb(verb).await);
    }
    stage.kill();

    // A mistake of ours tells where it was made, and nothing else.
    let panic = (
        "PGCUTOVER_PANIC_AT".to_owned(),
        "append-before-commit".to_owned(),
    );
    stage.vars.push(panic);
    stage.lead_as_it_is();
    // Asked before, it would be refused: who leads is news.
    let again = |run: &pgcutover::run::Run| run.lead.as_ref().is_some_and(|lead| lead.epoch > 1);
    stage.until("the lead again", again).await;
    let release = serde_json::json!({"ask": "release"});
    stage.ask_and_leave(&release).await;
    stage.until_told("told to panic at").await;
    stage.ended().await;
    stage.vars.pop();

    // Refused, and gone: whoever cannot connect is told where, not with what.
    let other = "ALTER ROLE postgres PASSWORD 'another'";
    stage.database.client.batch_execute(other).await.unwrap();
    let refused = stage.verb(&["status"]).await;
    assert!(
        refused
            .err
            .contains("the password came from $PGCUTOVER_DEMO_URL"),
        "{refused:?}"
    );
    said_clean(&refused);
    let back = format!("ALTER ROLE postgres PASSWORD '{PASSWORD}'");
    stage.database.client.batch_execute(&back).await.unwrap();
    database_clean(&stage.database.client).await;
    cluster.primary().stop(Stop::Fast).unwrap();
    let gone = stage.verb(&["status"]).await;
    assert!(
        gone.code == 1 && gone.err.contains("hint: see that the server runs"),
        "{gone:?}"
    );
    said_clean(&gone);
    assert!(files_clean(stage.home.path()) >= 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_cannot_be_read_is_not_repeated() {
    let (_cluster, mut stage) = begin().await;
    for address in [
        format!("postgresql://ana:{PASSWORD}@host:port/db"),
        format!("postgresql://ana:{PASSWORD}/x@host/db"),
        format!("host=db password={PASSWORD} nonsense"),
        format!("postgresql:///app?password={PASSWORD}&sslmode=perhaps"),
        format!("postgresql:///app?pasword={PASSWORD}"),
        format!("ana:{PASSWORD}@db/app"),
    ] {
        stage.vars.push(("PGCUTOVER_DEMO_URL".to_owned(), address));
        let said = stage.second_lead().await;
        assert!(said.code == 1 && said.err.contains("hint: "), "{said:?}");
        said_clean(&said);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_file_that_others_may_read_is_warned_of_even_where_none_is_needed() {
    let (_cluster, stage) = {
        let (cluster, database) = servers::apart(20).await;
        (cluster, Stage::set(RUNBOOK, database, None))
    };
    let file = stage.home.path().join("pgpass");
    fs::write(&file, format!("*:*:*:*:{PASSWORD}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let mut stage = stage;
    stage
        .vars
        .push(("PGPASSFILE".to_owned(), file.display().to_string()));
    let said = stage.verb(&["status"]).await;
    let warned = said
        .err
        .contains("is ignored: mode 0644 lets others read it; chmod 0600 it");
    assert!(
        warned && said.err.contains("no run has ever been started"),
        "{said:?}"
    );
    said_clean(&said);
}
