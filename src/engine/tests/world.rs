//! A scripted world: appends what the engine decides, and answers its effects.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::engine::memory::Memory;
use crate::engine::message::{
    Ask, Effect, Ended, Input, Intent, IntentId, Message, Outcome, Reply,
};
use crate::engine::{decide, gate, proceed};
use crate::plan::Plan;
use crate::reading::Reading;
use crate::run::event::{Actor, Event, EventKind, RunId, Seq, Summary, Task, Verdict};
use crate::run::evolve::{begin, evolve};
use crate::run::fault::{Fault, Trouble};
use crate::run::{Run, TaskState};
use crate::runbook::{Condition, GateId, GuardId, PhaseId, StepId};

/// A run, its engine's memory, and everything that happened.
pub(super) struct World {
    pub(super) run: Run,
    pub(super) memory: Memory,
    pub(super) now: Timestamp,
    pub(super) journal: Vec<Event>,
    pub(super) effects: Vec<Effect>,
    pub(super) intents: i64,
}

impl World {
    pub(super) fn new(plan: Plan) -> Self {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let plan_hash = plan.hash();
        let created = Event {
            seq: Seq(1),
            at: now,
            kind: EventKind::RunCreated {
                run: RunId("run".into()),
                plan: Arc::new(plan),
                plan_hash,
                by: Actor::Person("ana".into()),
                tool: "test".into(),
            },
            hash: "h1".into(),
        };
        Self {
            run: begin(&created).unwrap(),
            memory: Memory::default(),
            now,
            journal: vec![created],
            effects: Vec::new(),
            intents: 0,
        }
    }

    /// Hands an input in, and goes on until nothing follows.
    pub(super) fn input(&mut self, message: Message) {
        let mut message = message;
        for _ in 0..100 {
            let input = Input {
                now: self.now,
                message,
            };
            let decision = decide(&self.run, &mut self.memory, &input);
            let quiet = decision.events.is_empty();
            for kind in decision.events {
                self.look_before_the_point_of_no_return(&kind);
                self.append(kind);
            }
            for effect in decision.effects {
                self.memory.launched(&effect, self.now);
                self.effects.push(effect);
            }
            if quiet {
                return;
            }
            message = Message::Tick;
        }
        panic!(
            "the engine does not come to rest: {:#?}",
            &self.journal[1..]
        );
    }

    /// An irreversible step begins only when every gate that it rests on is open,
    /// the queries by answers to questions that were asked for this attempt.
    fn look_before_the_point_of_no_return(&self, kind: &EventKind) {
        let EventKind::StepStarted { task, .. } = kind else {
            return;
        };
        let place = self.run.plan.step(&task.step).unwrap();
        if !proceed::is_irreversible(place.step) {
            return;
        }
        for (phase, gate) in self.run.gates_before_no_return() {
            let says = gate::judge(&self.run, &self.memory, phase, gate, self.now);
            assert!(says.verdict.opens(), "{task} before {says:?}");
            if matches!(gate.condition, Condition::Sql { .. }) {
                let answer = self.memory.samples[&gate.id].answer.as_ref().unwrap();
                assert!(answer.question > self.memory.rechecks[task], "{answer:?}");
            }
        }
    }

    pub(super) fn append(&mut self, kind: EventKind) {
        let seq = self.run.head.next();
        let event = Event {
            seq,
            at: self.now,
            kind,
            hash: format!("h{seq}"),
        };
        evolve(&mut self.run, &event).expect("the engine proposes only what is legal");
        self.journal.push(event);
    }

    /// Lets time pass, a second at a time.
    pub(super) fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now += Duration::from_secs(1);
            self.input(Message::Tick);
        }
    }

    /// A request by a database user who has only that role; its answer, if any.
    pub(super) fn ask_as(&mut self, user: &str, ask: Ask) -> Option<Reply> {
        let saw = Some(self.run.material);
        self.ask_having_seen(user, ask, saw)
    }

    pub(super) fn ask_having_seen(
        &mut self,
        user: &str,
        ask: Ask,
        saw: Option<Seq>,
    ) -> Option<Reply> {
        let hash = Some(self.run.head_hash.clone());
        self.ask_having_read(user, ask, saw, hash)
    }

    pub(super) fn ask_having_read(
        &mut self,
        user: &str,
        ask: Ask,
        saw: Option<Seq>,
        saw_hash: Option<String>,
    ) -> Option<Reply> {
        self.intents += 1;
        let id = IntentId(self.intents);
        self.input(Message::Intent(Intent {
            id,
            by: user.into(),
            roles: [user.to_owned()].into(),
            saw,
            saw_hash,
            ask,
        }));
        self.reply(id)
    }

    pub(super) fn reply(&self, id: IntentId) -> Option<Reply> {
        self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Reply { intent, reply } if *intent == id => Some(reply.clone()),
            _ => None,
        })
    }

    /// The newest request's answer.
    pub(super) fn last_reply(&self) -> Option<Reply> {
        self.reply(IntentId(self.intents))
    }

    /// A request by the lead.
    pub(super) fn ask(&mut self, ask: Ask) -> Option<Reply> {
        self.ask_as("ana", ask)
    }

    /// The lead advances; every query answers GO meanwhile.
    pub(super) fn advance(&mut self, into: &str) {
        let ask = Ask::Advance {
            into: PhaseId::new(into),
        };
        self.ask(ask);
        self.answer_queries(Verdict::Go);
        assert_eq!(self.last_reply(), Some(Reply::Accepted), "into {into}");
    }

    /// A phase of one finished step is taken back, and gone through again.
    pub(super) fn goes_back_and_forward(&mut self, phase: &str, step: &str) {
        self.ask(Ask::Rollback {
            phase: PhaseId::new(phase),
            reason: None,
        });
        self.succeed(&back(step));
        self.advance(phase);
        self.succeed(&forward(step));
    }

    /// Answers every query that is pending.
    pub(super) fn answer_queries(&mut self, verdict: Verdict) {
        let samples = self.memory.samples.iter();
        let pending: Vec<(GateId, u64)> = samples
            .filter(|(_, sample)| sample.pending)
            .map(|(gate, sample)| (gate.clone(), sample.question))
            .collect();
        for (gate, question) in pending {
            self.input(Message::Sampled {
                gate,
                question,
                verdict,
                reason: "asked".into(),
            });
        }
    }

    /// A task in flight succeeds.
    pub(super) fn succeed(&mut self, task: &Task) {
        self.end(task, Outcome::Done(summary(&self.run, task)));
    }

    /// A task in flight is known not to be done.
    pub(super) fn fail(&mut self, task: &Task, trouble: Trouble) {
        self.end(task, Outcome::NotDone(Fault::new(trouble, "boom")));
    }

    pub(super) fn end(&mut self, task: &Task, outcome: Outcome) {
        assert!(self.memory.performs(task), "{task} is not in flight");
        self.input(Message::Ended(Ended {
            task: task.clone(),
            outcome,
        }));
    }

    pub(super) fn measure(&mut self, guard: &str, value: Reading<f64>) {
        self.input(Message::Measured {
            guard: GuardId::new(guard),
            value,
        });
    }

    /// The process dies and another resumes: the memory is gone.
    pub(super) fn crash(&mut self) {
        self.memory = Memory::default();
        self.input(Message::Tick);
    }

    pub(super) fn state(&self, task: &Task) -> Option<&TaskState> {
        self.run.record(task).map(|record| &record.state)
    }

    pub(super) fn performed(&self, task: &Task) -> usize {
        let same =
            |effect: &&Effect| matches!(effect, Effect::Perform { task: t, .. } if t == task);
        self.effects.iter().filter(same).count()
    }

    pub(super) fn kinds(&self) -> Vec<&'static str> {
        self.journal.iter().map(|event| event.kind.tag()).collect()
    }
}

pub(super) fn forward(step: &str) -> Task {
    Task::forward(StepId::new(step))
}

pub(super) fn back(step: &str) -> Task {
    Task::back(StepId::new(step))
}

/// The proof that such a task leaves when all is well.
pub(super) fn summary(run: &Run, task: &Task) -> Summary {
    use crate::run::event::{BackfillSummary, ParitySummary};
    use crate::runbook::Action;
    let place = run.plan.step(&task.step).unwrap();
    match place.step.action() {
        Action::Backfill(_) => Summary::Backfill(BackfillSummary::default()),
        Action::Parity(_) => Summary::Parity(ParitySummary {
            rows: 10,
            coverage: 1.0,
            confirmed: 0,
            hot: 0,
            samples: Vec::new(),
            wal: ("0/0".into(), "0/1".into()),
            at: run.last_at,
            took_ms: 1,
        }),
        Action::Exec(_) => Summary::Exec {
            exit: 0,
            took_ms: 1,
        },
        _ => Summary::Sql {
            rows: 0,
            took_ms: 4,
        },
    }
}
