//! The lead changes hands: what each of the two sees.

use pgcutover::engine::message::Ask;
use pgcutover::run::event::Answer;
use pgcutover::tui::update::Command;

use super::fixtures::{asked, replaced, taken};
use super::stage::{model, press, text, usual};

#[test]
fn whoever_takes_the_wheel_sees_first_what_they_have_to_know() {
    insta::assert_snapshot!("80x24-handover", text(&usual(taken())));
    let wide = text(&model(taken(), (120, 40), false));
    insta::assert_snapshot!("120x40-handover", wide);
    let mut screen = usual(taken());
    press(&mut screen, "q");
    assert!(!text(&screen).contains("who is who"), "q closes it");
    press(&mut screen, "H");
    assert!(text(&screen).contains("who is who"), "H opens it again");
}

#[test]
fn the_lead_that_was_watches_and_is_told_who_leads_and_why() {
    let picture = text(&usual(replaced()));
    insta::assert_snapshot!("80x24-replaced", picture);
    assert!(picture.contains("bo took the lead from ana"), "{picture}");
}

fn answer(keys: &str) -> Ask {
    let mut screen = usual(asked());
    assert!(text(&screen).contains("bo asks to take over the lead: T answers"));
    let commands = press(&mut screen, keys);
    match commands.as_slice() {
        [Command::Send(request)] => request.ask.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_lead_answers_who_asks_with_two_different_keys() {
    let mut screen = usual(asked());
    assert!(press(&mut screen, "T").is_empty(), "one key is not enough");
    insta::assert_snapshot!("80x24-consent", text(&screen));
    let to = Some("bo".to_owned());
    let consent = |answer| Ask::Consent {
        to: to.clone(),
        answer,
    };
    assert_eq!(answer("Ty"), consent(Answer::Go));
    assert_eq!(answer("Tn"), consent(Answer::NoGo));
}

#[test]
fn nobody_else_answers_for_the_lead() {
    let mut watching = replaced();
    watching.run = asked().run;
    let mut screen = usual(watching);
    assert!(press(&mut screen, "Ty").is_empty());
    assert!(text(&screen).contains("read-only") || text(&screen).contains("does not lead"));
}
