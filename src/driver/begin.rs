//! Starts or resumes a run: what is true before the first turn.
//!
//! Owns the order: connect, look, install the schema, take the lease, read the
//! journal, copy the lease to the other databases. A resume is the same way
//! with a plan that is there already.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::heartbeat::Heartbeat;
use super::hold::Latch;
use super::link::Link;
use super::questions::Questions;
use super::tasks::Tasks;
use super::{Asker, Driver, Ended, Handle, Places, publish};
use crate::engine::memory::Memory;
use crate::engine::posture::{self, Standing};
use crate::engine::snapshot;
use crate::pg::session::{OpenError, Purpose, Session, open};
use crate::plan::Plan;
use crate::reading::server::Readings;
use crate::run::Run;
use crate::run::event::{Event, EventKind, RunId};
use crate::run::evolve::fold;
use crate::run::fault::Fault;
use crate::runbook::ConnectionId;
use crate::store::journal::{Journal, ResumeError};
use crate::store::lease::{self, Claim, EXPIRY, Lease, TakeError};
use crate::store::local::{self, LocalLog};
use crate::store::migrate::{self, MigrateError};
use crate::store::read;
use crate::store::runs::{self, CreateError, NewRun};
use crate::store::verify::Head;

/// Inputs that may wait; progress beyond that is lost, everything else waits.
const QUEUE: usize = 1024;

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
    #[error("{0}\nhint: `--take-over REASON` takes the lease from them")]
    Busy(TakeError),
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

/// A run that this process leads, not turning yet.
pub struct Ready {
    places: Arc<Places>,
    journal: Journal,
    run: Run,
    events: Vec<Event>,
    unsaid: Vec<Event>,
    user: String,
    roles: std::collections::BTreeSet<String>,
}

impl Lobby {
    /// Connects to the journal's database; changes nothing.
    ///
    /// # Errors
    /// [`BeginError::Open`].
    pub async fn enter(places: Places, journal: &ConnectionId) -> Result<Self, BeginError> {
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
        migrate::install(&mut self.session).await?;
        let plan = Arc::new(plan);
        let new = NewRun {
            plan: &plan,
            host: &self.places.host,
            tool: env!("CARGO_PKG_VERSION"),
        };
        let lease = runs::create(&mut self.session, &new).await?;
        self.lead(lease).await
    }

    /// Resumes a run, as its lead. `runbook_hash` is of the runbook at hand.
    ///
    /// # Errors
    /// [`BeginError::Busy`] where somebody leads it.
    pub async fn resume(
        mut self,
        run: &RunId,
        runbook_hash: &str,
        take_over: Option<&str>,
    ) -> Result<Ready, BeginError> {
        migrate::install(&mut self.session).await?;
        let host = self.places.host.clone();
        let claim = Claim {
            run,
            host: &host,
            expiry: EXPIRY,
            reason: take_over,
        };
        let taken = lease::take(&mut self.session, &claim).await;
        let lease = taken.map_err(|error| match error {
            TakeError::Busy(_) => BeginError::Busy(error),
            error => BeginError::Take(error),
        })?;
        let ready = self.lead(lease).await?;
        if ready.run.plan.body.runbook_hash != runbook_hash {
            return Err(BeginError::Changed { run: run.clone() });
        }
        Ok(ready)
    }

    /// Reads the journal as its lead, and makes the other databases ready.
    async fn lead(self, lease: Lease) -> Result<Ready, BeginError> {
        let dir = self.places.log_dir.as_deref().ok_or(BeginError::NoHome)?;
        let log = LocalLog::open(dir, &lease.run)?;
        let (user, roles) = who(&self.session).await?;
        let (journal, resumed) = Journal::open(self.session, lease, log).await?;
        let run =
            fold(&resumed.events).map_err(|illegal| BeginError::Broken(illegal.to_string()))?;
        let run = run.ok_or_else(|| BeginError::Broken("it is empty".into()))?;
        copy_lease(&self.places, &run.plan, journal.lease()).await?;
        Ok(Ready {
            places: self.places,
            journal,
            run,
            events: resumed.events,
            unsaid: resumed.unsaid,
            user,
            roles,
        })
    }
}

impl Ready {
    /// The lease that it holds.
    pub fn lease(&self) -> &Lease {
        self.journal.lease()
    }

    /// The run as the journal has it.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Begins to turn. `readings` come from the monitor.
    ///
    /// # Errors
    /// A connection that the plan names and the places do not.
    pub fn start(self, readings: watch::Receiver<Readings>) -> Result<Handle, BeginError> {
        let target = target(&self.places, &self.run.plan.body.journal)?.clone();
        let (outbox, inbox) = mpsc::channel(QUEUE);
        let run = Arc::new(self.run);
        let events = Arc::new(self.events);
        let mut first = publish::blank(Arc::clone(&run), Arc::clone(&events), self.user.clone());
        let standing = Standing {
            link: snapshot::Link::Up,
            led: true,
            latched: false,
        };
        posture::describe(&mut first, &Memory::default(), &standing);
        let (publisher, snapshots) = watch::channel(Arc::new(first));
        let latch = Latch::default();
        let lease = self.journal.lease().clone();
        let driver = Driver {
            questions: Questions::new(&self.places),
            places: self.places,
            user: self.user,
            roles: self.roles,
            run,
            events,
            memory: Memory::default(),
            link: Link::new(target.clone(), self.journal),
            latch: latch.clone(),
            tasks: Tasks::new(latch.clone()),
            _heartbeat: Heartbeat::start(target, lease, outbox.clone()),
            readings,
            inbox,
            outbox: outbox.clone(),
            waiting: VecDeque::new(),
            seen: std::collections::BTreeSet::new(),
            replies: VecDeque::new(),
            leaving: None,
            log_trouble: None,
            publisher,
        };
        let unsaid = self.unsaid;
        let task: JoinHandle<Result<(), Ended>> = tokio::spawn(async move {
            let mut driver = driver;
            driver.admit_loss(&unsaid).await?;
            driver.turn().await
        });
        Ok(Handle {
            snapshots,
            asker: Asker {
                inbox: outbox,
                latch,
            },
            task,
        })
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
async fn who(
    session: &Session,
) -> Result<(String, std::collections::BTreeSet<String>), BeginError> {
    let query = "SELECT session_user::text, pgcutover.roles_of(session_user)::text[]";
    let row = session.client().query_one(query, &[]).await;
    let row = row.map_err(|error| session.describe(&error))?;
    let roles: Vec<String> = row.get(1);
    Ok((row.get(0), roles.into_iter().collect()))
}

/// Lets the lease fence transactions in the plan's other databases too.
async fn copy_lease(places: &Places, plan: &Plan, lease: &Lease) -> Result<(), BeginError> {
    let mut others = BTreeMap::new();
    for phase in plan.phases() {
        for step in phase.steps.iter().chain(phase.rollback.iter().flatten()) {
            let on = &step.step.on;
            if *on != plan.body.journal && step.action().mutates() {
                others.insert(on.clone(), target(places, on)?);
            }
        }
    }
    for target in others.into_values() {
        let mut session = open(target, Purpose::Lead).await?;
        migrate::install(&mut session).await?;
        lease::copy(&mut session, lease)
            .await
            .map_err(BeginError::Take)?;
    }
    Ok(())
}
