//! Verbs from any terminal: an intent through Postgres, and its answer.
//!
//! Owns finding the journal and the run, and waiting for the lead's reply. A
//! hold goes the same way, on a session of its own.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use color_eyre::eyre::{bail, eyre};
use tokio::time::sleep;

use super::Exit;
use super::dispatch::{Way, way};
use super::source::{Surroundings, read};
use crate::cli::{self, Remote, Taken};
use crate::engine::message::{Ask, Reply};
use crate::engine::snapshot::Terminal;
use crate::pg::connect::{Target, resolve};
use crate::pg::session::{Purpose, Session, open};
use crate::run::Run;
use crate::run::again::Again;
use crate::run::event::{Answer, Event, Percent, RunId, Task};
use crate::run::evolve::{evolve, fold};
use crate::run::fault::{Fault, Trouble};
use crate::runbook::{ConnectionSource, GateId, PhaseId, RoleId, StepId};
use crate::store::verify::Head;
use crate::store::{intents, migrate, read as journal, runs};
use crate::text::clean;

/// How long a verb waits for the lead's answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
/// What is said where there is no journal.
const NEVER: &str = "no run has ever been started there\n\
                     hint: `--runbook`, `--url-env` or `--service` names another journal";
/// Time between two looks.
pub(super) const GLANCE: Duration = Duration::from_millis(100);

/// A run somebody leads, seen from here.
pub(super) struct Seen {
    pub(super) session: Session,
    pub(super) run: Run,
    pub(super) events: Vec<Event>,
}

impl Seen {
    /// Reads on from what has been seen.
    ///
    /// # Errors
    /// The way to the journal, or a journal that is not what it was.
    pub(super) async fn refresh(&mut self) -> color_eyre::Result<()> {
        let head = Head {
            seq: self.run.head,
            hash: self.run.head_hash.clone(),
        };
        for event in journal::events(&self.session, &self.run.id, &head).await? {
            evolve(&mut self.run, &event)?;
            self.events.push(event);
        }
        Ok(())
    }
}

/// Finds the journal, the run, and how it stands.
///
/// # Errors
/// No way to the journal, no run there, or more than one.
pub(super) async fn find(remote: &Remote, purpose: Purpose) -> color_eyre::Result<Seen> {
    let session = enter(remote, purpose).await?;
    if migrate::version(&session).await?.is_none() {
        bail!(NEVER);
    }
    let id = match &remote.run {
        Some(id) => RunId(id.clone()),
        None => only_run(&session).await?,
    };
    see(session, &id).await
}

/// How a run stands, by a session on its journal's database.
///
/// # Errors
/// No such run there, or a journal that cannot be followed.
pub(super) async fn see(session: Session, id: &RunId) -> color_eyre::Result<Seen> {
    let events = journal::events(&session, id, &Head::default()).await?;
    let run = fold(&events)?.ok_or_else(|| eyre!("there is no run `{}` here", clean(&id.0)))?;
    Ok(Seen {
        session,
        run,
        events,
    })
}

/// A session on the journal's database.
async fn enter(remote: &Remote, purpose: Purpose) -> color_eyre::Result<Session> {
    Ok(open(&address(remote)?, purpose).await?)
}

/// Where the journal's database is.
///
/// # Errors
/// An address that is missing or cannot be read.
pub(super) fn address(remote: &Remote) -> color_eyre::Result<Target> {
    let source = journal_of(remote)?;
    Ok(resolve(&source, &Surroundings::of_the_process())?)
}

fn journal_of(remote: &Remote) -> color_eyre::Result<ConnectionSource> {
    if let Some(variable) = &remote.url_env {
        return Ok(ConnectionSource::UrlEnv(variable.clone()));
    }
    if let Some(service) = &remote.service {
        return Ok(ConnectionSource::Service(service.clone()));
    }
    let Some(path) = &remote.runbook else {
        return Ok(ConnectionSource::Environment);
    };
    let loaded = read(&cli::Source {
        runbook: PathBuf::clone(path),
        environment: remote.environment.clone(),
    })?;
    let Some(runbook) = loaded.runbook else {
        bail!(
            "`{}` has faults\nhint: `pgcutover check` names them",
            path.display()
        );
    };
    let mut connections = runbook.connections.into_iter();
    let journal = connections.find(|connection| connection.id == runbook.journal);
    journal
        .map(|connection| connection.source)
        .ok_or_else(|| eyre!("the runbook has no connection for its journal"))
}

/// The run under way; the newest one where none is.
async fn only_run(session: &Session) -> color_eyre::Result<RunId> {
    let all = runs::list(session).await?;
    let open: Vec<_> = all.iter().filter(|run| run.ended.is_none()).collect();
    match (open.as_slice(), all.first()) {
        ([run], _) => Ok(run.run.clone()),
        ([], Some(newest)) => Ok(newest.run.clone()),
        ([], None) => bail!("no run has ever been started here"),
        (several, _) => {
            let ids: Vec<_> = several
                .iter()
                .map(|run| format!("{} ({})", run.run, run.cutover))
                .collect();
            bail!(
                "several runs are under way: {}\nhint: `--run ID` names one",
                ids.join(", ")
            )
        }
    }
}

/// Asks, and waits for the answer.
///
/// # Errors
/// The way to the journal; no answer in time.
pub(super) async fn ask(remote: &Remote, ask: Ask) -> color_eyre::Result<Exit> {
    let (session, id) = match (way(Terminal::Operator, &ask), &ask) {
        (Way::Hold, Ask::Hold { reason }) => hold(remote, reason).await?,
        _ => request_having_seen(remote, &ask).await?,
    };
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if let Some(reply) = intents::reply_of(&session, id).await? {
            return answer(&ask, serde_json::from_value(reply)?);
        }
        sleep(GLANCE).await;
    }
    writeln!(
        io::stderr(),
        "{}: recorded; no lead has answered within {} s\nhint: `pgcutover status` shows who leads",
        ask.verb(),
        PATIENCE.as_secs()
    )?;
    Ok(Exit::Error)
}

/// Holds without a look at the journal: whoever may do nothing else may hold.
async fn hold(remote: &Remote, reason: &str) -> color_eyre::Result<(Session, i64)> {
    let session = enter(remote, Purpose::Hold).await?;
    match intents::hold(&session, reason, remote.run.as_deref()).await {
        Ok(id) => Ok((session, id)),
        Err(fault) if fault.trouble == Trouble::Changed => bail!(NEVER),
        Err(fault) => bail!(hinted(&fault)),
    }
}

/// A request that rests on how the run stands now.
async fn request_having_seen(remote: &Remote, ask: &Ask) -> color_eyre::Result<(Session, i64)> {
    let Seen { session, run, .. } = find(remote, Purpose::Intent).await?;
    let saw = Head {
        seq: run.material,
        hash: run.head_hash.clone(),
    };
    let json = serde_json::to_value(ask)?;
    match intents::request(&session, &run.id, &json, Some(&saw)).await {
        Ok(id) => Ok((session, id)),
        Err(fault) => bail!(hinted(&fault)),
    }
}

/// A fault with its way out.
pub(super) fn hinted(fault: &Fault) -> String {
    let hint = fault.hint.as_ref();
    let hint = hint.map_or(String::new(), |hint| format!("\nhint: {hint}"));
    format!("{fault}{hint}")
}

fn answer(ask: &Ask, reply: Reply) -> color_eyre::Result<Exit> {
    match reply {
        Reply::Accepted | Reply::NotYetRecorded => {
            writeln!(io::stdout(), "{}: accepted", ask.verb())?;
            Ok(Exit::Fine)
        }
        Reply::Refused(why) => {
            writeln!(io::stderr(), "{}: refused: {}", ask.verb(), clean(&why))?;
            Ok(Exit::Error)
        }
        Reply::Unanswered(what) => {
            writeln!(io::stderr(), "{}: {}", ask.verb(), clean(&what))?;
            Ok(Exit::Error)
        }
    }
}

/// What a request asks, and where it goes.
pub(super) fn request(request: &cli::Request) -> (&Remote, Ask) {
    use cli::Request as Verb;
    match request {
        Verb::Hold(hold) => {
            let reason = hold.reason.clone();
            (&hold.remote, Ask::Hold { reason })
        }
        Verb::Release(remote) => (remote, Ask::Release),
        Verb::Pause(remote) => (remote, Ask::Pause),
        Verb::Resume(remote) => (remote, Ask::Resume),
        Verb::Pace(pace) => {
            let ask = Ask::Pace {
                pace: Percent(pace.percent),
            };
            (&pace.remote, ask)
        }
        Verb::Workers(workers) => {
            let ask = Ask::Workers {
                workers: workers.count,
            };
            (&workers.remote, ask)
        }
        Verb::Advance(advance) => {
            let into = PhaseId::new(&advance.phase);
            (&advance.remote, Ask::Advance { into })
        }
        Verb::Sign(sign) => (&sign.remote, signature(sign)),
        Verb::Waive(waive) => {
            let ask = Ask::Waive {
                gate: GateId::new(&waive.gate),
                reason: waive.reason.clone(),
            };
            (&waive.remote, ask)
        }
        Verb::Answer(answer) => {
            let step = StepId::new(&answer.step);
            (&answer.remote, Ask::Answer { step })
        }
        Verb::Rerun(rerun) => (&rerun.remote, again(rerun)),
        Verb::Resolve(resolve) => (&resolve.remote, resolution(resolve)),
        Verb::Rollback(rollback) => {
            let ask = Ask::Rollback {
                phase: PhaseId::new(&rollback.phase),
                reason: rollback.reason.clone(),
            };
            (&rollback.remote, ask)
        }
        Verb::Consent(consent) => {
            let answer = if consent.no { Answer::NoGo } else { Answer::Go };
            (&consent.remote, Ask::Consent { to: None, answer })
        }
        Verb::Unwind(unwind) => {
            let reason = unwind.reason.clone();
            (&unwind.remote, Ask::Unwind { reason })
        }
    }
}

fn signature(sign: &cli::Sign) -> Ask {
    Ask::Sign {
        gate: GateId::new(&sign.gate),
        seat: sign.seat.as_ref().map(RoleId::new),
        answer: if sign.no_go { Answer::NoGo } else { Answer::Go },
        reason: sign.reason.clone(),
    }
}

fn resolution(resolve: &cli::Resolve) -> Ask {
    let step = StepId::new(&resolve.step);
    Ask::Resolve {
        task: if resolve.undo {
            Task::back(step)
        } else {
            Task::forward(step)
        },
        done: resolve.taken == Taken::Done,
        how: resolve.reason.clone(),
    }
}

fn again(rerun: &cli::Rerun) -> Ask {
    let what = match (&rerun.range, rerun.quarantined) {
        (Some(keys), _) => Again::Range {
            low: keys.low.clone(),
            high: keys.high.clone(),
        },
        (None, true) => Again::Quarantined,
        (None, false) => Again::Whole,
    };
    Ask::Rerun {
        step: StepId::new(&rerun.step),
        what,
    }
}
