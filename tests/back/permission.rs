//! Who may do what: by database roles, whatever else the login may do.

use crate::servers;
use crate::stage::{Said, Stage};

const RUNBOOK: &str = r#"
format = 1
[cutover]
id = "people"
title = "people"
[connections.main]
url_env = "PGCUTOVER_DEMO_URL"
[roles.driver]
members = ["back_drivers"]
can = ["advance", "rollback", "sign"]
[roles.app]
members = ["back_app"]
can = ["sign"]
[[phase]]
id = "one"
[[phase.step]]
id = "nothing"
[phase.step.wait]
for = "1ms"
[[phase.gate]]
id = "fine"
signoff = { seats = ["app"], valid_for = "1h" }
[[phase]]
id = "two"
[[phase.step]]
id = "question"
[phase.step.manual]
ask = "Done?"
"#;

/// `bo` drives through a role of a role, `ann` sits on the seat, `eve` may only
/// ask, `root` is a superuser, `pager` may only hold, `mute` nothing.
const ROLES: &str = "
    CREATE ROLE back_drivers; CREATE ROLE back_app; CREATE ROLE back_team IN ROLE back_drivers;
    CREATE ROLE back_bo LOGIN IN ROLE back_team;
    CREATE ROLE back_ann LOGIN IN ROLE back_app;
    CREATE ROLE back_eve LOGIN;
    CREATE ROLE back_root LOGIN SUPERUSER;
    CREATE ROLE back_pager LOGIN;
    CREATE ROLE back_mute LOGIN";

/// As runbooks/README.md has it.
const GRANTS: &str = "
    GRANT USAGE ON SCHEMA pgcutover TO back_bo, back_ann, back_eve, back_pager;
    GRANT EXECUTE ON FUNCTION pgcutover.hold, pgcutover.reply_of
        TO back_bo, back_ann, back_eve, back_pager;
    GRANT SELECT ON pgcutover.schema_version, pgcutover.run, pgcutover.head, pgcutover.event,
        pgcutover.status TO back_bo, back_ann, back_eve;
    GRANT EXECUTE ON FUNCTION pgcutover.watch, pgcutover.request TO back_bo, back_ann, back_eve";

#[tokio::test(flavor = "multi_thread")]
async fn roles_decide_who_may_what_and_a_superuser_fills_no_seat() {
    let mut stage = Stage::of(RUNBOOK).await;
    stage.database.client.batch_execute(ROLES).await.unwrap();
    stage.lead().await;
    stage.database.client.batch_execute(GRANTS).await.unwrap();

    for user in ["postgres", "back_root", "back_eve", "back_ann"] {
        let why = format!("{user} may not advance: it takes driver");
        stage
            .verb_as(user, &["advance", "one"])
            .await
            .is_refused("advance", &why);
    }
    assert_eq!(stage.verb_as("back_eve", &["status"]).await.code, 0);
    assert_eq!(stage.verb_as("back_pager", &["status"]).await.code, 1);
    accepted(&stage.verb_as("back_bo", &["advance", "one"]).await);
    stage
        .until("the wait", |run| run.next_step().is_none())
        .await;
    signatures(&stage).await;
    holds(&stage).await;
    accepted(&stage.verb_as("back_bo", &["advance", "two"]).await);
    let why = "back_ann may not rollback: it takes driver";
    stage
        .verb_as("back_ann", &["rollback", "two"])
        .await
        .is_refused("rollback", why);
    let why = "no role of the runbook may waive";
    let waive = ["waive", "fine", "--reason", "x"];
    stage
        .verb_as("back_bo", &waive)
        .await
        .is_refused("waive", why);
    let run = stage.run().await.unwrap();
    assert_eq!(run.signoffs.len(), 1);
    assert_eq!(run.signoffs[0].mark.by.to_string(), "back_ann");
}

async fn signatures(stage: &Stage) {
    let sign = ["sign", "fine"];
    for user in ["back_root", "back_eve"] {
        let why = format!("{user} may not sign: it takes driver or app");
        stage.verb_as(user, &sign).await.is_refused("sign", &why);
    }
    let drives = stage.verb_as("back_bo", &sign).await;
    drives.is_refused("sign", "back_bo fills none of its seats");
    let drives = stage
        .verb_as("back_bo", &["sign", "fine", "--seat", "app"])
        .await;
    drives.is_refused("sign", "back_bo does not fill the seat app");
    accepted(&stage.verb_as("back_ann", &sign).await);
}

/// Whoever may call it holds; nobody else does; only some release.
async fn holds(stage: &Stage) {
    for user in ["back_pager", "back_eve", "back_root"] {
        accepted(&stage.verb_as(user, &["hold", "--reason", user]).await);
        let hold = stage.run().await.unwrap().hold.unwrap();
        assert_eq!(
            (hold.by.to_string().as_str(), hold.reason.as_str()),
            (user, user)
        );
        let why = format!("{user} may not release: it takes driver");
        if user != "back_pager" {
            stage
                .verb_as(user, &["release"])
                .await
                .is_refused("release", &why);
        }
        accepted(&stage.verb_as("back_bo", &["release"]).await);
    }
    let said = stage.verb_as("back_mute", &["hold"]).await;
    let fits = said.code == 1 && said.err.contains("GRANT USAGE ON SCHEMA pgcutover");
    assert!(fits, "{said:?}");
    // From psql, too.
    let dsn = servers::as_user(&stage.database.dsn, "back_pager");
    let pager = servers::connect(&dsn).await;
    pager
        .query_one("SELECT pgcutover.hold('at 2 a.m.')", &[])
        .await
        .unwrap();
    let held = |status: &serde_json::Value| status["hold"] == "back_pager: at 2 a.m.";
    stage.until_status("hold", held).await;
    accepted(&stage.verb_as("back_bo", &["release"]).await);
}

fn accepted(said: &Said) {
    assert!(
        said.code == 0 && said.out.ends_with(": accepted\n"),
        "{said:?}"
    );
}
