//! Owns the list of runs: begins one, finds one; never writes its events
//! beyond the first two.

use std::sync::Arc;

use jiff::Timestamp;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use super::journal::encode;
use super::lease::{Lease, first};
use crate::pg::session::{Backend, Session};
use crate::plan::Plan;
use crate::run::event::{Actor, EventKind, RunId, Seq};
use crate::run::fault::Fault;
use crate::text::clean;

/// A run that has not begun.
#[derive(Debug)]
pub struct NewRun<'a> {
    /// What it will do.
    pub plan: &'a Arc<Plan>,
    /// This machine.
    pub host: &'a str,
    /// This program's version.
    pub tool: &'a str,
}

/// Why a run did not begin.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The cutover has one under way: resume it.
    #[error("run {0} of this cutover is under way")]
    Exists(RunId),
    /// The server refused, or is gone.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// A run in the list; its texts are clean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub run: RunId,
    /// Its cutover's id.
    pub cutover: String,
    /// Its plan's hash.
    pub plan_hash: String,
    /// When it was begun.
    pub created_at: Timestamp,
    /// By which login.
    pub created_by: String,
    /// `finished` or `rolled_back`; `None` while under way.
    pub ended: Option<String>,
    /// Number of its newest event.
    pub head: Seq,
}

/// Begins a run, with this session as its lead: the run, its lease and the
/// events `run_created` and `lead_taken`, all or nothing.
///
/// # Errors
/// [`CreateError`]. After a lost connection the run may exist: look with
/// [`open_run`].
pub async fn create(session: &mut Session, new: &NewRun<'_>) -> Result<Lease, CreateError> {
    let backend = session.backend();
    match attempt(session.client_mut(), backend, new).await {
        Ok(lease) => Ok(lease),
        Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
            match open_run(session, &new.plan.body.cutover.id).await? {
                Some(run) => Err(CreateError::Exists(run)),
                None => Err(session.describe(&error).into()),
            }
        }
        Err(error) => Err(session.describe(&error).into()),
    }
}

async fn attempt(
    client: &mut Client,
    backend: Backend,
    new: &NewRun<'_>,
) -> Result<Lease, tokio_postgres::Error> {
    let run = RunId(Uuid::now_v7().to_string());
    let plan_hash = new.plan.hash();
    let transaction = client.transaction().await?;
    let row = transaction
        .query_one(
            include_str!("sql/run_create.sql"),
            &[
                &run.0,
                &new.plan.body.cutover.id,
                &plan_hash,
                &new.host,
                &backend.pid,
                &backend.started,
            ],
        )
        .await?;
    let lease = Lease::from_row(&row, &run, new.host);
    let by = Actor::Person(lease.holder.clone());
    let created = EventKind::RunCreated {
        run,
        plan: Arc::clone(new.plan),
        plan_hash,
        by: by.clone(),
        tool: new.tool.to_owned(),
    };
    let (kinds, bodies) = encode(&[created, first(&lease)]);
    let none = None::<&str>;
    transaction
        .query(
            include_str!("sql/append.sql"),
            &[&lease.run.0, &lease.token, &0_i64, &kinds, &bodies, &none],
        )
        .await?;
    transaction.commit().await?;
    Ok(lease)
}

/// The run of a cutover that is under way.
///
/// # Errors
/// The server's.
pub async fn open_run(session: &Session, cutover: &str) -> Result<Option<RunId>, Fault> {
    let row = session
        .client()
        .query_opt(include_str!("sql/run_open.sql"), &[&cutover])
        .await
        .map_err(|error| session.describe(&error))?;
    Ok(row.map(|row| RunId(row.get("run_id"))))
}

/// Every run, newest first; at most 1000.
///
/// # Errors
/// The server's.
pub async fn list(session: &Session) -> Result<Vec<Listed>, Fault> {
    let rows = session
        .client()
        .query(include_str!("sql/run_list.sql"), &[])
        .await
        .map_err(|error| session.describe(&error))?;
    let listed = rows.iter().map(|row| {
        let text = |column| clean(row.get::<_, &str>(column)).into_owned();
        Listed {
            run: RunId(text("run_id")),
            cutover: text("cutover"),
            plan_hash: text("plan_hash"),
            created_at: row.get("created_at"),
            created_by: text("created_by"),
            ended: row
                .get::<_, Option<&str>>("ended")
                .map(|ended| clean(ended).into_owned()),
            head: Seq(row.get("head")),
        }
    });
    Ok(listed.collect())
}
