//! Snapshots of the whole screen: states, sizes, glyphs, pages and dialogs.

use std::sync::Arc;

use jiff::SignedDuration;
use pgcutover::engine::snapshot::{Picture, Snapshot, State, Terminal};

use super::fixtures::{self, STATES, snapshot};
use super::stage::{model, press, text, usual};

fn name(state: State) -> String {
    state.word().to_lowercase().replace(' ', "-")
}

#[test]
fn every_state_at_80x24() {
    for state in STATES {
        insta::assert_snapshot!(
            format!("80x24-{}", name(state)),
            text(&usual(snapshot(state)))
        );
    }
}

#[test]
fn every_state_at_60x10_in_ascii() {
    for state in STATES {
        let picture = text(&model(snapshot(state), (60, 10), true));
        assert!(picture.is_ascii(), "{picture}");
        insta::assert_snapshot!(format!("60x10-{}", name(state)), picture);
    }
}

#[test]
fn wide_screens_have_charts_and_steps() {
    for (width, height) in [(120, 40), (200, 60)] {
        for state in [State::NotStarted, State::Throttled, State::RollingBack] {
            let picture = text(&model(snapshot(state), (width, height), false));
            insta::assert_snapshot!(format!("{width}x{height}-{}", name(state)), picture);
        }
    }
    let picture = text(&model(snapshot(State::Throttled), (120, 40), true));
    assert!(picture.is_ascii(), "{picture}");
    insta::assert_snapshot!("120x40-ascii", picture);
}

#[test]
fn sizes_in_between() {
    for (width, height) in [(80, 20), (80, 16), (100, 30), (80, 50), (40, 6)] {
        let picture = text(&model(snapshot(State::Throttled), (width, height), false));
        insta::assert_snapshot!(format!("{width}x{height}-throttled"), picture);
    }
}

/// A picture after some keys.
fn after(name: &str, snapshot: Snapshot, keys: &str) {
    let mut model = usual(snapshot);
    press(&mut model, keys);
    insta::assert_snapshot!(format!("after-{name}"), text(&model));
}

/// The engine's own: a screen could only repeat it.
#[test]
fn a_person_s_lower_pace_is_no_throttle_and_the_guard_s_allowance_is_said() {
    let snapshot = fixtures::paced();
    assert_eq!(snapshot.state, State::Running);
    let picture = text(&usual(snapshot));
    let verdict = "copy runs at 20%, as set; replica-lag would allow 60%";
    assert!(picture.contains(verdict), "{picture}");
    assert!(
        picture.contains("pace 20%: you 20%, replica-lag 60%"),
        "{picture}"
    );
}

#[test]
fn cards() {
    after("advance", snapshot(State::WaitingFor), "a");
    after("advance-no-way-back", fixtures::before_contract(), "ausers");
    after(
        "advance-typed",
        fixtures::before_contract(),
        "ausers-email-rename",
    );
    after("roll-back", snapshot(State::Soaking), "b");
    after("unwind", snapshot(State::WaitingFor), "U");
    after("release", snapshot(State::Held), "r");
    after("sign", snapshot(State::WaitingFor), "s");
    after("waive", fixtures::two_closed(), "W");
    after("resolve", snapshot(State::Stuck), "oowner_fixed\t");
}

#[test]
fn pages() {
    after("locks", snapshot(State::RollingBack), "w");
    after("gates", snapshot(State::Soaking), "g");
    after("guards", snapshot(State::Throttled), "m");
    after("steps", snapshot(State::Running), "tkk");
    after("parity", fixtures::comparing(), "d");
    after("charts", snapshot(State::Running), "c");
    after("notes", snapshot(State::Running), "n");
    after("events", snapshot(State::Finished), "e");
    after("full-screen", snapshot(State::Finished), "ef");
    after("filtered", snapshot(State::Finished), "/flag\n");
}

#[test]
fn dialogs() {
    after("help", snapshot(State::Running), "?");
    after("palette", snapshot(State::Running), ":pa");
    after("leave", snapshot(State::Running), "q");
}

#[test]
fn a_picture_that_was_not_renewed_says_how_old_it_is() {
    let mut model = usual(snapshot(State::Running));
    model.clock += jiff::SignedDuration::from_secs(42);
    let picture = text(&model);
    assert!(picture.contains("42s OLD"), "{picture}");
    assert!(picture.contains("RECONNECTING"), "{picture}");
}

/// Row 2 names the state, rows 3 and 4 answer, and only what is lost may be cut.
#[test]
fn each_state_answers_the_five_questions_at_80x24() {
    for state in STATES {
        let picture = text(&usual(snapshot(state)));
        let rows: Vec<&str> = picture.lines().collect();
        assert!(
            rows[1].starts_with(&format!(" {}", state.word())),
            "{picture}"
        );
        for question in ["Is it us?", "Stop safely", "Production", "Undo"] {
            let answered = rows[2..4].iter().any(|row| row.contains(question));
            assert!(answered, "{question} in\n{picture}");
        }
        let age = ["live", "OLD"].iter().any(|word| rows[0].contains(word));
        assert!(age, "{picture}");
        assert!(!rows[2].contains('…'), "{picture}");
        assert!(!rows[0].contains('…'), "{}", rows[0]);
        // Only what stands elsewhere again may be cut: what a server or a command
        // said, and the age.
        let again = matches!(state, State::InDoubt | State::Stuck | State::NoLead);
        assert!(again || !rows[1].contains('…'), "{}", rows[1]);
        let stop: String = rows[3].chars().take(41).collect();
        assert!(!stop.contains('…'), "{picture}");
    }
}

/// A run seen from another terminal, whose lead last spoke so long ago.
fn attached(terminal: Terminal, state: State, silent: i64) -> Snapshot {
    let mut snapshot = snapshot(state);
    snapshot.terminal = terminal;
    snapshot.user = "bo".into();
    let at = snapshot.now - SignedDuration::from_secs(silent);
    let memory = snapshot.picture.memory.clone();
    snapshot.picture = Arc::new(Picture { at, memory });
    snapshot
}

#[test]
fn attached_terminals_say_what_they_may() {
    for (name, terminal) in [
        ("observer", Terminal::Observer),
        ("operator", Terminal::Operator),
    ] {
        for size in [(80, 24), (120, 40)] {
            let snapshot = attached(terminal, State::Throttled, 1);
            let picture = text(&model(snapshot, size, false));
            insta::assert_snapshot!(format!("{}x{}-{name}", size.0, size.1), picture);
        }
    }
    let observer = || attached(Terminal::Observer, State::WaitingFor, 1);
    after("key-read-only", observer(), "a");
    after("people", observer(), "i");
}

#[test]
fn a_picture_that_gets_old_says_so_and_a_lead_that_is_gone_is_no_lead() {
    let old = text(&usual(attached(Terminal::Observer, State::Throttled, 7)));
    assert!(old.contains("7s OLD"), "{old}");
    assert!(old.contains("nothing from the lead heard for 7s"), "{old}");
    let gone = text(&usual(attached(Terminal::Observer, State::NoLead, 70)));
    assert!(gone.contains("NO LEAD        Nobody leads"), "{gone}");
    assert!(gone.contains("70s OLD"), "{gone}");
    let ended = text(&usual(attached(Terminal::Observer, State::Finished, 700)));
    assert!(
        ended.contains("FINISHED") && !ended.contains("OLD"),
        "{ended}"
    );
}
