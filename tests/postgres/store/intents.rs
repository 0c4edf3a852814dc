//! Requests say who asks, whatever the asker says, and reach the lead.

use pgcutover::pg::session::{Message, Purpose, Session};
use pgcutover::run::Outcome;
use pgcutover::run::event::{EventKind, Seq};
use pgcutover::run::fault::Trouble;
use pgcutover::store::intents::{CHANNEL, Request, open, reply, reply_of, request};
use pgcutover::store::verify::Head;
use serde_json::{Value, json};

use super::{PATIENCE, Scene, as_login, begin, claim, lead, plan, scene};
use crate::support;
use crate::targets::session;

const GRANT: &str = "GRANT USAGE ON SCHEMA pgcutover TO @;
    GRANT EXECUTE ON FUNCTION pgcutover.request, pgcutover.hold, pgcutover.reply_of TO @";

/// A login with nothing but those rights.
async fn login(scene: &Scene, suffix: &str, rights: &str) -> (String, Session) {
    let name = format!("{}_{suffix}", scene.database.name);
    let make = format!("CREATE ROLE {name} LOGIN; {}", rights.replace('@', &name));
    scene.database.client.batch_execute(&make).await.unwrap();
    let dsn = as_login(&scene.database, &name);
    let session = session(&dsn, Purpose::Intent).await;
    (name, session)
}

async fn requests(scene: &Scene) -> Vec<Request> {
    open(scene.journal.session(), &scene.journal.lease().run)
        .await
        .unwrap()
}

async fn refused(session: &Session, sql: &str) -> String {
    let error = session.client().batch_execute(sql).await.unwrap_err();
    error.code().unwrap().code().to_owned()
}

#[tokio::test]
async fn a_request_reaches_the_lead_with_what_its_author_saw() {
    let mut scene = scene().await;
    let mut messages = scene.journal.session_mut().take_messages().unwrap();
    let run = scene.journal.lease().run.clone();
    let (name, asker) = login(&scene, "ana", GRANT).await;
    let last = &scene.resumed.events[1];
    let saw = Head {
        seq: last.seq,
        hash: last.hash.clone(),
    };
    let ask = json!({"ask": "advance", "into": "expand"});
    let id = request(&asker, &run, &ask, Some(&saw)).await.unwrap();
    let told = tokio::time::timeout(PATIENCE, messages.recv())
        .await
        .unwrap();
    assert!(matches!(
        told,
        Some(Message::Notification { channel, payload, .. }) if channel == CHANNEL && payload == run.0
    ));
    let expected = Request {
        id,
        by: name.clone(),
        roles: [name].into(),
        ask,
        saw: Some(saw.seq),
        saw_hash: Some(saw.hash),
    };
    assert_eq!(requests(&scene).await, [expected]);
}

#[tokio::test]
async fn a_reply_is_final_and_for_its_asker_alone() {
    let scene = scene().await;
    let run = &scene.journal.lease().run;
    let (_, asker) = login(&scene, "ana", GRANT).await;
    let (_, other) = login(&scene, "bo", GRANT).await;
    let id = request(&asker, run, &json!({"ask": "pause"}), None)
        .await
        .unwrap();
    assert_eq!(reply_of(&asker, id).await.unwrap(), None);
    let (session, lease) = (scene.journal.session(), scene.journal.lease());
    reply(session, lease, id, &json!("accepted")).await.unwrap();
    reply(session, lease, id, &json!({"refused": "late"}))
        .await
        .unwrap();
    assert_eq!(reply_of(&asker, id).await.unwrap(), Some(json!("accepted")));
    assert_eq!(reply_of(&other, id).await.unwrap(), None);
    assert_eq!(requests(&scene).await, []);
}

#[tokio::test]
async fn a_former_lead_answers_nothing() {
    let scene = scene().await;
    let former = scene.journal.lease();
    let mut other = lead(&scene.database.dsn).await;
    claim(&mut other, former, Some("now")).await.unwrap();
    let id = request(&other, &former.run, &json!({"ask": "pause"}), None)
        .await
        .unwrap();
    let fault = reply(&other, former, id, &json!("accepted"))
        .await
        .unwrap_err();
    assert_eq!(fault.trouble, Trouble::LeaseLost);
}

#[tokio::test]
async fn nobody_asks_without_being_granted_and_nobody_as_somebody_else() {
    let scene = scene().await;
    let run = &scene.journal.lease().run;
    let (_, nobody) = login(&scene, "nobody", "").await;
    let fault = request(&nobody, run, &json!({}), None).await.unwrap_err();
    assert_eq!(fault.trouble, Trouble::Privilege);
    assert!(fault.hint.unwrap().contains("GRANT USAGE"));
    let (_, ana) = login(&scene, "ana", GRANT).await;
    for forgery in [
        "INSERT INTO pgcutover.intent (run_id, at, by_user, roles, ask) VALUES ('', now(), 'bo', '{}', '{}')",
        "UPDATE pgcutover.intent SET by_user = 'bo'",
        "SELECT FROM pgcutover.intent",
        "SELECT FROM pgcutover.lease",
        "SELECT pgcutover.append('', '', NULL, '', '{}')",
        "SELECT pgcutover.fence('', '')",
        "SELECT pgcutover.end_holders('')",
    ] {
        assert_eq!(refused(&ana, forgery).await, "42501", "{forgery}");
    }
}

#[tokio::test]
async fn neither_set_role_nor_a_schema_in_front_changes_who_asks() {
    let scene = scene().await;
    let (boss, _) = login(&scene, "boss", "").await;
    let (name, ana) = login(&scene, "ana", &format!("{GRANT}; GRANT {boss} TO @")).await;
    let grant = GRANT.replace('@', &boss);
    // Functions in front of pg_catalog's, and the rights of another role.
    let trick = format!(
        "CREATE FUNCTION pg_temp.clock_timestamp() RETURNS timestamptz LANGUAGE sql
             AS 'SELECT NULL::timestamptz';
         CREATE TEMP TABLE pg_roles (oid oid, rolname name);
         INSERT INTO pg_roles SELECT oid, 'postgres' FROM pg_catalog.pg_roles;
         SET search_path = pg_temp, pg_catalog; SET ROLE {boss}"
    );
    scene.database.client.batch_execute(&grant).await.unwrap();
    ana.client().batch_execute(&trick).await.unwrap();
    request(&ana, &scene.journal.lease().run, &json!({}), None)
        .await
        .unwrap();
    let found = &requests(&scene).await[0];
    assert_eq!(found.by, name);
    assert_eq!(found.roles, [name, boss].into());
}

#[tokio::test]
async fn roles_are_memberships_however_deep_and_never_a_superusers_power() {
    let scene = scene().await;
    let run = &scene.journal.lease().run;
    let prefix = &scene.database.name;
    let make = format!(
        "CREATE ROLE {prefix}_dba; CREATE ROLE {prefix}_staff IN ROLE {prefix}_dba;
         CREATE ROLE {prefix}_other"
    );
    scene.database.client.batch_execute(&make).await.unwrap();
    let (root, superuser) = login(&scene, "root", "ALTER ROLE @ SUPERUSER").await;
    let join = format!("GRANT {prefix}_staff TO @");
    let (ana, member) = login(&scene, "ana", &format!("{GRANT}; {join}")).await;
    request(&superuser, run, &json!({}), None).await.unwrap();
    request(&member, run, &json!({}), None).await.unwrap();
    let found = requests(&scene).await;
    assert_eq!(found[0].roles, [root].into());
    let expected = [ana, format!("{prefix}_staff"), format!("{prefix}_dba")];
    assert_eq!(found[1].roles, expected.into());
}

#[tokio::test]
async fn who_made_a_role_does_not_belong_to_it() {
    let scene = scene().await;
    let rights = format!("{GRANT}; ALTER ROLE @ CREATEROLE");
    let (name, ana) = login(&scene, "ana", &rights).await;
    // From 16 on the server makes its creator a member, to administer it alone.
    let make = format!("CREATE ROLE {name}_dba");
    ana.client().batch_execute(&make).await.unwrap();
    let run = &scene.journal.lease().run;
    request(&ana, run, &json!({}), None).await.unwrap();
    assert_eq!(requests(&scene).await[0].roles, [name].into());
}

#[tokio::test]
async fn hold_finds_the_run_from_psql() {
    let scene = scene().await;
    let (_, ana) = login(&scene, "ana", GRANT).await;
    let hold = "SELECT pgcutover.hold(E'looks \\x1b[31mbad')";
    ana.client().batch_execute(hold).await.unwrap();
    ana.client()
        .batch_execute("SELECT pgcutover.hold()")
        .await
        .unwrap();
    let asks: Vec<Value> = requests(&scene).await.into_iter().map(|r| r.ask).collect();
    assert_eq!(
        asks,
        [
            json!({"ask": "hold", "reason": "looks \u{FFFD}[31mbad"}),
            json!({"ask": "hold", "reason": ""}),
        ]
    );
    let mut other = lead(&scene.database.dsn).await;
    let another = begin(&mut other, &plan("another")).await.unwrap();
    let error = ana
        .client()
        .batch_execute("SELECT pgcutover.hold()")
        .await
        .unwrap_err();
    assert!(
        error
            .as_db_error()
            .unwrap()
            .hint()
            .unwrap()
            .contains(&another.run.0)
    );
    let named = format!("SELECT pgcutover.hold('', '{}')", another.run);
    ana.client().batch_execute(&named).await.unwrap();
}

#[tokio::test]
async fn a_run_that_is_over_takes_no_requests() {
    let scene = scene().await;
    let run = &scene.journal.lease().run;
    let ended = Some(Outcome::Finished);
    scene
        .journal
        .append(Seq(2), &[EventKind::Finished], ended)
        .await
        .unwrap();
    let fault = request(scene.journal.session(), run, &json!({}), None)
        .await
        .unwrap_err();
    assert_eq!(fault.sqlstate.as_deref(), Some("PGC03"));
    let none = refused(scene.journal.session(), "SELECT pgcutover.hold()").await;
    assert_eq!(none, "PGC03");
}

#[tokio::test]
async fn hostile_requests_are_bounded_and_do_not_stop_the_others() {
    let scene = scene().await;
    let run = &scene.journal.lease().run;
    let (_, ana) = login(&scene, "ana", GRANT).await;
    let large = json!({"ask": "hold", "reason": "x".repeat(9000)});
    let fault = request(&ana, run, &large, None).await.unwrap_err();
    assert_eq!(fault.sqlstate.as_deref(), Some("PGC03"));
    for body in [
        r#"{"ask":"hold","reason":"\ud800"}"#,
        r#"{"ask":"hold","reason":"\u0000"}"#,
    ] {
        let ask = format!("SELECT pgcutover.request('{run}', '{body}', NULL, NULL)");
        ana.client().batch_execute(&ask).await.unwrap();
    }
    let asks: Vec<Value> = requests(&scene).await.into_iter().map(|r| r.ask).collect();
    assert_eq!(
        asks,
        [Value::Null, json!({"ask": "hold", "reason": "\u{FFFD}"})]
    );
}

#[tokio::test]
async fn a_standby_takes_no_requests_and_says_where_to_go() {
    let scene = scene().await;
    support::shared().catch_up().unwrap();
    let standby = session(&scene.database.standby_dsn, Purpose::Intent).await;
    let run = &scene.journal.lease().run;
    let fault = request(&standby, run, &json!({}), None).await.unwrap_err();
    assert_eq!(fault.trouble, Trouble::ReadOnly);
    assert!(fault.hint.unwrap().contains("primary"));
}
