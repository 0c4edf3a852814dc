//! What keys do, and what they refuse to do.

use std::sync::Arc;

use pgcutover::engine::message::{Ask, IntentId, Reply};
use pgcutover::engine::snapshot::{Link, State, Terminal};
use pgcutover::run::Run;
use pgcutover::run::event::{Answer, Percent, Seq, Verdict};
use pgcutover::runbook::{GateId, PhaseId};
use pgcutover::tui::keymap::{Context, KEYMAP};
use pgcutover::tui::model::{Dialog, Model};
use pgcutover::tui::update::{Command, Msg, update};
use pgcutover::tui::{Leave, Request};

use super::fixtures::{STATES, before_contract, leftovers, now, ready, snapshot, two_closed};
use super::stage::{ctrl, press, text, usual};

fn asks(commands: &[Command]) -> Vec<Ask> {
    let asks = commands.iter().filter_map(|command| match command {
        Command::Send(Request { ask, .. }) => Some(ask.clone()),
        _ => None,
    });
    asks.collect()
}

fn leaves(commands: &[Command]) -> Vec<Leave> {
    let leaves = commands.iter().filter_map(|command| match command {
        Command::Leave(leave) => Some(*leave),
        _ => None,
    });
    leaves.collect()
}

fn is_hold(asks: &[Ask]) -> bool {
    matches!(asks, [Ask::Hold { .. }])
}

/// The run goes on by one event, which is so.
fn moved_by(model: &mut Model, event: impl Fn(&mut Run)) {
    let mut snapshot = (*model.snapshot).clone();
    let mut run = (*snapshot.run).clone();
    run.head = run.head.next();
    event(&mut run);
    snapshot.run = Arc::new(run);
    update(model, now(), Msg::Snapshot(Arc::new(snapshot)));
}

/// The run goes on by one material event.
fn moved(model: &mut Model) {
    moved_by(model, |run| run.material = run.head);
}

/// A gate that stands next opens.
fn opened(model: &mut Model, gate: &str) {
    let mut snapshot = (*model.snapshot).clone();
    let mut gates = snapshot.gates.iter_mut();
    let view = gates.find(|view| view.gate.as_str() == gate).expect(gate);
    view.evidence.verdict = Verdict::Go;
    update(model, now(), Msg::Snapshot(Arc::new(snapshot)));
}

#[test]
fn space_holds_from_every_dialog_and_every_text_field() {
    for before in [
        "", "a", "b", "s", "?", ":", "/", "q", "w", "W", "aabc", ":pau", "/flag",
    ] {
        let mut model = usual(snapshot(State::WaitingFor));
        press(&mut model, before);
        let commands = press(&mut model, " ");
        assert!(is_hold(&asks(&commands)), "after {before:?}: {commands:?}");
    }
}

#[test]
fn space_is_never_a_toggle() {
    let mut model = usual(snapshot(State::Held));
    assert_eq!(press(&mut model, "  "), []);
    assert!(text(&model).contains("held already"), "{}", text(&model));
}

#[test]
fn advance_takes_two_different_keys_and_carries_what_was_seen() {
    let mut model = usual(ready());
    assert_eq!(press(&mut model, "a"), []);
    assert_eq!(
        press(&mut model, "a\n"),
        [],
        "neither the trigger nor Enter confirms"
    );
    let commands = press(&mut model, "y");
    let [Command::Send(request)] = &commands[..] else {
        panic!("{commands:?}");
    };
    let into = PhaseId::new("dual-write");
    assert_eq!(request.ask, Ask::Advance { into });
    assert_eq!(request.saw, model.snapshot.run.material);
    assert_eq!(request.saw_hash, model.snapshot.run.head_hash);
}

#[test]
fn a_card_that_was_not_shown_yet_cannot_be_confirmed() {
    let mut model = usual(ready());
    let key = |c| {
        Msg::Key(crossterm::event::KeyEvent::from(
            crossterm::event::KeyCode::Char(c),
        ))
    };
    update(&mut model, now(), key('a'));
    assert_eq!(update(&mut model, now(), key('y')), []);
    // A frame of some earlier card does not count either.
    update(&mut model, now(), Msg::Shown(0));
    assert_eq!(update(&mut model, now(), key('y')), []);
}

#[test]
fn a_card_whose_state_has_changed_has_to_be_looked_at_again() {
    let mut model = usual(ready());
    press(&mut model, "a");
    moved(&mut model);
    assert!(text(&model).contains("the state has changed under this card"));
    assert_eq!(press(&mut model, "y"), []);
    let commands = press(&mut model, "uy");
    assert_eq!(asks(&commands).len(), 1, "{commands:?}");
}

#[test]
fn a_closed_gate_keeps_the_card_from_advancing_and_says_so() {
    let mut model = usual(snapshot(State::WaitingFor));
    assert_eq!(press(&mut model, "ay"), []);
    let picture = text(&model);
    assert!(
        picture.contains("gate old-app-works is PENDING"),
        "{picture}"
    );
}

#[test]
fn a_point_of_no_return_wants_the_id_typed() {
    let mut model = usual(before_contract());
    assert_eq!(press(&mut model, "ay"), [], "y goes into the text");
    press(&mut model, "\x1b");
    assert_eq!(press(&mut model, "ausers-email-renam\ty"), []);
    press(&mut model, "\x1b");
    let commands = press(&mut model, "ausers-email-renamey");
    let into = PhaseId::new("contract");
    assert_eq!(asks(&commands), [Ask::Advance { into }]);
}

#[test]
fn rolling_back_is_confirmed_by_another_key() {
    let mut model = usual(snapshot(State::Soaking));
    assert_eq!(press(&mut model, "bb"), []);
    let commands = press(&mut model, "y");
    let phase = PhaseId::new("read-switch");
    let reason = None;
    assert_eq!(asks(&commands), [Ask::Rollback { phase, reason }]);
}

#[test]
fn a_seat_is_signed_with_y_or_n() {
    for (key, expected) in [("y", Answer::Go), ("n", Answer::NoGo)] {
        let mut model = usual(snapshot(State::WaitingFor));
        let commands = press(&mut model, &format!("s{key}"));
        assert!(
            matches!(&asks(&commands)[..], [Ask::Sign { answer, .. }] if *answer == expected),
            "{commands:?}"
        );
    }
}

#[test]
fn a_signature_outlives_a_hold_and_another_gate_but_not_a_change_of_what_is_signed() {
    let mut model = usual(snapshot(State::WaitingFor));
    press(&mut model, "s");
    moved(&mut model);
    let stale = "the state has changed under this card";
    assert!(!text(&model).contains(stale), "{}", text(&model));
    moved_by(&mut model, |run| {
        run.material = run.head;
        run.evidence = run.head;
    });
    assert!(text(&model).contains(stale), "{}", text(&model));
    assert_eq!(press(&mut model, "y"), []);
    assert_eq!(asks(&press(&mut model, "uy")).len(), 1);
}

#[test]
fn a_waiver_is_for_the_gate_that_was_chosen_whatever_opens_meanwhile() {
    let waived = |commands: &[Command]| match &asks(commands)[..] {
        [Ask::Waive { gate, .. }] => Some(gate.clone()),
        _ => None,
    };
    let last = GateId::new("old-clients-gone");
    let mut model = usual(two_closed());
    press(&mut model, "Wwhy\tj");
    opened(&mut model, "bake");
    assert_eq!(waived(&press(&mut model, "y")), Some(last));

    let mut model = usual(two_closed());
    press(&mut model, "Wwhy\tj");
    opened(&mut model, "old-clients-gone");
    assert_eq!(
        press(&mut model, "y"),
        [],
        "the chosen one needs none any more"
    );
    let left = Some(GateId::new("bake"));
    assert_eq!(waived(&press(&mut model, "uy")), left);
}

#[test]
fn an_unwind_takes_what_a_phase_s_own_rollback_left_at_the_very_start() {
    let mut model = usual(leftovers());
    let commands = press(&mut model, "b");
    assert_eq!(commands, []);
    assert!(text(&model).contains("nothing has been entered"));
    press(&mut model, "U");
    assert!(text(&model).contains("DROP COLUMN email_address"));
    let reason = None;
    assert_eq!(asks(&press(&mut model, "y")), [Ask::Unwind { reason }]);
}

#[test]
fn a_way_back_goes_on_under_a_hold_and_its_statement_is_cancelled_without_one() {
    let mut model = usual(snapshot(State::RollingBack));
    assert!(text(&model).contains("x cancels, it begins again"));
    let commands = press(&mut model, "xy");
    assert!(matches!(&asks(&commands)[..], [Ask::Cancel { .. }]));
}

#[test]
fn without_a_lead_only_hold_is_asked_for() {
    let mut alone = snapshot(State::NoLead);
    alone.terminal = Terminal::Operator;
    for key in ["a", "b", "p", "-", "s"] {
        let mut model = usual(alone.clone());
        assert_eq!(press(&mut model, key), [], "{key}");
        assert!(text(&model).contains("nobody leads this run"), "{key}");
    }
    assert!(is_hold(&asks(&press(
        &mut usual(snapshot(State::NoLead)),
        " "
    ))));
}

#[test]
fn a_doubt_is_settled_only_with_a_reason_and_underscores_are_its_spaces() {
    let mut model = usual(snapshot(State::InDoubt));
    assert_eq!(press(&mut model, "o\ty"), []);
    let commands = press(&mut model, "\tthe_flag_reads_10\ty");
    let [
        Ask::Resolve {
            done: true, how, ..
        },
    ] = &asks(&commands)[..]
    else {
        panic!("{commands:?}");
    };
    assert_eq!(how, "the flag reads 10");
}

#[test]
fn pace_goes_in_steps_from_the_one_last_asked_for() {
    let mut model = usual(snapshot(State::Running));
    let pace = |percent| Ask::Pace {
        pace: Percent(percent),
    };
    assert_eq!(asks(&press(&mut model, "--")), [pace(90), pace(80)]);
    assert_eq!(asks(&press(&mut model, "=")), [pace(90)]);
}

#[test]
fn an_answer_comes_back_by_its_number() {
    let mut model = usual(snapshot(State::Running));
    press(&mut model, "p");
    assert!(text(&model).contains("pause: asked"));
    let mut snapshot = (*model.snapshot).clone();
    snapshot.replies = vec![(IntentId(-1), Reply::Refused("the backfill is done".into()))];
    update(&mut model, now(), Msg::Snapshot(Arc::new(snapshot)));
    let picture = text(&model);
    assert!(
        picture.contains("pause refused: the backfill is done"),
        "{picture}"
    );
    assert!(model.pending.is_empty());
}

#[test]
fn pasted_text_does_nothing() {
    let mut model = usual(ready());
    assert_eq!(update(&mut model, now(), Msg::Paste), []);
    assert!(model.dialog.is_none());
    assert!(text(&model).contains("dropped"));
}

#[test]
fn the_lead_is_asked_how_to_leave_and_an_observer_just_leaves() {
    let mut model = usual(snapshot(State::Running));
    assert_eq!(press(&mut model, "q"), []);
    assert_eq!(
        leaves(&press(&mut model, "g")),
        [Leave::GoOnWithoutTerminal]
    );

    let mut model = usual(snapshot(State::Running));
    let commands = press(&mut model, "qy");
    assert!(is_hold(&asks(&commands)), "{commands:?}");
    assert_eq!(leaves(&commands), [Leave::HoldAndLeave]);

    let mut observer = usual(snapshot(State::NoLead));
    assert_eq!(leaves(&press(&mut observer, "q")), [Leave::Detached]);
    let mut ended = usual(snapshot(State::Finished));
    assert_eq!(leaves(&press(&mut ended, "q")), [Leave::Finished]);
}

#[test]
fn q_closes_a_page_before_it_leaves() {
    let mut model = usual(snapshot(State::NoLead));
    assert_eq!(press(&mut model, "wq"), []);
    assert_eq!(leaves(&press(&mut model, "q")), [Leave::Detached]);
}

#[test]
fn ctrl_c_holds_and_asks_on_the_lead_and_leaves_elsewhere() {
    let mut model = usual(snapshot(State::Running));
    assert!(is_hold(&asks(&ctrl(&mut model, 'c'))));
    assert!(matches!(model.dialog, Some(Dialog::Leave)));
    let mut observer = usual(snapshot(State::NoLead));
    assert_eq!(leaves(&ctrl(&mut observer, 'c')), [Leave::Detached]);
}

#[test]
fn ctrl_z_is_refused_with_the_reason() {
    let mut model = usual(snapshot(State::Running));
    assert_eq!(ctrl(&mut model, 'z'), []);
    assert!(text(&model).contains("a stopped lead would keep its locks"));
}

#[test]
fn sigterm_holds_before_it_leaves() {
    let mut model = usual(snapshot(State::Running));
    let commands = update(&mut model, now(), Msg::Terminate);
    assert!(is_hold(&asks(&commands)));
    assert_eq!(leaves(&commands), [Leave::HoldAndLeave]);
}

#[test]
fn without_a_link_only_hold_works_and_the_others_say_why() {
    let mut snapshot = snapshot(State::Running);
    snapshot.link = Link::Down {
        since: now(),
        error: "refused".into(),
    };
    for key in ["a", "b", "p", "-", "s"] {
        let mut model = usual(snapshot.clone());
        assert_eq!(press(&mut model, key), [], "{key}");
        assert!(
            text(&model).contains("the journal cannot be reached"),
            "{key}"
        );
    }
    assert!(is_hold(&asks(&press(&mut usual(snapshot), " "))));
}

#[test]
fn a_key_that_cannot_act_says_why_in_every_state() {
    for state in STATES {
        for row in KEYMAP.iter().filter(|row| row.context == Context::Main) {
            let mut model = usual(snapshot(state));
            let Err(why) = (row.can)(&model) else {
                continue;
            };
            assert!(!why.is_empty(), "{}", row.word);
            let pgcutover::tui::keymap::Key::Char(key) = row.keys[0] else {
                continue;
            };
            let others = KEYMAP.iter().filter(|other| other.context == Context::Main);
            let mut same = others.filter(|other| other.keys[0] == row.keys[0]);
            if same.any(|other| (other.can)(&model).is_ok()) {
                continue;
            }
            assert_eq!(press(&mut model, &key.to_string()), [], "{}", row.word);
            assert!(model.notice.is_some(), "{} in {}", row.word, state.word());
        }
    }
}

#[test]
fn no_key_of_the_table_is_without_words() {
    for row in KEYMAP {
        assert!(!row.keys.is_empty() && !row.word.is_empty() && !row.help.is_empty());
    }
}

#[test]
fn requests_are_counted_downwards() {
    let mut model = usual(snapshot(State::Running));
    let commands = press(&mut model, "p-");
    let ids = commands.iter().map(|command| match command {
        Command::Send(request) => request.id,
        other => panic!("{other:?}"),
    });
    assert_eq!(ids.collect::<Vec<_>>(), [IntentId(-1), IntentId(-2)]);
    assert!(model.snapshot.run.material > Seq(0));
}
