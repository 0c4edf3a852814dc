//! Starts or resumes a run: what is true before the first turn.
//!
//! Owns the order: connect, look, install the schema, compare the runbook, reach
//! the other databases, open the local log; then take the lease, read the
//! journal, copy the lease. A take-over that cannot go on evicts nobody.

mod ready;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::Places;
use crate::engine::lead::may_lead;
use crate::pg::pooler;
use crate::pg::session::{OpenError, Purpose, Session, open};
use crate::plan::Plan;
use crate::run::Run;
use crate::run::event::{Event, EventKind, RunId};
use crate::run::evolve::fold;
use crate::run::fault::Fault;
use crate::runbook::ConnectionId;
use crate::store::journal::{Journal, ResumeError};
use crate::store::lease::{self, Claim, EXPIRY, Lease, Right, TakeError, Taken};
use crate::store::local::{self, LocalLog};
use crate::store::migrate::{self, MigrateError};
use crate::store::read;
use crate::store::runs::{self, CreateError, NewRun};
use crate::store::verify::Head;

pub use ready::Ready;

/// How long any of it may take; a take-over waits for transactions of the
/// former lead, up to 8 s at a time.
const LONGEST: Duration = Duration::from_secs(30);

/// Why there is no run to drive.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// A database cannot be reached.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The schema cannot be installed.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// Somebody leads already.
    #[error("{0}\nhint: `pgcutover take-over` asks them for it; with `--reason` it does not ask")]
    Busy(TakeError),
    /// The runbook lets others lead.
    #[error("{0}")]
    NotPermitted(String),
    /// The lease cannot be taken.
    #[error(transparent)]
    Take(TakeError),
    /// The run cannot be created.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The journal cannot be read.
    #[error(transparent)]
    Resume(#[from] ResumeError),
    /// The local log cannot be kept.
    #[error(transparent)]
    Log(#[from] local::OpenError),
    /// There is no place for the local log.
    #[error("no place for the local log\nhint: set `HOME` or `XDG_STATE_HOME`")]
    NoHome,
    /// The journal says something that this program cannot follow.
    #[error("the journal cannot be followed: {0}")]
    Broken(String),
    /// The runbook has changed since the run was created.
    #[error(
        "run {run} was created from another version of this runbook\n\
         hint: resume it with the runbook it was created from; `pgcutover status` shows where it stands"
    )]
    Changed {
        /// The run.
        run: RunId,
    },
    /// The server refused.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// A session on the journal's database, before anybody leads.
pub struct Lobby {
    session: Session,
    places: Arc<Places>,
}

impl Lobby {
    /// Connects to the journal's database; changes nothing. A pooler in transaction
    /// mode is refused, wherever the plan runs: a lead's sessions are its own.
    ///
    /// # Errors
    /// [`BeginError::Open`].
    pub async fn enter(places: Places, journal: &ConnectionId) -> Result<Self, BeginError> {
        for target in places.targets.values() {
            pooler::refuse(target).await?;
        }
        let target = target(&places, journal)?;
        let session = open(target, Purpose::Lead).await?;
        Ok(Self {
            session,
            places: Arc::new(places),
        })
    }

    /// The run of this cutover that is under way, if there is one.
    ///
    /// # Errors
    /// The server's, or a schema that is not ours.
    pub async fn open_run(&self, cutover: &str) -> Result<Option<RunId>, BeginError> {
        if migrate::version(&self.session).await?.is_none() {
            return Ok(None);
        }
        Ok(runs::open_run(&self.session, cutover).await?)
    }

    /// The cutover's newest run, where it has finished by this very runbook.
    ///
    /// # Errors
    /// The server's, or a journal that cannot be followed.
    pub async fn finished(
        &self,
        cutover: &str,
        runbook_hash: &str,
    ) -> Result<Option<RunId>, BeginError> {
        if migrate::version(&self.session).await?.is_none() {
            return Ok(None);
        }
        let runs = runs::list(&self.session).await?;
        let newest = runs.into_iter().find(|run| run.cutover == cutover);
        let Some(newest) = newest.filter(|run| run.ended.as_deref() == Some("finished")) else {
            return Ok(None);
        };
        let events = read::events(&self.session, &newest.run, &Head::default()).await;
        let plan = events
            .map_err(ResumeError::from)?
            .into_iter()
            .find_map(|event| match event.kind {
                EventKind::RunCreated { plan, .. } => Some(plan),
                _ => None,
            });
        let same = plan.is_some_and(|plan| plan.body.runbook_hash == runbook_hash);
        Ok(same.then_some(newest.run))
    }

    /// Creates a run, as its lead.
    ///
    /// # Errors
    /// [`BeginError`]; another terminal may have been faster.
    pub async fn create(mut self, plan: Plan) -> Result<Ready, BeginError> {
        let canceller = self.session.canceller();
        let installed = migrate::install(&mut self.session);
        canceller.within(LONGEST, installed).await?;
        let others = reach_others(&self.places, &plan).await?;
        let plan = Arc::new(plan);
        let new = NewRun {
            plan: &plan,
            host: &self.places.host,
            tool: env!("CARGO_PKG_VERSION"),
        };
        let created = runs::create(&mut self.session, &new);
        let lease = canceller.within(LONGEST, created).await?;
        let log = self.log(&lease.run)?;
        let moved = None;
        self.lead(Taken { lease, moved }, log, others).await
    }

    /// Resumes a run, as its lead. `runbook_hash` is of the runbook at hand, where
    /// there is one: the plan is in the journal.
    /// Whoever leads is evicted last, when nothing else stands in the way.
    ///
    /// # Errors
    /// [`BeginError::Busy`] where somebody leads it.
    pub async fn resume(
        mut self,
        run: &RunId,
        runbook_hash: Option<&str>,
        right: Right<'_>,
    ) -> Result<Ready, BeginError> {
        let canceller = self.session.canceller();
        let installed = migrate::install(&mut self.session);
        canceller.within(LONGEST, installed).await?;
        let host = self.places.host.clone();
        let claim = Claim {
            run,
            host: &host,
            expiry: EXPIRY,
            right,
        };
        let asked = lease::may_take(&self.session, &claim);
        canceller.within(LONGEST, asked).await.map_err(refused)?;
        let start = Head::default();
        let read = read::events(&self.session, run, &start);
        let events = canceller.within(LONGEST, read).await;
        let former = folded(&events.map_err(ResumeError::Read)?)?;
        let asked = who(&self.session);
        let (user, roles) = canceller.within(LONGEST, asked).await?;
        may_lead(&former, &user, &roles).map_err(BeginError::NotPermitted)?;
        if runbook_hash.is_some_and(|hash| former.plan.body.runbook_hash != hash) {
            return Err(BeginError::Changed { run: run.clone() });
        }
        let others = reach_others(&self.places, &former.plan).await?;
        let log = self.log(run)?;
        let taken = lease::take(&mut self.session, &claim);
        let taken = canceller.within(LONGEST, taken).await.map_err(refused)?;
        self.lead(taken, log, others).await
    }

    fn log(&self, run: &RunId) -> Result<LocalLog, BeginError> {
        let dir = self.places.log_dir.as_deref().ok_or(BeginError::NoHome)?;
        Ok(LocalLog::open(dir, run)?)
    }

    /// Reads the journal as its lead, and lets the lease fence transactions in
    /// the plan's other databases too.
    async fn lead(
        self,
        taken: Taken,
        log: LocalLog,
        others: Vec<Session>,
    ) -> Result<Ready, BeginError> {
        let asked = who(&self.session);
        let (user, roles) = self.session.canceller().within(LONGEST, asked).await?;
        let (journal, resumed) = Journal::open(self.session, taken.lease, log).await?;
        let run = folded(&resumed.events)?;
        copy_lease(others, journal.lease()).await?;
        Ok(Ready {
            places: self.places,
            journal,
            run,
            events: resumed.events,
            unsaid: resumed.unsaid,
            moved: taken.moved,
            user,
            roles,
        })
    }
}

fn folded(events: &[Event]) -> Result<Run, BeginError> {
    let run = fold(events).map_err(|illegal| BeginError::Broken(illegal.to_string()))?;
    run.ok_or_else(|| BeginError::Broken("it is empty".into()))
}

fn refused(error: TakeError) -> BeginError {
    match error {
        TakeError::Busy(_) => BeginError::Busy(error),
        error => BeginError::Take(error),
    }
}

fn target<'a>(
    places: &'a Places,
    id: &ConnectionId,
) -> Result<&'a crate::pg::connect::Target, BeginError> {
    let target = places.targets.get(id);
    target.ok_or_else(|| BeginError::Broken(format!("connection `{id}` has no address here")))
}

/// Who this login is, and every role that it belongs to.
pub async fn who(session: &Session) -> Result<(String, BTreeSet<String>), BeginError> {
    let query = "SELECT session_user::text, pgcutover.roles_of(session_user)::text[]";
    let row = session.client().query_one(query, &[]).await;
    let row = row.map_err(|error| session.describe(&error))?;
    let roles: Vec<String> = row.get(1);
    Ok((row.get(0), roles.into_iter().collect()))
}

/// Opens the plan's other databases that it changes, ready for the lease's copy.
pub(super) async fn reach_others(places: &Places, plan: &Plan) -> Result<Vec<Session>, BeginError> {
    let mut others = BTreeMap::new();
    for phase in plan.phases() {
        for step in phase.steps.iter().chain(phase.rollback.iter().flatten()) {
            let on = &step.step.on;
            if *on != plan.body.journal && step.action().mutates() {
                others.insert(on.clone(), target(places, on)?);
            }
        }
    }
    let mut sessions = Vec::new();
    for target in others.into_values() {
        let mut session = open(target, Purpose::Lead).await?;
        let canceller = session.canceller();
        let installed = migrate::install(&mut session);
        canceller.within(LONGEST, installed).await?;
        sessions.push(session);
    }
    Ok(sessions)
}

/// Lets the lease fence transactions there.
pub(super) async fn copy_lease(others: Vec<Session>, lease: &Lease) -> Result<(), BeginError> {
    for mut other in others {
        let canceller = other.canceller();
        let copied = lease::copy(&mut other, lease);
        let copied = canceller.within(LONGEST, copied).await;
        copied.map_err(BeginError::Take)?;
    }
    Ok(())
}
