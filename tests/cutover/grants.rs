//! A database that was prepared by what `grants` prints: who leads leads, who
//! operates asks, who observes looks and holds, and nobody can do more.

use pgcutover::run::event::EventKind;
use tokio::time::timeout;
use tokio_postgres::{Client, NoTls};

use crate::PATIENCE;
use crate::evidence::clients_are_content;
use crate::operator::drive_to_the_end;
use crate::program::Answer;
use crate::stage::{Stage, URL};

/// Bare logins, and whoever owns the application's tables.
const LOGINS: &str = "
    CREATE ROLE shop_owner NOLOGIN;
    ALTER TABLE public.users OWNER TO shop_owner;
    CREATE ROLE operators NOLOGIN;
    CREATE ROLE leo LOGIN; CREATE ROLE ola LOGIN IN ROLE operators;
    CREATE ROLE obi LOGIN; CREATE ROLE nia LOGIN";

/// What an administrator adds: who is who, and what the output itself names.
const WHO: &str = "
    GRANT pgcutover_lead TO leo; GRANT pgcutover_observer TO obi;
    GRANT shop_owner TO pgcutover_lead";

/// A stage whose database is prepared and whose verbs are the operator's.
async fn prepared() -> (Stage, Client) {
    let members = (
        "operator.members = [\"postgres\"]",
        "operator.members = [\"operators\"]",
    );
    let mut stage = Stage::set(2_000, &[members]).await;
    let admin = stage.connect().await;
    admin.batch_execute(LOGINS).await.unwrap();
    let mut command = stage.program();
    command.arg("grants").arg("--runbook").arg(stage.runbook());
    command.args(["--environment", "demo"]);
    let printed = Answer::of(command).await;
    assert_eq!(printed.code, Some(0), "{printed:?}");
    let named = "-- GRANT (the owner of public.users) TO pgcutover_lead;";
    assert!(printed.out.contains(named), "{}", printed.out);
    admin.batch_execute(&printed.out).await.unwrap();
    admin.batch_execute(WHO).await.unwrap();
    stage.address = of(&stage, "ola");
    (stage, admin)
}

/// The stage's database as another login.
fn of(stage: &Stage, user: &str) -> String {
    let admins = stage.cluster.primary().dsn("app");
    assert!(admins.contains("user=postgres"), "{admins}");
    admins.replace("user=postgres", &format!("user={user}"))
}

async fn login(stage: &Stage, user: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(&of(stage, user), NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
}

async fn verb_as(stage: &Stage, user: &str, words: &str) -> Answer {
    let mut command = stage.program();
    command.args(words.split(' ')).args(["--url-env", URL]);
    command.env(URL, of(stage, user));
    Answer::of(command).await
}

/// The server's refusal, for want of a privilege.
async fn forbidden(client: &Client, statement: &str) {
    let refused = client.batch_execute(statement).await.unwrap_err();
    let code = refused.code().map(|code| code.code().to_owned());
    assert_eq!(code.as_deref(), Some("42501"), "{statement}: {refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_grants_prints_is_enough_for_each_and_gives_nobody_more() {
    let (mut stage, admin) = prepared().await;
    let mut command = stage.run(&["--headless"]);
    command.env(URL, of(&stage, "leo"));
    let lead = stage.lead_by(command);
    lead.writes("NOT STARTED").await;

    // Looks and holds, and nothing else.
    let seen = verb_as(&stage, "obi", "status").await;
    assert_eq!(seen.code, Some(0), "{seen:?}");
    let asked = verb_as(&stage, "obi", "advance expand").await;
    assert!(asked.err.contains("permission denied"), "{asked:?}");
    let held = verb_as(&stage, "obi", "hold --reason looking").await;
    assert_eq!(held.code, Some(0), "{held:?}");
    stage.accepted("release").await;
    // Without any of it, nothing at all.
    for words in ["status", "hold"] {
        let refused = verb_as(&stage, "nia", words).await;
        assert!(
            refused.code == Some(1) && refused.out.is_empty(),
            "{refused:?}"
        );
    }
    nobody_forges(&stage).await;

    let driven = timeout(PATIENCE / 2, drive_to_the_end(&stage)).await;
    assert!(driven.is_ok(), "{}", lead.written());
    lead.exits_with(0).await;
    let owners = "SELECT DISTINCT pg_get_userbyid(relowner)::text FROM pg_class
                  WHERE relnamespace = 'pgcutover'::regnamespace";
    let owners = admin.query(owners, &[]).await.unwrap();
    let owners: Vec<String> = owners.iter().map(|row| row.get(0)).collect();
    assert_eq!(owners, ["pgcutover_owner"]);
    clients_are_content(&mut stage).await;
}

/// Rows that say who somebody is are written by functions alone.
async fn nobody_forges(stage: &Stage) {
    let request = "INSERT INTO pgcutover.intent (run_id, at, by_user, roles, ask)
                   SELECT run_id, now(), 'ola', '{operators}', '{\"ask\":\"release\"}' FROM pgcutover.run";
    let presence = "INSERT INTO pgcutover.presence
                    SELECT run_id, 1, now(), now(), 'ola', '{operators}', NULL, '', true FROM pgcutover.run";
    for user in ["leo", "ola", "obi"] {
        let client = login(stage, user).await;
        forbidden(&client, request).await;
        forbidden(&client, presence).await;
        forbidden(&client, "UPDATE pgcutover.intent SET by_user = 'ola'").await;
        forbidden(&client, "DELETE FROM pgcutover.event").await;
        forbidden(&client, "ALTER TABLE pgcutover.event DISABLE TRIGGER ALL").await;
        forbidden(&client, "DROP SCHEMA pgcutover CASCADE").await;
    }
    for user in ["ola", "obi"] {
        let client = login(stage, user).await;
        forbidden(&client, "SELECT token FROM pgcutover.lease").await;
        forbidden(
            &client,
            "INSERT INTO pgcutover.event SELECT * FROM pgcutover.event",
        )
        .await;
        forbidden(&client, "UPDATE pgcutover.head SET seq = 0").await;
        forbidden(&client, "SELECT pgcutover.append('r', 't', 1, 'k', '{}')").await;
        forbidden(&client, "UPDATE public.users SET email = ''").await;
    }
    let mut journal = stage.journal().await.into_iter();
    let forged = journal.any(|event| matches!(event.kind, EventKind::Finished));
    assert!(!forged, "nothing was forged");
}
