//! States that nobody drives into: what the real screen says of them at 80x24,
//! and that a key which it names leads out.

use pgcutover::sandbox::Stop;

use crate::demo::SMALL;
use crate::screen::Screen;
use crate::stage::Stage;

/// Nobody can tell whether it ran.
const NO_PROBE: (&str, &str) = (
    "done_when = [\"{{flagctl}}\", \"expect\", \"new_app.running\", \"on\"]\n",
    "",
);

fn screen(stage: &Stage) -> Screen {
    Screen::start(stage.run(&[]).as_std(), SMALL)
}

/// All of these are on the screen together.
fn says(screen: &Screen, texts: &[&str]) {
    let all = |text: &str| texts.iter().all(|wanted| text.contains(wanted));
    screen.waits(&texts.join("` and `"), all);
    if std::env::var_os("PGCUTOVER_TEST_SHOW").is_some() {
        println!("{}\n", screen.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stuck_names_what_failed_and_the_key_that_settles_it() {
    let stage = Stage::without_clients(2_000, &[]).await;
    let mut screen = screen(&stage);
    screen.shows("NOT STARTED");
    screen.press("a");
    screen.confirms("advance into expand");
    screen.shows("Ready for dual-write");
    let client = stage.connect().await;
    let view = "CREATE VIEW addresses AS SELECT email_address FROM users";
    client.batch_execute(view).await.unwrap();
    screen.press("b");
    screen.confirms("roll back expand");
    says(
        &screen,
        &[
            " STUCK ",
            "undo of add-column failed",
            "0 wait; expand stands",
            "SPACE: at once, no task runs",
            "stuck: o settles it first",
            "o answer",
        ],
    );
    client.batch_execute("DROP VIEW addresses").await.unwrap();
    screen.press("o");
    screen.types("why (_ is a space) ", "gone");
    screen.press("\t");
    screen.presses_until("n", |text| text.contains("expand rolled back"));
    screen.signal("TERM");
    screen.ends();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubt_names_what_nobody_knows_and_the_key_that_settles_it() {
    let stage = Stage::without_clients(2_000, &[NO_PROBE]).await;
    let lead = stage.lead_with(&[("PGCUTOVER_KILL_AT", "exec-before")]);
    stage
        .status_when("the run", |s| s.state == "NOT STARTED")
        .await;
    for (phase, then) in [("expand", "expand"), ("dual-write", "verify")] {
        stage.accepted(&format!("advance {phase}")).await;
        let done = |s: &crate::program::Status| s.phase == then && s.step.is_none() && !s.before;
        stage.status_when(then, done).await;
    }
    crate::until("the boundary", async || {
        let answer = stage.verb("advance read-switch").await;
        (answer.code == Some(0)).then_some(())
    })
    .await;
    lead.dies().await;
    let mut screen = screen(&stage);
    says(
        &screen,
        &[
            " IN DOUBT ",
            "Nobody knows whether deploy-new is done",
            "in doubt: o settles it first",
            "look first; o: done (it never runs), or again (it may run twice)",
            "SPACE: at once, no task runs",
        ],
    );
    screen.signal("TERM");
    assert_eq!(screen.ends(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_server_the_screen_says_how_old_it_is_and_comes_back() {
    let stage = Stage::without_clients(2_000, &[]).await;
    let mut screen = screen(&stage);
    screen.shows("NOT STARTED");
    let primary = stage.cluster.primary();
    primary.stop(Stop::Immediate).unwrap();
    says(
        &screen,
        &[
            " RECONNECTING ",
            "Postgres not reached for",
            "below is old",
            "s OLD ",
            "not now: no journal",
        ],
    );
    // The readings are away as well: nothing on it vouches for production.
    screen.waits("unknown", |text| !text.contains("0 behind us"));
    says(&screen, &["unknown"]);
    primary.start().unwrap();
    says(
        &screen,
        &["NOT STARTED", "not by locks: 0 behind us", "live"],
    );
    screen.signal("TERM");
    assert_eq!(screen.ends(), 3);
}
