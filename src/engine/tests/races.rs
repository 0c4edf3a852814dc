//! Three people at three terminals, each with an own idea of how things stand:
//! in whatever order their requests come in, one wins, and the others are told
//! who it was.

use proptest::prelude::*;

use super::world::{World, summary};
use crate::engine::message::{Ask, Effect, Ended, IntentId, Message, Outcome, Reply};
use crate::plan::Plan;
use crate::plan::fixture::{backfill, manual, phase, plan, sql, sql_gate};
use crate::run::deed::Deed;
use crate::run::event::{Actor, Seq, Verdict};
use crate::run::fault::{Fault, Trouble};
use crate::runbook::{At, GateId, StepId};

const PEOPLE: [&str; 3] = ["ana", "bo", "cy"];

/// Everybody may do everything, and there is something to wait for.
fn shared() -> Plan {
    let mut expand = phase("expand", vec![sql("add-column"), manual("deployed")]);
    expand.gates = vec![sql_gate("quiet", At::Exit)];
    let mut plan = plan(vec![
        expand,
        phase("backfill", vec![backfill("copy")]),
        phase("switch", vec![sql("more")]),
    ]);
    plan.body.roles[0].members = PEOPLE.map(str::to_owned).into();
    plan
}

#[derive(Debug, Clone)]
enum Move {
    /// A terminal's picture becomes the newest one.
    Look(u8),
    /// Somebody asks, having seen what that terminal showed.
    Ask(u8, u8),
    /// What runs ends well, or not.
    End(bool),
    /// The gates' queries answer.
    Answer(bool),
    Pass(u8),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        4 => any::<u8>().prop_map(Move::Look),
        12 => any::<(u8, u8)>().prop_map(|(who, what)| Move::Ask(who, what)),
        3 => any::<bool>().prop_map(Move::End),
        3 => any::<bool>().prop_map(Move::Answer),
        1 => (1..5u8).prop_map(Move::Pass),
    ];
    proptest::collection::vec(one, 1..120)
}

/// A request, and what was there when it was made.
struct Asked {
    id: IntentId,
    by: &'static str,
    ask: Ask,
    saw: Seq,
    head: Seq,
}

struct Company {
    world: World,
    seen: [Seq; 3],
    asked: Vec<Asked>,
}

impl Company {
    fn new() -> Self {
        let world = World::new(shared());
        Self {
            seen: [world.run.material; 3],
            asked: Vec::new(),
            world,
        }
    }

    fn make(&mut self, step: &Move) {
        let world = &mut self.world;
        match step {
            Move::Look(who) => self.seen[usize::from(*who) % 3] = world.run.material,
            Move::Ask(who, what) => self.ask(usize::from(*who) % 3, *what),
            Move::End(well) => {
                let performed = world
                    .memory
                    .flights
                    .iter()
                    .find(|(_, flight)| !flight.probe);
                let Some(task) = performed.map(|(task, _)| task.clone()) else {
                    return;
                };
                let outcome = match well {
                    true => Outcome::Done(summary(&world.run, &task)),
                    false => Outcome::NotDone(Fault::new(Trouble::Other, "boom")),
                };
                world.input(Message::Ended(Ended { task, outcome }));
            }
            Move::Answer(go) => {
                world.answer_queries(if *go { Verdict::Go } else { Verdict::NoGo });
            }
            Move::Pass(seconds) => world.pass(u64::from(*seconds)),
        }
    }

    fn ask(&mut self, who: usize, what: u8) {
        let ask = ask(&self.world, what);
        let (by, saw) = (PEOPLE[who], self.seen[who]);
        let head = self.world.run.head;
        self.world.ask_having_seen(by, ask.clone(), Some(saw));
        self.asked.push(Asked {
            id: IntentId(self.world.intents),
            by,
            ask,
            saw,
            head,
        });
    }

    fn replies(&self, id: IntentId) -> Vec<&Reply> {
        let effects = self.world.effects.iter();
        let of = |effect| match effect {
            &Effect::Reply { intent, ref reply } if intent == id => Some(reply),
            _ => None,
        };
        effects.filter_map(of).collect()
    }

    /// Whether somebody did something after that event.
    fn did(&self, who: &str, after: Seq) -> bool {
        let deeds = self.world.journal.iter().filter_map(Deed::of);
        let person = Actor::Person(who.to_owned());
        deeds
            .into_iter()
            .any(|deed| deed.seq > after && deed.by == person)
    }
}

fn ask(world: &World, what: u8) -> Ask {
    let run = &world.run;
    let phases = run.plan.phases();
    let into = phases.get(run.boundary()).unwrap_or(&phases[0]);
    let open = run.open_questions().next().map(|(task, _)| task.clone());
    match what % 12 {
        0 => Ask::Hold {
            reason: String::new(),
        },
        1 | 2 => Ask::Release,
        3 => Ask::Waive {
            gate: GateId::new("quiet"),
            reason: "because".into(),
        },
        4 => Ask::Rollback {
            phase: run.phase().id.clone(),
            reason: None,
        },
        5 | 6 => Ask::Answer {
            step: StepId::new("deployed"),
        },
        7 if open.is_some() => Ask::Resolve {
            task: open.unwrap_or_else(|| unreachable!("it is there")),
            done: what > 128,
            how: "looked".into(),
        },
        _ => Ask::Advance {
            into: into.id.clone(),
        },
    }
}

/// Everything but a hold rests here on what was seen.
fn is_bound(ask: &Ask) -> bool {
    !matches!(ask, Ask::Hold { .. })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn one_wins_and_the_others_are_told_who(moves in moves()) {
        let mut company = Company::new();
        for step in &moves {
            company.make(step);
        }
        // Whoever still waits for a gate's query is answered in the end.
        company.world.pass(20);

        let mut won: Vec<Seq> = Vec::new();
        for asked in &company.asked {
            let replies = company.replies(asked.id);
            prop_assert_eq!(replies.len(), 1, "{:?} is answered once", asked.ask);
            match replies[0] {
                Reply::Accepted if is_bound(&asked.ask) => {
                    prop_assert!(!won.contains(&asked.saw), "two by what {} showed", asked.saw);
                    won.push(asked.saw);
                    prop_assert!(company.did(asked.by, asked.head), "{:?} is in the journal", asked.ask);
                }
                Reply::Refused(why) if why.ends_with("before: look again") => {
                    let first = why.split(' ').next().unwrap_or_default();
                    prop_assert!(company.did(first, asked.saw), "{}", why);
                }
                Reply::Refused(why) => prop_assert!(!why.is_empty()),
                _ => {}
            }
        }
    }

    #[test]
    fn whoever_is_behind_a_persons_deed_hears_of_it(moves in moves()) {
        let mut company = Company::new();
        for step in &moves {
            company.make(step);
            let Some(asked) = company.asked.last().filter(|_| matches!(step, Move::Ask(..))) else {
                continue;
            };
            if company.world.run.outcome.is_some() {
                // Whoever asks then hears of that.
                return Ok(());
            }
            let newer = company.world.run.deeds.iter().find(|deed| deed.seq > asked.saw);
            let behind = newer.filter(|deed| deed.seq <= asked.head && is_bound(&asked.ask));
            if let Some(deed) = behind {
                let told = company.replies(asked.id);
                let told = matches!(told.first(), Some(Reply::Refused(why))
                    if why.starts_with(&format!("{} {}", deed.by, deed.did))
                        || why == "the run has ended");
                prop_assert!(told, "{:?} after {:?}", asked.ask, deed);
            }
        }
    }
}
