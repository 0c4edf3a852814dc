//! The store room: journal, lease, requests and schema, against a server.

mod intents;
mod journal;
mod lease;
mod migrate;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use pgcutover::pg::session::{Purpose, Session};
use pgcutover::plan::{Body, Observed, Plan};
use pgcutover::run::event::{Actor, EventKind};
use pgcutover::runbook::{ConnectionId, Cutover, Ddl, OnDisconnect};
use pgcutover::store::journal::{Journal, Resumed};
use pgcutover::store::lease::{Claim, EXPIRY, Lease, Right, TakeError, take};
use pgcutover::store::local::LocalLog;
use pgcutover::store::migrate::install;
use pgcutover::store::runs::{CreateError, NewRun, create};
use tokio_postgres::Client;

use crate::support::{self, Database};
use crate::targets::session;

/// How long something may take that has to happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A database with the schema.
async fn installed() -> Database {
    let database = support::database().await;
    install(&mut lead(&database.dsn).await).await.unwrap();
    database
}

/// Where the database is for another login.
fn as_login(database: &Database, login: &str) -> String {
    let (before, _superuser) = database.dsn.rsplit_once("user=").unwrap();
    format!("{before}user={login}")
}

async fn lead(dsn: &str) -> Session {
    session(dsn, Purpose::Lead).await
}

/// A plan of nothing, for that cutover.
fn plan(cutover: &str) -> Arc<Plan> {
    Arc::new(Plan {
        body: Body {
            format: 1,
            runbook_hash: String::new(),
            cutover: Cutover {
                id: cutover.into(),
                title: "a title".into(),
                summary: String::new(),
                environment: "test".into(),
                channel: None,
                on_disconnect: OnDisconnect::GoOn,
            },
            connections: Vec::new(),
            journal: ConnectionId::new("main"),
            roles: Vec::new(),
            window: None,
            ddl: Ddl::default(),
            guards: Vec::new(),
            phases: Vec::new(),
        },
        observed: Observed {
            at: Timestamp::UNIX_EPOCH,
            servers: Default::default(),
            tables: Default::default(),
            costs: Default::default(),
            notices: Vec::new(),
        },
    })
}

async fn begin(session: &mut Session, plan: &Arc<Plan>) -> Result<Lease, CreateError> {
    let new = NewRun {
        plan,
        host: "here",
        tool: "test",
    };
    create(session, &new).await
}

/// A run under way and its lead, in a database of its own.
struct Scene {
    database: Database,
    journal: Journal,
    resumed: Resumed,
    /// Where the local log is.
    state: tempfile::TempDir,
}

async fn scene() -> Scene {
    scene_in(installed().await).await
}

async fn scene_in(database: Database) -> Scene {
    let mut session = lead(&database.dsn).await;
    let lease = begin(&mut session, &plan("one")).await.unwrap();
    let state = tempfile::tempdir().unwrap();
    let log = LocalLog::open(state.path(), &lease.run).unwrap();
    let (journal, resumed) = Journal::open(session, lease, log).await.unwrap();
    Scene {
        database,
        journal,
        resumed,
        state,
    }
}

/// A journal under the same lease, from another terminal of that lead.
async fn second(scene: &Scene) -> (Journal, tempfile::TempDir) {
    let lease = scene.journal.lease().clone();
    let state = tempfile::tempdir().unwrap();
    let log = LocalLog::open(state.path(), &lease.run).unwrap();
    let session = lead(&scene.database.dsn).await;
    let (journal, _) = Journal::open(session, lease, log).await.unwrap();
    (journal, state)
}

async fn claim(
    session: &mut Session,
    lease: &Lease,
    reason: Option<&str>,
) -> Result<Lease, TakeError> {
    let claim = Claim {
        run: &lease.run,
        host: "there",
        expiry: EXPIRY,
        right: reason.map_or(Right::Patience, Right::Reason),
    };
    Ok(take(session, &claim).await?.lease)
}

fn held(reason: &str) -> EventKind {
    EventKind::Held {
        by: Actor::Engine,
        reason: reason.into(),
    }
}

/// Asks until the answer is yes.
async fn becomes_true(client: &Client, question: &str) {
    let deadline = Instant::now() + PATIENCE;
    while !client
        .query_one(question, &[])
        .await
        .unwrap()
        .get::<_, bool>(0)
    {
        assert!(Instant::now() < deadline, "never true: {question}");
        tokio::task::yield_now().await;
    }
}

/// Whether that backend waits for another one, as a question.
fn is_blocked(pid: i32) -> String {
    format!("SELECT pg_blocking_pids({pid}) <> '{{}}'")
}

/// Whether that backend is gone, as a question.
fn is_gone(pid: i32) -> String {
    format!("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = {pid})")
}
