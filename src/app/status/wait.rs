//! `status --wait`: until a run is in a state, or has come to a phase.
//!
//! Owns what is waited for and how a wait ends; survives a journal that is away
//! for a while, since a cutover is waited for over links that drop.

use std::io::{self, Write};
use std::time::Duration;

use color_eyre::eyre::Report;
use tokio::time::{sleep, timeout};

use super::{exit_of, picture, print};
use crate::app::Exit;
use crate::app::remote::{Seen, find};
use crate::cli;
use crate::engine::snapshot::State;
use crate::pg::session::{OpenError, Purpose};
use crate::report::status::Status;
use crate::run::{Outcome, Place, Run};
use crate::runbook::parse_duration;
use crate::text::clean;

/// Time between two looks. A state that passes in less may be missed; a phase
/// is not.
const GLANCE: Duration = Duration::from_millis(250);
/// Time between two tries to reach a journal that is away.
const PAUSE: Duration = Duration::from_secs(1);

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    /// Being in that state.
    State(State),
    /// Being in the phase of that name, or behind it.
    Phase(String),
}

/// How a wait ends.
enum End {
    /// It came.
    Came,
    /// It cannot come any more: the run has ended otherwise.
    Never,
}

/// Waits, shows the picture in the end, and says by the exit code what it was.
pub(super) async fn show(args: &cli::Status, wanted: &str) -> color_eyre::Result<Exit> {
    let limit = args.timeout.as_deref().map(parse_duration).transpose();
    let (wanted, limit) = match (Wanted::parse(wanted), limit) {
        (Ok(wanted), Ok(limit)) => (wanted, limit),
        (Err(why), _) => return usage(&why),
        (_, Err(why)) => return usage(&format!("{why}\nhint: such as 90s, 15m or 2h")),
    };
    let seen = find(&args.remote, Purpose::Observer).await?;
    if let Some(why) = wanted.unknown(&seen.run) {
        return usage(&why);
    }
    let mut watch = Watch {
        args,
        newest: (seen.run.clone(), picture(&seen).await?),
        seen: Some(seen),
    };
    let end = match limit {
        Some(limit) => timeout(limit, watch.until(&wanted)).await,
        None => Ok(watch.until(&wanted).await),
    };
    let (run, status) = &watch.newest;
    print(args, status)?;
    let mut err = io::stderr().lock();
    match end {
        Ok(Ok(End::Came)) => Ok(Exit::Fine),
        Ok(Ok(End::Never)) => {
            writeln!(err, "status: it ended otherwise: no {wanted} any more")?;
            // Finished is no success for whoever waited for something else.
            Ok(match exit_of(run, status) {
                Exit::Fine => Exit::Error,
                exit => exit,
            })
        }
        Ok(Err(error)) => Err(error),
        Err(_) => {
            let limit = args.timeout.as_deref().unwrap_or_default();
            writeln!(err, "status: no {wanted} within {}", clean(limit))?;
            Ok(Exit::Error)
        }
    }
}

fn usage(why: &str) -> color_eyre::Result<Exit> {
    writeln!(io::stderr(), "error: {why}")?;
    Ok(Exit::Usage)
}

/// A look that is repeated.
struct Watch<'a> {
    args: &'a cli::Status,
    /// None while the journal is away.
    seen: Option<Seen>,
    /// What was last seen.
    newest: (Run, Status),
}

impl Watch<'_> {
    async fn until(&mut self, wanted: &Wanted) -> color_eyre::Result<End> {
        loop {
            let (run, status) = &self.newest;
            if wanted.holds(run, status) {
                return Ok(End::Came);
            }
            if run.outcome.is_some() {
                return Ok(End::Never);
            }
            sleep(GLANCE).await;
            self.look().await?;
        }
    }

    /// Looks again. What fails on a session that worked is tried again on
    /// another one; what fails there, only where it may pass.
    async fn look(&mut self) -> color_eyre::Result<()> {
        if let Some(mut seen) = self.seen.take() {
            match again(&mut seen).await {
                Ok(status) => {
                    self.newest = (seen.run.clone(), status);
                    self.seen = Some(seen);
                    return Ok(());
                }
                Err(error) => {
                    let words = format!("status: tries again: {error:#}");
                    writeln!(io::stderr(), "{}", clean(&words))?;
                }
            }
        }
        let mut remote = self.args.remote.clone();
        remote.run = Some(self.newest.0.id.0.clone());
        let seen = match find(&remote, Purpose::Observer).await {
            Ok(seen) => seen,
            Err(error) if may_pass(&error) => {
                sleep(PAUSE).await;
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        match picture(&seen).await {
            Ok(status) => {
                self.newest = (seen.run.clone(), status);
                self.seen = Some(seen);
            }
            // Gone again.
            Err(_) => sleep(PAUSE).await,
        }
        Ok(())
    }
}

async fn again(seen: &mut Seen) -> color_eyre::Result<Status> {
    seen.refresh().await?;
    picture(seen).await
}

fn may_pass(error: &Report) -> bool {
    let opening = error.downcast_ref::<OpenError>();
    opening.is_some_and(OpenError::is_transient)
}

impl Wanted {
    /// `held`, `waiting-for`, `WAITING FOR`, `phase=verify`.
    fn parse(text: &str) -> Result<Self, String> {
        if let Some(phase) = text.strip_prefix("phase=") {
            return Ok(Self::Phase(phase.to_owned()));
        }
        let word = text.replace(['-', '_'], " ").to_uppercase();
        let state = State::ALL.into_iter().find(|state| state.word() == word);
        state.map(Self::State).ok_or_else(|| {
            let all = State::ALL.map(|state| state.word().to_lowercase().replace(' ', "-"));
            format!(
                "`{}` is not a state\nhint: phase=NAME, or one of {}",
                clean(text),
                all.join(", ")
            )
        })
    }

    /// Why it can never come: the plan has no such phase.
    fn unknown(&self, run: &Run) -> Option<String> {
        let Self::Phase(name) = self else {
            return None;
        };
        let phases = run.plan.phases().iter();
        let ids: Vec<_> = phases.map(|phase| phase.id.as_str()).collect();
        (!ids.contains(&name.as_str())).then(|| {
            let ids = ids.join(", ");
            format!("there is no phase `{}`\nhint: one of {ids}", clean(name))
        })
    }

    fn holds(&self, run: &Run, status: &Status) -> bool {
        match self {
            Self::State(state) => status.state == state.word(),
            Self::Phase(name) => {
                let mut phases = run.plan.phases().iter();
                let wanted = phases.position(|phase| phase.id.as_str() == name);
                wanted.is_some_and(|wanted| has_come_to(run, wanted))
            }
        }
    }
}

/// Whether the phase has been entered and is not being taken back.
fn has_come_to(run: &Run, phase: usize) -> bool {
    match (run.outcome, run.place) {
        (Some(Outcome::Finished), _) => true,
        (Some(Outcome::RolledBack), _) => false,
        _ if run.rollback.is_some() => false,
        (None, Place::In(index)) => index >= phase,
        (None, Place::Before(index)) => index > phase,
    }
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::State(state) => f.write_str(state.word()),
            Self::Phase(name) => write!(f, "phase {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_read_as_people_type_them() {
        for state in State::ALL {
            let word = state.word();
            let typed = [word.to_owned(), word.to_lowercase().replace(' ', "-")];
            for text in typed {
                assert_eq!(Wanted::parse(&text), Ok(Wanted::State(state)), "{text}");
            }
        }
        assert_eq!(Wanted::parse("phase=x"), Ok(Wanted::Phase("x".into())));
        let refused = Wanted::parse("hold").unwrap_err();
        assert!(refused.contains("held, soaking"), "{refused}");
    }
}
