//! Whatever text and whatever size: nothing breaks, and nothing that a
//! terminal would obey gets through.

use std::sync::Arc;

use pgcutover::engine::snapshot::Link;
use pgcutover::reading::Reading;
use pgcutover::run::event::EventKind;
use proptest::prelude::*;

use super::fixtures::{STATES, blocking, snapshot};
use super::stage::{model, picture, press};

/// Text as an attacker would write it.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\x1b[2J".to_owned()),
        Just("\x1b]0;title\x07".to_owned()),
        Just("\u{9b}31m".to_owned()),
        Just("\u{202e}".to_owned()),
        Just("\u{200b}\u{2066}".to_owned()),
        Just("\r\n\t".to_owned()),
        Just("日本語".to_owned()),
        ".{0,12}",
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn nothing_that_a_terminal_obeys_is_drawn(
        text in hostile(), state in 0..STATES.len(), keys in "[awgdnectm?:bsroUWfj]{0,3}",
    ) {
        let mut snapshot = snapshot(STATES[state]);
        snapshot.verdict = text.clone();
        snapshot.user = text.clone();
        if let Link::Down { error, .. } = &mut snapshot.link {
            error.clone_from(&text);
        }
        let mut locks = blocking();
        locks.roots[0].query.clone_from(&text);
        locks.roots[0].application.clone_from(&text);
        snapshot.readings.locks = Reading::measured(locks, snapshot.now);
        for gate in &mut snapshot.gates {
            gate.evidence.reason.clone_from(&text);
        }
        let mut events = (*snapshot.events).clone();
        if let Some(last) = events.last_mut() {
            let by = pgcutover::run::event::Actor::Person(text.clone());
            last.kind = EventKind::Held { by, reason: text.clone() };
        }
        snapshot.events = Arc::new(events);
        let mut model = model(snapshot, (100, 30), false);
        press(&mut model, &keys);
        let buffer = picture(&model);
        for cell in buffer.content() {
            let symbol = cell.symbol();
            let bad = symbol.chars().any(|c| {
                c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}')
            });
            prop_assert!(!bad, "{symbol:?}");
        }
    }

    #[test]
    fn every_size_is_drawn_whatever_is_open(
        width in 0..220u16, height in 0..70u16, state in 0..STATES.len(), ascii: bool,
        keys in "[awgdnectmv?:bsroUWfjkq/\t\n]{0,4}",
    ) {
        let mut model = model(snapshot(STATES[state]), (width, height), ascii);
        press(&mut model, &keys);
        picture(&model);
    }
}
