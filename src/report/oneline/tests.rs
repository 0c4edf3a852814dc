//! What the line says in each state, and what gives way in it.

use super::*;
use crate::report::status::{GuardStatus, VERSION};

fn status(state: State, verdict: &str) -> Status {
    Status {
        version: VERSION,
        run: "r".into(),
        cutover: "users-email-rename".into(),
        environment: "production".into(),
        plan: String::new(),
        state: state.word().into(),
        phase: "backfill".into(),
        before: false,
        step: Some("copy".into()),
        verdict: verdict.into(),
        lead: None,
        hold: None,
        head: 1,
        backfill: None,
        parity: None,
        gates: Vec::new(),
        attached: None,
        guards: Vec::new(),
    }
}

fn copying(state: State, reason: Option<&str>) -> Status {
    let mut status = status(state, "copy runs.");
    status.backfill = Some(BackfillStatus {
        step: "copy".into(),
        rows_done: 12_630_000,
        rows_total: 20_000_000,
        rows_per_second: Some(4100.0),
        elapsed_ms: 1,
        chunks: 1,
        quarantined: 0,
        workers: 1,
        aside: Vec::new(),
        parts: Vec::new(),
        eta_low_s: Some(2100),
        eta_high_s: Some(3300),
        pace: 60,
        reason: reason.map(str::to_owned),
        eta_assumes: String::new(),
        whole_ms: 1,
        lost: Vec::new(),
        eta_told: Vec::new(),
    });
    status.guards = vec![GuardStatus {
        id: "replica-lag".into(),
        signal: "replay lag".into(),
        unit: "s".into(),
        state: "throttle".into(),
        value: Some(8.1),
        limit: Some(10.0),
        age_ms: Some(800),
        reason: "8.1s, above 2.0s".into(),
    }];
    status
}

#[test]
fn a_slowed_backfill_says_how_far_why_and_how_long() {
    assert_eq!(
        copying(State::Throttled, Some("replica-lag")).oneline(),
        "users-email-rename backfill THROTTLED 63% replica-lag 8.1s ETA 35-55m"
    );
    assert_eq!(
        copying(State::Throttled, Some("pace")).oneline(),
        "users-email-rename backfill THROTTLED 63% pace ETA 35-55m"
    );
    assert_eq!(
        copying(State::Running, None).oneline(),
        "users-email-rename backfill RUNNING 63% ETA 35-55m"
    );
}

#[test]
fn a_backfill_that_is_over_is_not_told() {
    let mut later = copying(State::WaitingFor, None);
    later.step = None;
    later.verdict = "Before verify: bake 1m of 2m.".into();
    assert_eq!(
        later.oneline(),
        "users-email-rename backfill WAITING FOR Before verify: bake 1m of 2m"
    );
}

#[test]
fn the_line_never_grows_over_its_columns_and_keeps_its_state() {
    let mut long = copying(State::Stalled, Some("replica-lag"));
    long.cutover = "c".repeat(64);
    long.phase = "p".repeat(64);
    long.guards[0].reason = "日本語".repeat(40);
    for before in [false, true] {
        for state in State::ALL {
            long.before = before;
            long.state = state.word().into();
            long.verdict = "x\x1b[2J\n".repeat(50);
            let line = long.oneline();
            assert!(line.width() <= WIDTH, "{line}");
            assert!(line.contains(state.word()), "{line}");
            assert!(!line.contains(['\x1b', '\n']), "{line}");
        }
    }
}
