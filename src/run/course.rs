//! How a backfill has gone: where its time went, and what its ETA promised.
//!
//! Owns that account. It is part of the fold, because all that slows a backfill
//! is an event: so it survives a restart, is the same on every terminal, and adds
//! up, to the microsecond, to the time from the step's start to its end.
//!
//! | what the run says | the time goes to |
//! |---|---|
//! | held, or taken back | hold |
//! | stopped, failed, in doubt | retries |
//! | paused | pause |
//! | nobody led, or the journal was away, by the event that ended it | no lead, no journal |
//! | a pace below 100 % | its share to the guard, or to the person, that allows least |
//! | what is left | working |

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::event::{Direction, Event, EventKind, Percent, Task};
use super::{Run, TaskState};
use crate::runbook::{Action, GuardId};

/// Where time goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Chunks, and what they wait for by themselves.
    Working,
    /// A guard took some of the pace.
    Throttled(GuardId),
    /// A guard took all of it.
    Stalled(GuardId),
    /// A person allowed no more.
    Pace,
    /// A person stopped the backfill.
    Paused,
    /// The run was held.
    Held,
    /// Stopped or failed, and not begun again yet.
    Retries,
    /// The journal could not be reached.
    NoJournal,
    /// Nobody held the lease.
    NoLead,
}

impl fmt::Display for Cause {
    /// As a reason of lost time: a guard by its id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Working => f.write_str("working"),
            Self::Throttled(guard) | Self::Stalled(guard) => guard.fmt(f),
            Self::Pace => f.write_str("pace"),
            Self::Paused => f.write_str("pause"),
            Self::Held => f.write_str("hold"),
            Self::Retries => f.write_str("retries"),
            Self::NoJournal => f.write_str("no journal"),
            Self::NoLead => f.write_str("no lead"),
        }
    }
}

/// What the ETA was at some point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// How much of the copy was done.
    pub percent: Percent,
    /// When.
    pub at: Timestamp,
    /// Time left, at best.
    pub low: Duration,
    /// Time left, at worst.
    pub high: Duration,
}

/// What an ETA promised, and what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Score {
    /// How much of the copy was done.
    pub percent: Percent,
    /// Time left, at best, in milliseconds.
    pub low_ms: u64,
    /// Time left, at worst.
    pub high_ms: u64,
    /// The truth.
    pub took_ms: u64,
}

/// How a backfill has gone so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    /// When the step was first started.
    pub began: Timestamp,
    /// When it was done.
    pub ended: Option<Timestamp>,
    /// What its ETA was, oldest first.
    pub told: Vec<Told>,
    /// Accounted for up to here.
    pub until: Timestamp,
    /// Where the time went; adds up to [`Self::whole`].
    pub spent: BTreeMap<Cause, Duration>,
}

impl Course {
    fn starting(at: Timestamp) -> Self {
        Self {
            began: at,
            ended: None,
            told: Vec::new(),
            until: at,
            spent: BTreeMap::new(),
        }
    }

    /// From the step's start to its end, or to the moment it is asked for.
    pub fn whole(&self) -> Duration {
        between(self.began, self.until)
    }

    /// Time not worked, by the words of its cause, most first.
    pub fn lost(&self) -> Vec<(String, Duration)> {
        let mut lost: BTreeMap<String, Duration> = BTreeMap::new();
        for (cause, time) in &self.spent {
            if *cause != Cause::Working {
                *lost.entry(cause.to_string()).or_default() += *time;
            }
        }
        let mut lost: Vec<_> = lost.into_iter().collect();
        lost.sort_by_key(|(_, time)| std::cmp::Reverse(*time));
        lost
    }

    /// What the ETAs were worth, once it has ended at that time.
    pub fn scores(&self, ended: Timestamp) -> Vec<Score> {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let score = |told: &Told| Score {
            percent: told.percent,
            low_ms: ms(told.low),
            high_ms: ms(told.high),
            took_ms: ms(between(told.at, ended)),
        };
        self.told.iter().map(score).collect()
    }

    /// Takes the time up to `now` in: `gap` of it, the latest, to its own cause,
    /// the rest to what the run said.
    fn pass(&mut self, slowed: &(Cause, Percent), gap: Option<&(Cause, Duration)>, now: Timestamp) {
        let mut rest = between(self.until, now);
        self.until = self.until.max(now);
        let (cause, taken) = slowed;
        // Nobody would have worked under a hold or a pause anyway.
        let stopped = matches!(cause, Cause::Held | Cause::Paused);
        if let Some((absence, lasted)) = gap.filter(|_| !stopped) {
            let lasted = rest.min(*lasted);
            self.add(absence, lasted);
            rest -= lasted;
        }
        let lost = rest * u32::from(taken.0.min(100)) / 100;
        self.add(cause, lost);
        self.add(&Cause::Working, rest - lost);
    }

    fn add(&mut self, cause: &Cause, time: Duration) {
        if !time.is_zero() {
            *self.spent.entry(cause.clone()).or_default() += time;
        }
    }
}

impl Run {
    /// How a backfill has gone up to now, by the journal's clock.
    pub fn course(&self, task: &Task, now: Timestamp) -> Option<Course> {
        let mut course = self.courses.get(task)?.clone();
        if course.ended.is_none() {
            course.pass(&slowed(self, task), None, now);
        }
        Some(course)
    }
}

/// Every course with the time up to an event, as the run was until then.
pub(super) fn credited(run: &Run, event: &Event) -> BTreeMap<Task, Course> {
    let gap = gap(&event.kind);
    let mut courses = run.courses.clone();
    for (task, course) in &mut courses {
        if course.ended.is_none() {
            course.pass(&slowed(run, task), gap.as_ref(), event.at);
        }
    }
    courses
}

/// What an event itself says of the courses; after it has changed the run.
pub(super) fn follow(run: &mut Run, event: &Event) {
    match &event.kind {
        EventKind::StepStarted { task, .. } if is_backfill(run, task) => {
            let courses = run.courses.entry(task.clone());
            let course = courses.or_insert_with(|| Course::starting(event.at));
            if course.ended.is_some() {
                *course = Course::starting(event.at);
            }
        }
        EventKind::StepSucceeded { task, .. } => {
            if let Some(course) = run.courses.get_mut(task) {
                course.ended = Some(event.at);
            }
        }
        EventKind::EtaTold {
            task,
            percent,
            low_ms,
            high_ms,
        } => {
            if let Some(course) = run.courses.get_mut(task) {
                course.told.push(Told {
                    percent: *percent,
                    at: event.at,
                    low: Duration::from_millis(*low_ms),
                    high: Duration::from_millis(*high_ms),
                });
            }
        }
        EventKind::PhaseRolledBack { .. } => {
            let tasks = &run.tasks;
            run.courses.retain(|task, _| tasks.contains_key(task));
        }
        _ => {}
    }
}

/// What slows a backfill most, and how much it takes.
fn slowed(run: &Run, task: &Task) -> (Cause, Percent) {
    let stands = run.record(task).map(|record| &record.state);
    if run.hold.is_some() || (run.rollback.is_some() && !run.is_way_back(task)) {
        return (Cause::Held, Percent::FULL);
    }
    if stands != Some(&TaskState::Running) {
        return (Cause::Retries, Percent::FULL);
    }
    if run.pause.is_some() {
        return (Cause::Paused, Percent::FULL);
    }
    let (left, ceiling) = (run.pace.pace, run.ceiling);
    let taken = Percent(100 - left.min(ceiling).0.min(100));
    let cause = match &run.pace.by {
        Some(guard) if left == Percent::ZERO => Cause::Stalled(guard.clone()),
        Some(guard) if left <= ceiling => Cause::Throttled(guard.clone()),
        _ => Cause::Pace,
    };
    (cause, taken)
}

/// An absence that ends with an event, and how long it was.
fn gap(kind: &EventKind) -> Option<(Cause, Duration)> {
    let (cause, ms) = match kind {
        EventKind::LeadTaken { unled_ms, .. } => (Cause::NoLead, unled_ms),
        EventKind::LinkRestored { outage_ms, .. } => (Cause::NoJournal, outage_ms),
        _ => return None,
    };
    Some((cause, Duration::from_millis(*ms)))
}

fn is_backfill(run: &Run, task: &Task) -> bool {
    let action = run
        .plan
        .step(&task.step)
        .and_then(|place| match task.direction {
            Direction::Forward => Some(place.step.action()),
            Direction::Back => place.step.reversal().undo(),
        });
    matches!(action, Some(Action::Backfill(_)))
}

/// Zero where a clock went back.
fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or(Duration::ZERO)
}
