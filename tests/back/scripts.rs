//! `status` for scripts: one line, waiting, and whether a deployment fits.

use std::time::{Duration, Instant};

use pgcutover::run::Place;
use pgcutover::sandbox::Stop;
use rustix::process::Signal;

use crate::servers;
use crate::stage::{Said, Stage};

const RUNBOOK: &str = r#"
format = 1
[cutover]
id = "scripts"
title = "status for scripts"
[connections.main]
url_env = "PGCUTOVER_DEMO_URL"
[roles.operator]
members = ["postgres"]
can = ["advance", "waive", "rollback", "sign"]
[[phase]]
id = "expand"
compatible = { shop = "< 2" }
[[phase.step]]
id = "first"
[phase.step.manual]
ask = "First?"
[[phase]]
id = "switch"
compatible = { shop = ">= 1" }
[[phase.step]]
id = "second"
[phase.step.manual]
ask = "Second?"
"#;

async fn begin() -> Stage {
    let mut stage = Stage::of(RUNBOOK).await;
    stage.lead().await;
    stage
}

impl Said {
    fn is(&self, code: i32, out: &str) {
        assert_eq!((self.code, self.out.trim_end()), (code, out), "{self:?}");
    }

    fn fails(&self, code: i32, why: &str) {
        let fits = self.code == code && self.err.contains(why);
        assert!(fits, "wanted {code} `{why}`: {self:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_line_says_how_it_stands_and_the_code_says_it_too() {
    let mut stage = begin().await;
    let line = "scripts before expand NOT STARTED Nothing has been touched yet. expand is next";
    stage.verb(&["status", "--oneline"]).await.is(0, line);
    stage.ask(&["advance", "expand"]).await;
    stage
        .ask(&["hold", "--reason", "p95 \u{1b}[31mis up"])
        .await;
    let held = stage.verb(&["status", "--oneline"]).await;
    held.is(
        3,
        "scripts expand HELD Held by postgres: p95 \u{fffd}[31mis up",
    );
    stage.ask(&["release"]).await;
    stage.kill();
    let gone = stage.verb(&["status", "--oneline"]).await;
    assert!(gone.out.starts_with("scripts expand NO LEAD "), "{gone:?}");
    assert_eq!(gone.code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_ends_when_it_comes_when_it_cannot_and_when_its_time_is_up() {
    let mut stage = begin().await;
    let wait = async |wanted: &str| {
        let words = ["status", "--oneline", "--wait", wanted, "--timeout", "30s"];
        stage.verb(&words).await
    };
    let change = async |words: &'static [&'static str]| {
        tokio::time::sleep(Duration::from_millis(500)).await;
        stage.ask(words).await;
    };
    let (came, ()) = tokio::join!(wait("phase=expand"), change(&["advance", "expand"]));
    assert!(
        came.code == 0 && came.out.starts_with("scripts expand "),
        "{came:?}"
    );
    // There already, and a state that a hold would otherwise make code 3 of.
    assert_eq!(wait("phase=expand").await.code, 0);
    let (came, ()) = tokio::join!(wait("held"), change(&["hold"]));
    assert!(came.code == 0 && came.out.contains(" HELD "), "{came:?}");

    let began = Instant::now();
    let words = ["status", "--wait", "phase=switch", "--timeout", "700ms"];
    let late = stage.verb(&words).await;
    late.fails(1, "status: no phase switch within 700ms");
    assert!(late.out.contains("HELD") && began.elapsed() >= Duration::from_millis(700));

    wait("nowhere").await.fails(
        2,
        "`nowhere` is not a state\nhint: phase=NAME, or one of not-started,",
    );
    wait("phase=nowhere").await.fails(
        2,
        "there is no phase `nowhere`\nhint: one of expand, switch",
    );
    let words = ["status", "--wait", "held", "--timeout", "soon"];
    stage
        .verb(&words)
        .await
        .fails(2, "`soon` is not a duration\nhint: ");

    let (never, ()) = tokio::join!(wait("phase=switch"), change(&["unwind"]));
    never.fails(4, "status: it ended otherwise: no phase switch any more");
    assert_eq!(stage.ended().await, Some(4), "{}", stage.told());
    let ended = stage.verb(&["status", "--wait", "rolled-back"]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn finishing_is_no_success_for_who_waits_for_something_else() {
    let mut stage = begin().await;
    let wait = async |wanted: &str| stage.verb(&["status", "--wait", wanted]).await;
    let finish = async {
        for words in [
            ["advance", "expand"],
            ["answer", "first"],
            ["advance", "switch"],
            ["answer", "second"],
        ] {
            stage.ask(&words).await;
        }
    };
    let (never, passed, finished, ()) =
        tokio::join!(wait("held"), wait("phase=switch"), wait("FINISHED"), finish);
    never.fails(1, "no HELD any more");
    assert_eq!(
        (passed.code, finished.code),
        (0, 0),
        "{passed:?} {finished:?}"
    );
    assert_eq!(stage.ended().await, Some(0), "{}", stage.told());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_is_told_whether_its_deployment_fits() {
    let mut stage = begin().await;
    let deploy = async |stage: &Stage, app: &str, version: &str| {
        stage.verb(&["status", "--deploy", app, version]).await
    };
    stage.ask(&["advance", "expand"]).await;
    let fits = deploy(&stage, "shop", "v1.9").await;
    fits.is(0, "shop 1.9.0 fits expand; would fit switch");
    let not = deploy(&stage, "shop", "2").await;
    not.is(1, "shop 2.0.0 does not fit expand: shop <2");
    deploy(&stage, "billing", "2")
        .await
        .fails(2, "does not say which versions of `billing`");
    deploy(&stage, "shop", "main")
        .await
        .fails(2, "`main` is not a version\nhint: ");
    let json = stage
        .verb(&["status", "--json", "--deploy", "shop", "2"])
        .await;
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    let expand =
        serde_json::json!({"phase": "expand", "wants": "<2", "fits": false, "why": "current"});
    assert_eq!(
        (&json["compatible"], &json["phases"][0]),
        (&false.into(), &expand),
        "{json:#}"
    );
    assert_eq!(json["next"]["phase"], "switch");

    stage.ask(&["answer", "first"]).await;
    stage.ask(&["advance", "switch"]).await;
    stage.until("switch", |run| run.place == Place::In(1)).await;
    deploy(&stage, "shop", "2")
        .await
        .is(0, "shop 2.0.0 fits switch");
    // No lead is needed: the journal knows.
    stage.kill();
    deploy(&stage, "shop", "0.9")
        .await
        .is(1, "shop 0.9.0 does not fit switch: shop >=1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_outlives_a_server_that_is_away() {
    let (cluster, database) = servers::apart(50).await;
    let mut stage = Stage::set(RUNBOOK, database, None);
    stage.lead().await;
    let words = ["status", "--wait", "held", "--timeout", "60s"];
    let change = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        cluster.primary().stop(Stop::Fast).unwrap();
        tokio::time::sleep(Duration::from_secs(2)).await;
        cluster.primary().start().unwrap();
        stage.signal(Signal::USR1);
    };
    let (came, ()) = tokio::join!(stage.verb(&words), change);
    let told = came.out.contains("HELD: ") && came.err.contains("status: tries again: ");
    assert!(came.code == 0 && told, "{came:?}\n{}", stage.told());
}
