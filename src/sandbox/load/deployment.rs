//! Owns which generations of the load run, as the flags say; never sets a flag,
//! an external command does.
//!
//! It stands in for a deployment tool: `flagctl deploy new_app on` writes the
//! file `new_app`, the deployment starts the clients and writes
//! `new_app.running`, which is what the command waits for.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::super::error::Error;
use super::crew::Crew;
use super::flag::AppFlag;
use super::{Check, Load, LoadOptions, Meter, Snapshot, check};

/// Time between two looks at a flag.
const POLL: Duration = Duration::from_millis(50);

/// A load whose generations start and retire by the files `old_app` and
/// `new_app` in its flags' directory, `on` or `off`; without a file the old one
/// runs and the new one does not. What runs is written to `old_app.running` and
/// `new_app.running`: `on` once all its clients have connected, `off` once all
/// have disconnected. A flag that cannot be understood changes nothing and is an
/// error in the figures, once.
///
/// Dropping it ends the clients in the middle of what they do, and leaves the
/// files as they are.
#[derive(Debug)]
pub struct Deployment {
    dsn: String,
    meter: Meter,
    /// A task for each generation: one that waits for a lock keeps nobody else.
    followers: JoinSet<Crew>,
    stop: watch::Sender<bool>,
}

impl Deployment {
    /// Follows the flags from now on. Wants a tokio runtime.
    pub fn start(options: LoadOptions) -> Self {
        let flags = options.flags.clone();
        let load = Load::new(options);
        let meter = load.meter();
        let stop = watch::channel(false).0;
        let mut followers = JoinSet::new();
        for (crew, name, default) in [(load.old, "old_app", true), (load.new, "new_app", false)] {
            let flag = AppFlag::in_directory(&flags, name, default);
            followers.spawn(Follower::new(crew, flag).follow(stop.subscribe()));
        }
        Self {
            dsn: load.dsn,
            meter,
            followers,
            stop,
        }
    }

    /// Reads the figures, from any task, while the clients work.
    pub fn meter(&self) -> Meter {
        self.meter.clone()
    }

    /// All clients finish their operation and disconnect, whatever the flags
    /// say; then what they remember is compared with the database.
    ///
    /// # Errors
    /// [`Error::Sql`] when the database cannot be read.
    pub async fn stop(self) -> Result<(Snapshot, Check), Error> {
        self.stop.send_replace(true);
        let crews = self.followers.join_all().await;
        let memories: Vec<_> = crews.iter().flat_map(Crew::memories).collect();
        let check = check::compare(&self.dsn, &memories).await?;
        Ok((self.meter.snapshot(), check))
    }
}

/// One generation and its flag.
#[derive(Debug)]
struct Follower {
    crew: Crew,
    flag: AppFlag,
    /// What the file says that we wrote.
    announced: Option<bool>,
    /// The last trouble, which is counted when it begins.
    trouble: Option<String>,
}

impl Follower {
    /// At once says that nothing runs: the file may be a former process's.
    fn new(crew: Crew, flag: AppFlag) -> Self {
        let mut follower = Self {
            crew,
            flag,
            announced: None,
            trouble: None,
        };
        let said = follower.announce(false);
        follower.note(said);
        follower
    }

    /// Until it is told to stop; gives the crew at rest.
    async fn follow(mut self, mut stop: watch::Receiver<bool>) -> Crew {
        let mut poll = tokio::time::interval(POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                _ = poll.tick() => {}
            }
            let obeyed = self.obey().await;
            self.note(obeyed);
        }
        self.crew.retire().await;
        let said = self.announce(false);
        self.note(said);
        self.crew
    }

    /// Does what the flag says, and announces it once it is so.
    async fn obey(&mut self) -> Result<(), String> {
        let wanted = self.flag.wanted()?;
        if wanted {
            self.crew.start();
        } else {
            self.crew.retire().await;
        }
        // With nobody at work everybody at work is connected.
        if self.crew.is_connected() {
            self.announce(wanted)?;
        }
        Ok(())
    }

    fn announce(&mut self, runs: bool) -> Result<(), String> {
        if self.announced != Some(runs) {
            self.flag.announce(runs)?;
            self.announced = Some(runs);
        }
        Ok(())
    }

    fn note(&mut self, outcome: Result<(), String>) {
        let trouble = outcome.err();
        if let Some(words) = trouble.clone().filter(|_| trouble != self.trouble) {
            self.crew.tally().error(words);
        }
        self.trouble = trouble;
    }
}
