//! Makes the pictures and the recording in assets/ from the real program; run by
//! `tests/screens.sh`, never with the other tests.

use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use crate::demo::{Demo, SMALL};
use crate::film::cast;
use crate::picture::svg;

/// So many rows that there is time to look.
const ROWS: u64 = 4_000_000;

fn keep(name: &str, content: &str) {
    let assets = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets");
    fs::create_dir_all(assets.join("screens")).unwrap();
    fs::write(assets.join(name), content).unwrap();
}

fn picture(name: &str, demo: &Demo) {
    keep(&format!("screens/{name}.svg"), &demo.look(svg));
}

/// A reader's pause; nothing waits for it.
fn linger(seconds: f32) {
    sleep(Duration::from_secs_f32(seconds));
}

/// In the backfill, at this pace.
fn backfilling(demo: &mut Demo, pace: u8) {
    demo.advances_into_the_backfill();
    slow_down(demo, pace);
}

fn slow_down(demo: &mut Demo, to: u8) {
    for pace in (1..10)
        .rev()
        .map(|tens| tens * 10)
        .filter(|pace| *pace >= to)
    {
        demo.press("-");
        demo.shows(&format!("you {pace}%"));
    }
}

/// The standby falls behind until the guard takes something off the pace.
fn throttled(demo: &Demo) {
    demo.on_the_standby("SELECT pg_wal_replay_pause()");
    demo.shows("THROTTLED");
}

#[test]
#[ignore = "makes files in assets/"]
fn pictures() {
    let mut demo = Demo::with(ROWS, &[], &[], SMALL);
    demo.shows("NOT STARTED");
    demo.press("a");
    demo.shows("y does it");
    linger(3.0);
    picture("advance", &demo);
    demo.press("q");
    backfilling(&mut demo, 40);
    linger(5.0);
    picture("80x24", &demo);
    for (name, size) in [("120x40", (120, 40)), ("200x60", (200, 60))] {
        let mut demo = Demo::with(ROWS, &[], &[], size);
        backfilling(&mut demo, 30);
        linger(8.0);
        throttled(&demo);
        linger(2.0);
        picture(name, &demo);
    }
}

#[test]
#[ignore = "makes a file in assets/"]
fn recording() {
    let mut demo = Demo::start(ROWS);
    demo.shows("NOT STARTED");
    linger(2.0);
    for (phase, next) in [
        ("expand", "Ready for dual-write"),
        ("dual-write", "BACKFILL"),
    ] {
        demo.press("a");
        linger(2.5);
        demo.confirms(&format!("advance into {phase}"));
        demo.shows(next);
        linger(1.0);
    }
    slow_down(&mut demo, 30);
    linger(2.0);
    demo.press(" ");
    demo.shows("HELD");
    linger(2.5);
    demo.press("r");
    linger(1.5);
    demo.confirms("release the hold");
    throttled(&demo);
    linger(2.0);
    demo.on_the_standby("SELECT pg_wal_replay_resume()");
    demo.shows("RUNNING");
    demo.shows("Ready for read-switch");
    linger(1.0);
    into_the_contract(&mut demo);
    let film = cast(&demo.film(), SMALL);
    assert!(film.len() < 200_000, "{} bytes", film.len());
    keep("demo.cast", &film);
}

/// From the end of verify to the end.
fn into_the_contract(demo: &mut Demo) {
    demo.press("a");
    linger(2.5);
    demo.confirms("advance into read-switch");
    demo.shows("3.0s of 3.0s");
    demo.signs();
    demo.shows("Ready for contract");
    linger(1.0);
    demo.press("a");
    linger(2.5);
    demo.types("type users-email-rename ", "users-email-rename");
    linger(1.0);
    demo.confirms("advance into contract");
    demo.shows("FINISHED");
    linger(3.0);
    demo.press("q");
    demo.ends_without_a_trace(0);
}
