//! Terminals that vanish or freeze.

use std::time::{Duration, Instant};

use crate::demo::{Demo, SMALL};
use crate::screen::Screen;
use crate::stage::{Edit, Stage};

/// A lead on a screen.
async fn on_a_screen(rows: i64, edits: &[Edit]) -> (Stage, Screen) {
    let stage = Stage::without_clients(rows, edits).await;
    let command = stage.run(&[]);
    let screen = Screen::start(command.as_std(), SMALL);
    screen.shows("NOT STARTED");
    (stage, screen)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_without_its_terminal_and_burns_no_core() {
    let (stage, mut screen) = on_a_screen(2_000, &[]).await;
    screen.close();
    stage.accepted("advance expand").await;
    let done = |status: &crate::program::Status| status.step.is_none() && !status.before;
    stage.status_when("the step", done).await;
    let (began, before) = (Instant::now(), cpu(screen.pid()));
    // Three pictures of the lead are three seconds of its life.
    for _ in 0..3 {
        stage.accepted("pace 50").await;
        stage.accepted("pace 100").await;
        stage.status().await.expect("a picture");
    }
    while began.elapsed() < Duration::from_secs(3) {
        stage.status().await.expect("a picture");
    }
    let (took, burnt) = (began.elapsed(), cpu(screen.pid()) - before);
    assert!(burnt < took / 2, "{burnt:?} of {took:?}");
    screen.signal("TERM");
    assert_eq!(screen.ends(), 3);
}

/// For whom nobody at the wheel is a reason to stop.
const HOLD: &[Edit] = &[(
    "channel = \"#cutover-users\"",
    "on_disconnect = \"hold\"\nchannel = \"#cutover-users\"",
)];

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_terminal_holds_where_the_runbook_wants_that() {
    let held = |status: &crate::program::Status| {
        let why = status.hold.as_deref().unwrap_or_default();
        status.state == "HELD" && why.contains("terminal was lost")
    };
    for lose in [Screen::close as fn(&mut Screen), |screen| {
        screen.signal("HUP")
    }] {
        let (stage, mut screen) = on_a_screen(500, HOLD).await;
        lose(&mut screen);
        stage.status_when("the hold", held).await;
        // Whoever may goes on from elsewhere: the lead is still there.
        stage.accepted("release").await;
        stage.accepted("advance expand").await;
        screen.signal("TERM");
        assert_eq!(screen.ends(), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_terminal_stops_nobody() {
    let (stage, mut screen) = on_a_screen(2_000, &[]).await;
    screen.freeze();
    stage.accepted("advance expand").await;
    let done = |status: &crate::program::Status| status.step.is_none() && !status.before;
    stage.status_when("the step", done).await;
    stage.accepted("advance dual-write").await;
    let verified = |status: &crate::program::Status| status.phase == "verify";
    stage.status_when("the backfill's end", verified).await;
    screen.signal("TERM");
    assert_eq!(screen.ends(), 3);
}

#[test]
fn a_demo_whose_terminal_is_gone_ends_and_leaves_nothing() {
    let mut demo = Demo::start(5_000);
    demo.shows("NOT STARTED");
    demo.close();
    demo.ends_without_a_trace(0);
}

#[test]
fn sighup_is_the_end_of_a_demo_too() {
    let mut demo = Demo::start(5_000);
    demo.shows("NOT STARTED");
    demo.signal("HUP");
    demo.ends_without_a_trace(0);
    demo.is_restored();
}

/// Processor time of a process, its threads together.
fn cpu(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name may hold anything; fields are counted behind it. See proc(5).
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let ticks = fields.split(' ').skip(11).take(2);
    let ticks: u64 = ticks.map(|field| field.parse::<u64>().unwrap()).sum();
    // USER_HZ is 100 on every Linux.
    Duration::from_millis(ticks * 10)
}
