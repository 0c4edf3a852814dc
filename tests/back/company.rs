//! Several people on one run: who they are is the server's word, and of those
//! who decide by the same picture one wins.

use std::time::{Duration, Instant};

use pgcutover::engine::message::Reply;
use pgcutover::run::event::{Actor, EventKind};
use pgcutover::store::grants;
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::servers;
use crate::stage::Stage;

const RUNBOOK: &str = r#"
format = 1
[cutover]
id = "company"
title = "company"
[connections.main]
url_env = "PGCUTOVER_DEMO_URL"
[roles.driver]
members = ["co_drivers"]
can = ["advance", "rollback"]
[[phase]]
id = "one"
[[phase.step]]
id = "question"
[phase.step.manual]
ask = "Done?"
"#;

/// `ana`, `bo` and `cy` drive, `cy` without inheriting anything; `eve` only
/// looks, `root` is a superuser who belongs to nothing.
const LOGINS: &str = "
    CREATE ROLE co_drivers; CREATE ROLE co_nobody;
    CREATE ROLE co_ana LOGIN IN ROLE co_drivers; CREATE ROLE co_bo LOGIN IN ROLE co_drivers;
    CREATE ROLE co_cy LOGIN NOINHERIT IN ROLE co_drivers, co_nobody;
    CREATE ROLE co_eve LOGIN; CREATE ROLE co_root LOGIN SUPERUSER";
/// A login that does not inherit is granted to by name.
const WHO: &str = "
    GRANT pgcutover_operator TO co_drivers; GRANT pgcutover_observer TO co_eve;
    GRANT USAGE ON SCHEMA pgcutover TO co_cy;
    GRANT EXECUTE ON FUNCTION pgcutover.request, pgcutover.reply_of TO co_cy";

const PATIENCE: Duration = Duration::from_secs(30);

/// What everybody sees before anything has happened.
struct Picture {
    run: String,
    seq: i64,
    hash: String,
}

struct Company {
    stage: Stage,
    picture: Picture,
}

impl Company {
    async fn meets() -> Self {
        let mut stage = Stage::of(RUNBOOK).await;
        let admin = &stage.database.client;
        admin.batch_execute(LOGINS).await.unwrap();
        let prepare = format!("BEGIN; {} COMMIT", grants::script(false));
        admin.batch_execute(&prepare).await.unwrap();
        admin.batch_execute(WHO).await.unwrap();
        stage.lead().await;
        let picture = "SELECT run_id, seq, hash FROM pgcutover.head";
        let row = stage.database.client.query_one(picture, &[]).await.unwrap();
        let picture = Picture {
            run: row.get(0),
            seq: row.get(1),
            hash: row.get(2),
        };
        Self { stage, picture }
    }

    async fn login(&self, user: &str) -> Client {
        servers::connect(&servers::as_user(&self.stage.database.dsn, user)).await
    }

    /// Asks by the first picture, whatever has happened since.
    async fn request(&self, client: &Client, ask: &Value) -> i64 {
        let request = "SELECT pgcutover.request($1, $2::text::json, $3, $4)";
        let picture = &self.picture;
        let ask = ask.to_string();
        let row = client
            .query_one(request, &[&picture.run, &ask, &picture.seq, &picture.hash])
            .await;
        row.unwrap().get(0)
    }

    async fn asks(&self, client: &Client, ask: &Value) -> Reply {
        let intent = self.request(client, ask).await;
        let began = Instant::now();
        loop {
            let reply = "SELECT pgcutover.reply_of($1)::text";
            let reply = client.query_one(reply, &[&intent]).await.unwrap();
            if let Some(reply) = reply.get::<_, Option<&str>>(0) {
                return serde_json::from_str(reply).unwrap();
            }
            assert!(began.elapsed() < PATIENCE, "no answer to {ask}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Who has been written down for the newest request.
    async fn newest(&self) -> (String, Vec<String>) {
        let newest = "SELECT by_user, roles FROM pgcutover.intent ORDER BY intent_id DESC LIMIT 1";
        let row = self.stage.database.client.query_one(newest, &[]).await;
        let row = row.unwrap();
        (row.get(0), row.get(1))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_on_one_run_are_who_the_server_says_and_one_of_three_wins() {
    let company = Company::meets().await;
    one_of_three_wins(&company).await;
    nobody_is_somebody_else(&company).await;
    presence_is_stamped_and_ends_with_its_session(&company).await;
}

async fn one_of_three_wins(company: &Company) {
    let advance = json!({ "ask": "advance", "into": "one" });
    let (ana, bo, cy) = tokio::join!(
        company.login("co_ana"),
        company.login("co_bo"),
        company.login("co_cy")
    );
    let replies = tokio::join!(
        company.asks(&ana, &advance),
        company.asks(&bo, &advance),
        company.asks(&cy, &advance)
    );
    let replies = [replies.0, replies.1, replies.2];
    let names = ["co_ana", "co_bo", "co_cy"];
    let won = replies.iter().position(|reply| *reply == Reply::Accepted);
    let winner = names[won.expect("somebody wins")];
    for (name, reply) in names.iter().zip(&replies) {
        match reply {
            Reply::Accepted => assert_eq!(*name, winner, "{replies:?}"),
            Reply::Refused(why) => {
                let told = why.starts_with(&format!("{winner} advanced into one "))
                    || *why == format!("{winner} has asked for it already");
                assert!(told, "{name}: {why}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    let journal = company.stage.journal().await;
    let entered: Vec<_> = journal
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::PhaseEntered { by, .. } => Some(by.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(entered, [Actor::Person(winner.to_owned())]);
}

/// `session_user` counts, not the role that somebody has put on.
async fn nobody_is_somebody_else(company: &Company) {
    let pause = json!({ "ask": "pause" });
    let cy = company.login("co_cy").await;
    cy.batch_execute("SET ROLE co_drivers").await.unwrap();
    assert_eq!(company.asks(&cy, &pause).await, Reply::Accepted);
    let (by, roles) = company.newest().await;
    assert_eq!(by, "co_cy");
    assert!(roles.contains(&"co_drivers".to_owned()), "{roles:?}");
    // A superuser may put on anybody's role, and is nobody but itself.
    let root = company.login("co_root").await;
    let resume = json!({ "ask": "resume" });
    root.batch_execute("SET ROLE co_bo").await.unwrap();
    let refused = company.asks(&root, &resume).await;
    let why = "co_root may not resume: it takes driver";
    assert_eq!(refused, Reply::Refused(why.to_owned()));
    assert_eq!(
        company.newest().await,
        ("co_root".into(), vec!["co_root".into()])
    );
    // And may not ask at all who was only let in to look.
    let eve = company.login("co_eve").await;
    let request = "SELECT pgcutover.request('r', '{}', 1, '')";
    let refused = eve.batch_execute(request).await.unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "42501");
}

async fn presence_is_stamped_and_ends_with_its_session(company: &Company) {
    let eve = company.login("co_eve").await;
    let attend = "SELECT pgcutover.attend($1, $2, true)";
    let run = &company.picture.run;
    eve.execute(attend, &[run, &"\u{1b}[2Jlaptop"])
        .await
        .unwrap();
    // Again and again is once.
    eve.execute(attend, &[run, &"\u{1b}[2Jlaptop"])
        .await
        .unwrap();
    let here = |status: &Value| {
        let attached = &status["attached"];
        attached.as_array().is_some_and(|all| all.len() == 1) && attached[0]["user"] == "co_eve"
    };
    let status = company.stage.until_status("eve", here).await;
    assert_eq!(status["attached"][0]["host"], "\u{fffd}[2Jlaptop");
    let unknown = eve.execute(attend, &[&"no such run", &""]).await;
    assert_eq!(unknown.unwrap_err().code().unwrap().code(), "PGC03");
    drop(eve);
    let gone = |status: &Value| status["attached"].as_array().is_some_and(Vec::is_empty);
    company.stage.until_status("nobody", gone).await;
}
