//! People: permissions, seats, stale views, waivers.

use super::world::{World, back, forward};
use crate::engine::message::{Ask, IntentId, Reply};
use crate::plan::Phase;
use crate::plan::fixture::{phase, plan, signoff, sql, sql_gate};
use crate::run::Place;
use crate::run::event::{Actor, Answer, EventKind, Percent, Seq, Verdict};
use crate::runbook::{At, GateId, PhaseId};

fn advance(into: &str) -> Ask {
    Ask::Advance {
        into: PhaseId::new(into),
    }
}

fn sign(answer: Answer) -> Ask {
    Ask::Sign {
        gate: GateId::new("app-works"),
        seat: None,
        answer,
        reason: None,
    }
}

fn signed_phases() -> Vec<Phase> {
    let mut expand = phase("expand", vec![sql("add-column")]);
    expand.gates = vec![signoff("app-works", At::Exit)];
    vec![expand, phase("next", vec![sql("more")])]
}

fn refused(reply: Option<Reply>) -> String {
    match reply {
        Some(Reply::Refused(why)) => why,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[test]
fn who_may_not_is_told_who_may() {
    let mut world = World::new(plan(signed_phases()));
    let why = refused(world.ask_as("bo", advance("expand")));
    assert!(why.contains("lead"), "{why}");
    assert_eq!(world.run.place, Place::Before(0));
}

#[test]
fn a_request_made_before_the_state_changed_is_refused() {
    let mut world = World::new(plan(signed_phases()));
    let saw = Some(world.run.material);
    world.ask(Ask::Hold {
        reason: String::new(),
    });
    world.ask(Ask::Release);
    let why = refused(world.ask_having_seen("ana", advance("expand"), saw));
    assert_eq!(why, "ana held the run 0 s before: look again");
}

#[test]
fn a_hold_while_the_gates_are_asked_voids_the_crossing() {
    let mut phases = signed_phases();
    phases[0].gates = vec![sql_gate("quiet", At::Exit)];
    let mut world = World::new(plan(phases));
    world.advance("expand");
    world.succeed(&forward("add-column"));
    assert_eq!(world.ask(advance("next")), None, "the query is asked first");
    world.ask(Ask::Hold {
        reason: String::new(),
    });
    world.ask(Ask::Release);
    world.answer_queries(Verdict::Go);
    world.pass(5);
    assert_eq!(world.run.place, Place::In(0));
}

#[test]
fn one_who_advances_while_another_waits_for_the_answer_is_told_so() {
    let mut phases = signed_phases();
    phases[0].gates = vec![sql_gate("quiet", At::Exit)];
    let mut world = World::new(plan(phases));
    world.advance("expand");
    world.succeed(&forward("add-column"));
    assert_eq!(world.ask(advance("next")), None, "the query is asked first");
    let first = world.intents;
    let why = refused(world.ask(advance("next")));
    assert!(why.contains("ana has asked for it already"), "{why}");
    world.answer_queries(Verdict::Go);
    assert_eq!(world.reply(IntentId(first)), Some(Reply::Accepted));
}

#[test]
fn an_exit_signature_before_the_steps_is_refused() {
    let mut world = World::new(plan(signed_phases()));
    world.advance("expand");
    let why = refused(world.ask_as("bo", sign(Answer::Go)));
    assert!(why.contains("steps before"), "{why}");
    world.succeed(&forward("add-column"));
    assert_eq!(world.ask_as("bo", sign(Answer::Go)), Some(Reply::Accepted));
    world.advance("next");
}

#[test]
fn a_signature_binds_to_a_journal_that_its_signer_saw() {
    let mut world = World::new(plan(signed_phases()));
    world.advance("expand");
    let before = world.run.head_hash.clone();
    world.succeed(&forward("add-column"));
    let material = world.run.material;
    let seen = world.run.head_hash.clone();
    world.append(EventKind::PaceSet {
        by: Actor::Engine,
        pace: Percent(50),
    });
    let mut sign = |saw, hash: Option<&str>| {
        let hash = hash.map(str::to_owned);
        world.ask_having_read("bo", sign(Answer::Go), Some(saw), hash)
    };
    assert!(refused(sign(material, None)).contains("look first"));
    assert!(refused(sign(material, Some("made up"))).contains("look again"));
    assert!(refused(sign(material, Some(&before))).contains("look again"));
    assert!(refused(sign(Seq(999_999), Some(&seen))).contains("999999"));
    assert_eq!(sign(material, Some(&seen)), Some(Reply::Accepted));
    let signed = world
        .journal
        .iter()
        .rev()
        .find_map(|event| match &event.kind {
            EventKind::SignedOff { saw, .. } => Some(saw.clone()),
            _ => None,
        });
    assert_eq!(signed, Some(seen));
}

#[test]
fn nobody_signs_for_a_seat_that_is_not_theirs() {
    let mut world = World::new(plan(signed_phases()));
    world.advance("expand");
    world.succeed(&forward("add-column"));
    refused(world.ask_as("ana", sign(Answer::Go)));
    refused(world.ask_as("postgres", sign(Answer::Go)));
    refused(world.ask(advance("next")));
}

#[test]
fn a_no_go_shuts_the_gate_until_the_seat_changes_its_mind() {
    let mut world = World::new(plan(signed_phases()));
    world.advance("expand");
    world.succeed(&forward("add-column"));
    world.ask_as("bo", sign(Answer::Go));
    world.ask_as("bo", sign(Answer::NoGo));
    refused(world.ask(advance("next")));
    world.ask_as("bo", sign(Answer::Go));
    world.advance("next");
}

#[test]
fn a_signature_expires() {
    let mut world = World::new(plan(signed_phases()));
    world.advance("expand");
    world.succeed(&forward("add-column"));
    world.ask_as("bo", sign(Answer::Go));
    world.now += std::time::Duration::from_secs(7200);
    let why = refused(world.ask(advance("next")));
    assert!(why.contains("STALE"), "{why}");
}

#[test]
fn a_signature_does_not_survive_a_rollback() {
    let mut world = World::new(plan(signed_phases()));
    world.advance("expand");
    world.succeed(&forward("add-column"));
    world.ask_as("bo", sign(Answer::Go));
    world.goes_back_and_forward("expand", "add-column");
    refused(world.ask(advance("next")));
}

#[test]
fn a_waiver_needs_a_reason_and_a_waivable_gate() {
    let mut phases = signed_phases();
    phases[0].gates = vec![sql_gate("soft", At::Exit), sql_gate("hard", At::Exit)];
    phases[0].gates[1].waivable = false;
    let mut world = World::new(plan(phases));
    world.advance("expand");
    let waive = |gate: &str, reason: &str| Ask::Waive {
        gate: GateId::new(gate),
        reason: reason.into(),
    };
    refused(world.ask(waive("soft", "  ")));
    refused(world.ask(waive("hard", "because")));
    refused(world.ask_as("bo", waive("soft", "because")));
    assert_eq!(
        world.ask(waive("soft", "seen by hand")),
        Some(Reply::Accepted)
    );
    assert_eq!(world.run.verdict(&GateId::new("soft")), Verdict::Waived);
    assert_ne!(world.run.verdict(&GateId::new("hard")), Verdict::Waived);
}

#[test]
fn a_waiver_does_not_survive_the_rollback_of_the_phase_behind_its_gate() {
    let mut phases = signed_phases();
    phases[0].gates = vec![sql_gate("soft", At::Exit)];
    phases.push(phase("last", vec![sql("rest")]));
    let mut world = World::new(plan(phases));
    world.advance("expand");
    world.succeed(&forward("add-column"));
    let soft = GateId::new("soft");
    let waived = world.ask(Ask::Waive {
        gate: soft.clone(),
        reason: "seen by hand".into(),
    });
    assert_eq!(waived, Some(Reply::Accepted));
    world.advance("next");
    world.succeed(&forward("more"));
    world.ask(Ask::Rollback {
        phase: PhaseId::new("next"),
        reason: None,
    });
    world.succeed(&back("more"));
    assert_eq!(world.run.place, Place::Before(1));
    assert_ne!(world.run.verdict(&soft), Verdict::Waived);
    assert_eq!(world.ask(advance("next")), None, "the query is asked first");
    world.answer_queries(Verdict::NoGo);
    refused(world.last_reply());
}

#[test]
fn pause_pace_and_resume_say_why_they_cannot() {
    let mut world = World::new(plan(signed_phases()));
    let pace = |percent| Ask::Pace {
        pace: Percent(percent),
    };
    refused(world.ask(Ask::Resume));
    refused(world.ask(Ask::Release));
    refused(world.ask(pace(0)));
    refused(world.ask(pace(101)));
    refused(world.ask(pace(100)));
    assert_eq!(world.ask(pace(40)), Some(Reply::Accepted));
    assert_eq!(world.run.ceiling, Percent(40));
    assert_eq!(world.ask(Ask::Pause), Some(Reply::Accepted));
    refused(world.ask(Ask::Pause));
    assert_eq!(world.ask(Ask::Resume), Some(Reply::Accepted));
}

#[test]
fn a_release_replayed_after_a_newer_hold_does_not_end_it() {
    let mut world = World::new(plan(signed_phases()));
    let hold = || Ask::Hold {
        reason: String::new(),
    };
    world.ask(hold());
    let saw = Some(world.run.material);
    world.ask(Ask::Release);
    world.ask(hold());
    refused(world.ask_having_seen("ana", Ask::Release, saw));
    refused(world.ask_having_seen("ana", Ask::Release, None));
    assert!(world.run.hold.is_some());
    assert_eq!(
        world.ask_having_seen("ana", hold(), None),
        Some(Reply::Accepted)
    );
}

#[test]
fn a_signature_rests_on_what_is_signed_not_on_a_hold() {
    let mut world = World::new(plan(signed_phases()));
    world.advance("expand");
    world.succeed(&forward("add-column"));
    let saw = Some(world.run.material);
    let reason = String::new();
    world.ask(Ask::Hold { reason });
    world.ask(Ask::Release);
    let signed = world.ask_having_seen("bo", sign(Answer::Go), saw);
    assert_eq!(signed, Some(Reply::Accepted));

    world.goes_back_and_forward("expand", "add-column");
    refused(world.ask_having_seen("bo", sign(Answer::Go), saw));
}

#[test]
fn a_latched_hold_lets_nothing_new_start_and_no_boundary_be_crossed() {
    let mut phases = signed_phases();
    phases[0].gates = vec![sql_gate("quiet", At::Exit)];
    let mut world = World::new(plan(phases));
    world.memory.latched = true;
    refused(world.ask(advance("expand")));
    world.memory.latched = false;
    world.advance("expand");
    world.succeed(&forward("add-column"));
    assert_eq!(world.ask(advance("next")), None, "the query is asked first");
    world.memory.latched = true;
    world.answer_queries(Verdict::Go);
    refused(world.last_reply());
    assert_eq!(world.run.place, Place::In(0));
}

#[test]
fn an_entry_signature_does_not_survive_the_rollback_of_the_phase_before() {
    let mut phases = signed_phases();
    phases[0].gates.clear();
    phases[1].gates = vec![signoff("app-works", At::Entry)];
    let mut world = World::new(plan(phases));
    world.advance("expand");
    world.succeed(&forward("add-column"));
    world.ask_as("bo", sign(Answer::Go));
    world.goes_back_and_forward("expand", "add-column");
    refused(world.ask(advance("next")));
}
