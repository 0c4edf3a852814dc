//! Owns the one loop that asks the server: when, in which order, and what
//! becomes of an answer that does not come. Never two polls in flight.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::Config;
use super::heartbeat::{self, Heartbeats};
use super::link::{Link, Missed};
use super::replication::{self, Tracker};
use super::signals::{self, WalRate};
use super::wanted::{self, Wanted, due};
use crate::clock;
use crate::reading::server::{Readings, Replica};
use crate::reading::{Absence, Reading};

/// The first tier: write-ahead log, replication, locks.
const TICK: Duration = Duration::from_secs(1);
/// Ticks of the second tier: activity.
const SECOND_TIER: u64 = 5;
/// Ticks of the third tier: what the server is.
const THIRD_TIER: u64 = 60;
/// Between attempts to connect, doubled each time up to the second.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// What the loop keeps between two polls.
pub(super) struct Poller {
    config: Config,
    heartbeats: Option<Heartbeats>,
    readings: Readings,
    published: watch::Sender<Readings>,
    wal: WalRate,
    standbys: Tracker,
    wanted: Wanted,
}

impl Poller {
    pub(super) fn new(mut config: Config, published: watch::Sender<Readings>) -> Self {
        let reachable = std::mem::take(&mut config.heartbeats);
        let heartbeats = config
            .run
            .as_ref()
            .map(|run| Heartbeats::follow(run, reachable));
        Self {
            wanted: Wanted::by(&config.guards, TICK),
            config,
            heartbeats,
            readings: Readings::default(),
            published,
            wal: WalRate::default(),
            standbys: Tracker::default(),
        }
    }

    /// Connects, polls until the link is lost, and again; ends when dropped.
    pub(super) async fn run(mut self) {
        let mut backoff = BACKOFF.0;
        loop {
            match Link::open(&self.config.target).await {
                Ok(link) => {
                    backoff = BACKOFF.0;
                    let why = self.follow(link).await;
                    self.unreachable(&why);
                }
                Err(why) => self.unreachable(&why),
            }
            sleep(backoff).await;
            backoff = (backoff * 2).min(BACKOFF.1);
        }
    }

    /// Polls until the link is lost; why it was.
    async fn follow(&mut self, mut link: Link) -> String {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for tick in 0.. {
            ticks.tick().await;
            if let Err(why) = self.poll(&mut link, tick).await {
                return why;
            }
            self.publish();
        }
        unreachable!("the ticks do not end")
    }

    async fn poll(&mut self, link: &mut Link, tick: u64) -> Result<(), String> {
        if tick.is_multiple_of(THIRD_TIER) {
            put(&mut self.readings.server, signals::server(link).await)?;
        }
        let position = signals::wal_position(link).await;
        let now = clock::now();
        if let Ok(position) = position {
            self.standbys.primary_at(position, now);
        }
        let rate = position.and_then(|position| self.wal.next(position, now));
        put(&mut self.readings.wal_rate, rate)?;
        let replication = self.replication(link).await;
        put(&mut self.readings.replication, replication)?;
        put(&mut self.readings.locks, signals::locks(link).await)?;
        if tick.is_multiple_of(SECOND_TIER) || due(self.wanted.activity, tick) {
            put(&mut self.readings.activity, signals::activity(link).await)?;
        }
        self.poll_wanted(link, tick).await
    }

    /// What guards ask for beyond what the screen shows.
    async fn poll_wanted(&mut self, link: &mut Link, tick: u64) -> Result<(), String> {
        let Readings {
            archive_queue,
            slots,
            horizon,
            dead_tuples,
            ..
        } = &mut self.readings;
        if due(self.wanted.archive, tick) {
            put(archive_queue, wanted::archive_queue(link).await)?;
        }
        if due(self.wanted.slots, tick) {
            put(slots, wanted::slots(link).await)?;
        }
        if due(self.wanted.horizon, tick) {
            put(horizon, wanted::horizon(link).await)?;
        }
        for (table, every) in &self.wanted.dead_tuples {
            if due(*every, tick) {
                let reading = dead_tuples.entry(table.to_string()).or_default();
                put(reading, wanted::dead_tuples(link, table).await)?;
            }
        }
        Ok(())
    }

    async fn replication(&mut self, link: &mut Link) -> Result<Vec<Replica>, Missed> {
        let samples = replication::samples(link).await?;
        let now = clock::now();
        let mut replicas = self.standbys.replicas(&samples, &self.config.expected, now);
        if let (Some(heartbeats), Some(run)) = (&self.heartbeats, &self.config.run) {
            match heartbeat::beat(link, run).await {
                Ok(beat) => heartbeats.primary_has(beat),
                // No schema yet, or no privilege: the heartbeat stays unknown.
                Err(Missed::Absent(_)) => {}
                Err(lost) => return Err(lost),
            }
            heartbeats.fill(&mut replicas, now);
        }
        Ok(replicas)
    }

    fn unreachable(&mut self, why: &str) {
        let Readings {
            server,
            replication,
            locks,
            wal_rate,
            activity,
            archive_queue,
            slots,
            horizon,
            dead_tuples,
            // On sessions of their own.
            probes: _,
        } = &mut self.readings;
        let why = || Absence::Unreachable(why.to_owned());
        absent(server, why());
        absent(replication, why());
        absent(locks, why());
        absent(wal_rate, why());
        absent(activity, why());
        absent(archive_queue, why());
        absent(slots, why());
        absent(horizon, why());
        dead_tuples
            .values_mut()
            .for_each(|reading| absent(reading, why()));
        self.publish();
    }

    /// Everything but the guards' own queries, which are published by themselves.
    fn publish(&self) {
        self.published.send_modify(|all| {
            let probes = std::mem::take(&mut all.probes);
            *all = Readings {
                probes,
                ..self.readings.clone()
            };
        });
    }
}

/// Takes a signal's answer; an error is a lost link.
pub(super) fn put<T>(reading: &mut Reading<T>, answer: Result<T, Missed>) -> Result<(), String> {
    match answer {
        Ok(value) => *reading = Reading::measured(value, clock::now()),
        Err(Missed::Absent(why)) => absent(reading, why),
        Err(Missed::Lost(why)) => return Err(why),
    }
    Ok(())
}

/// Since when it is absent stays, whatever the reason becomes.
fn absent<T>(reading: &mut Reading<T>, why: Absence) {
    let since = match reading {
        Reading::Absent {
            since: Some(since), ..
        } => *since,
        _ => clock::now(),
    };
    *reading = Reading::Absent {
        why,
        since: Some(since),
    };
}
