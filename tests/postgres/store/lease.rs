//! One lead at a time: a stale one cannot commit, a gone one is in nobody's way.

use std::time::Duration;

use pgcutover::pg::session::{Purpose, Session};
use pgcutover::run::event::{EventKind, Seq};
use pgcutover::run::fault::Trouble;
use pgcutover::sandbox::Stop;
use pgcutover::store::journal::{AppendError, ResumeError};
use pgcutover::store::lease::{
    Claim, Lease, RejoinError, Right, TakeError, attend, beat, copy, rejoin, retake, seen, take,
};
use pgcutover::store::migrate::install;
use tokio_postgres::{Client, Error};

use super::{Scene, begin, claim, held, installed, is_blocked, is_gone, lead, plan, scene};
use crate::support;
use crate::targets::session;

const FENCE: &str = "SELECT pgcutover.fence($1, $2)";

async fn fence(client: &Client, lease: &Lease) -> Result<u64, Error> {
    client.execute(FENCE, &[&lease.run.0, &lease.token]).await
}

async fn client(scene: &Scene) -> Client {
    support::connect(&scene.database.dsn).await
}

/// Ends the lead's sessions, as the end of its process does.
async fn abandon(scene: Scene) -> (support::Database, Lease) {
    let lease = scene.journal.lease().clone();
    let pid = scene.journal.session().backend().pid;
    drop(scene.journal);
    super::becomes_true(&scene.database.client, &is_gone(pid)).await;
    (scene.database, lease)
}

#[tokio::test]
async fn a_lead_that_is_alive_is_in_the_way_and_a_gone_one_is_not() {
    let scene = scene().await;
    let mut other = lead(&scene.database.dsn).await;
    let busy = claim(&mut other, scene.journal.lease(), None).await;
    let Err(TakeError::Busy(there)) = busy else {
        panic!("{busy:?}");
    };
    assert_eq!((there.host.as_str(), there.epoch), ("here", 1));
    let (_database, lease) = abandon(scene).await;
    let taken = claim(&mut other, &lease, None).await.unwrap();
    assert_eq!((taken.epoch, taken.host.as_str()), (2, "there"));
    assert_ne!(taken.token, lease.token);
}

#[tokio::test]
async fn of_many_who_find_a_free_lease_one_gets_it() {
    let (database, lease) = abandon(scene().await).await;
    // Until all of them have found it free, none gets further.
    let head = hold_head(&database).await;
    let mut takers = tokio::task::JoinSet::new();
    let mut pids = Vec::new();
    for _ in 0..6 {
        let (mut session, lease) = (lead(&database.dsn).await, lease.clone());
        pids.push(session.backend().pid);
        takers.spawn(async move {
            let taken = claim(&mut session, &lease, None).await;
            // Kept open: a lease without its session is free.
            (taken, session)
        });
    }
    for pid in pids {
        super::becomes_true(&database.client, &is_blocked(pid)).await;
    }
    head.batch_execute("COMMIT").await.unwrap();
    let outcomes = takers.join_all().await;
    let (leads, others): (Vec<_>, Vec<_>) = outcomes.iter().partition(|(taken, _)| taken.is_ok());
    assert_eq!(leads.len(), 1);
    let busy = |(taken, _): &&(Result<_, _>, _)| matches!(taken, Err(TakeError::Busy(_)));
    assert!(others.iter().all(busy));
}

#[tokio::test]
async fn a_take_over_is_told_in_the_journal_and_ends_the_former_lead() {
    let mut scene = scene().await;
    let pid = scene.journal.session().backend().pid;
    let mut other = lead(&scene.database.dsn).await;
    let reason = Some("ana's laptop sleeps");
    let taken = claim(&mut other, scene.journal.lease(), reason)
        .await
        .unwrap();
    super::becomes_true(&scene.database.client, &is_gone(pid)).await;
    let appended = scene.journal.append(Seq(2), &[held("")], None).await;
    assert!(
        matches!(appended, Err(AppendError::Unknown(_))),
        "{appended:?}"
    );
    let rejoined = scene.journal.rejoin(lead(&scene.database.dsn).await).await;
    assert!(matches!(
        rejoined,
        Err(ResumeError::Lease(RejoinError::Lost))
    ));
    let appended = scene.journal.append(Seq(3), &[held("")], None).await;
    assert!(
        matches!(appended, Err(AppendError::LeaseLost)),
        "{appended:?}"
    );
    let events = scene.journal.catch_up(&Default::default()).await.unwrap();
    assert!(matches!(
        &events[2].kind,
        EventKind::LeadTaken { epoch: 2, reason, .. } if reason.as_deref() == Some("ana's laptop sleeps")
    ));
    assert!(beat(&other, &taken).await.unwrap());
}

#[tokio::test]
async fn a_silent_lead_is_taken_over_without_a_reason() {
    let scene = scene().await;
    let mut other = lead(&scene.database.dsn).await;
    let impatient = Claim {
        run: &scene.journal.lease().run,
        host: "there",
        expiry: Duration::ZERO,
        right: Right::Patience,
    };
    let age = "UPDATE pgcutover.heartbeat SET at = at - interval '1 min'";
    scene.database.client.batch_execute(age).await.unwrap();
    let taken = take(&mut other, &impatient).await.unwrap().lease;
    let now = seen(&other, &taken.run).await.unwrap().unwrap();
    assert_eq!(now.epoch, 2);
    assert!(now.silence < Duration::from_secs(30), "{now:?}");
}

#[tokio::test]
async fn a_former_leads_open_transaction_is_ended_and_leaves_nothing() {
    let scene = scene().await;
    let chunk = client(&scene).await;
    chunk
        .batch_execute("CREATE TABLE t (id int)")
        .await
        .unwrap();
    chunk.batch_execute("BEGIN").await.unwrap();
    fence(&chunk, scene.journal.lease()).await.unwrap();
    chunk
        .batch_execute("INSERT INTO t VALUES (1)")
        .await
        .unwrap();
    let mut other = lead(&scene.database.dsn).await;
    claim(&mut other, scene.journal.lease(), Some("now"))
        .await
        .unwrap();
    assert!(chunk.batch_execute("COMMIT").await.is_err());
    let rows = scene.database.client.query("SELECT FROM t", &[]).await;
    assert_eq!(rows.unwrap().len(), 0);
}

/// As a stopped lead leaves it: a statement outside a transaction goes on, with
/// nobody there who would hear of its end.
#[tokio::test]
async fn a_former_leads_statement_outside_a_transaction_is_over_when_the_lease_is_taken() {
    use pgcutover::pg::step::{Record, Sessions, SqlJob, Stop, run};
    use pgcutover::run::event::Task;
    use pgcutover::runbook::{Ddl, SqlAction, StepId};
    let scene = scene().await;
    let step = session(&scene.database.dsn, Purpose::Step).await;
    let control = session(&scene.database.dsn, Purpose::Control).await;
    let lease = scene.journal.lease();
    let job = SqlJob {
        lease: pgcutover::pg::lease::Lease {
            run: lease.run.clone(),
            token: lease.token.clone(),
        },
        task: Task::forward(StepId::new("s")),
        attempt: 1,
        action: SqlAction {
            statements: vec!["SELECT pg_sleep(600)".to_owned()],
            file: None,
            transaction: false,
            lock_timeout: None,
            statement_timeout: Some(Duration::from_secs(600)),
            expect: None,
        },
        ddl: Ddl::default(),
        record: Record::Journal,
        again: false,
    };
    let sleeps = format!(
        "SELECT count(*) = 1 FROM pg_stat_activity WHERE pid = {} AND query LIKE '%sleep(600)%'",
        step.backend().pid
    );
    let gone = is_gone(step.backend().pid);
    let working = tokio::spawn(async move {
        let sessions = Sessions {
            step: &step,
            control: &control,
        };
        let stop = tokio::sync::watch::Sender::new(Stop::No);
        run(sessions, &job, stop.subscribe(), &|_| {}).await
    });
    super::becomes_true(&scene.database.client, &sleeps).await;
    let mut other = lead(&scene.database.dsn).await;
    claim(&mut other, lease, Some("ana's laptop sleeps"))
        .await
        .unwrap();
    let ended = scene.database.client.query_one(&gone, &[]).await.unwrap();
    assert!(ended.get::<_, bool>(0), "it still runs");
    assert!(working.await.unwrap().is_err());
}

/// A login that owns the schema, and may not end the superuser's sessions.
async fn modest_owner(database: &support::Database) -> (Session, Session) {
    let (name, login) = (&database.name, format!("{}_owner", database.name));
    let make = format!("CREATE ROLE {login} LOGIN; GRANT CREATE ON DATABASE {name} TO {login}");
    database.client.batch_execute(&make).await.unwrap();
    let dsn = super::as_login(database, &login);
    (lead(&dsn).await, lead(&dsn).await)
}

#[tokio::test]
async fn a_take_over_waits_for_a_fenced_transaction_that_it_cannot_end() {
    let database = support::database().await;
    let (mut first, mut second) = modest_owner(&database).await;
    install(&mut first).await.unwrap();
    let lease = begin(&mut first, &plan("one")).await.unwrap();
    let chunk = support::connect(&database.dsn).await;
    chunk
        .batch_execute("CREATE TABLE t (id int)")
        .await
        .unwrap();
    chunk.batch_execute("BEGIN").await.unwrap();
    fence(&chunk, &lease).await.unwrap();
    chunk
        .batch_execute("INSERT INTO t VALUES (1)")
        .await
        .unwrap();
    let pid = second.backend().pid;
    let commit = async {
        super::becomes_true(&database.client, &is_blocked(pid)).await;
        chunk.batch_execute("COMMIT").await.unwrap();
    };
    let (taken, ()) = tokio::join!(claim(&mut second, &lease, Some("now")), commit);
    taken.unwrap();
    // Committed before the take-over was; from now on it cannot.
    let stale = fence(&chunk, &lease).await.unwrap_err();
    assert_eq!(stale.code().unwrap().code(), "PGC01");
    let append = "SELECT FROM pgcutover.append($1, $2, NULL, 'finished', '{}')";
    let stale = chunk.query(append, &[&lease.run.0, &lease.token]).await;
    assert_eq!(stale.unwrap_err().code().unwrap().code(), "PGC01");
}

/// Holds the journal's head until it is committed.
async fn hold_head(database: &support::Database) -> Client {
    let client = support::connect(&database.dsn).await;
    let lock = "BEGIN; SELECT FROM pgcutover.head FOR UPDATE";
    client.batch_execute(lock).await.unwrap();
    client
}

#[tokio::test]
async fn an_append_and_a_take_over_that_meet_do_not_deadlock() {
    let database = support::database().await;
    let (mut first, mut second) = modest_owner(&database).await;
    install(&mut first).await.unwrap();
    let lease = begin(&mut first, &plan("one")).await.unwrap();
    let step = session(&database.dsn, Purpose::Step).await;
    let head = hold_head(&database).await;
    let (step_pid, taker_pid) = (step.backend().pid, second.backend().pid);
    let append = async {
        let append = "SELECT FROM pgcutover.append($1, $2, NULL, 'finished', '{}')";
        let parameters = [&lease.run.0, &lease.token].map(|p| p as _);
        step.client().query(append, &parameters).await.unwrap();
    };
    let take = async {
        super::becomes_true(&database.client, &is_blocked(step_pid)).await;
        claim(&mut second, &lease, Some("now")).await.unwrap();
    };
    let release = async {
        super::becomes_true(&database.client, &is_blocked(step_pid)).await;
        super::becomes_true(&database.client, &is_blocked(taker_pid)).await;
        head.batch_execute("COMMIT").await.unwrap();
    };
    tokio::join!(append, take, release);
}

#[tokio::test]
async fn a_beat_that_meets_a_take_over_tells_that_the_lease_is_lost() {
    let scene = scene().await;
    let lease = scene.journal.lease();
    let beats = session(&scene.database.dsn, Purpose::Control).await;
    let mut other = lead(&scene.database.dsn).await;
    let head = hold_head(&scene.database).await;
    let (beats_pid, taker_pid) = (beats.backend().pid, other.backend().pid);
    let late = async {
        super::becomes_true(&scene.database.client, &is_blocked(taker_pid)).await;
        beat(&beats, lease).await.unwrap()
    };
    let release = async {
        super::becomes_true(&scene.database.client, &is_blocked(beats_pid)).await;
        head.batch_execute("COMMIT").await.unwrap();
    };
    let (taken, alive, ()) = tokio::join!(claim(&mut other, lease, Some("now")), late, release);
    taken.unwrap();
    assert!(!alive);
}

#[tokio::test]
async fn the_heart_beats_beside_open_transactions_and_waiting_appends() {
    let scene = scene().await;
    let lease = scene.journal.lease();
    let beats = session(&scene.database.dsn, Purpose::Control).await;
    let step = client(&scene).await;
    step.batch_execute("BEGIN").await.unwrap();
    let append =
        "SELECT FROM pgcutover.append($1, $2, NULL, 'finished', '{\"kind\":\"finished\"}')";
    step.query(append, &[&lease.run.0, &lease.token])
        .await
        .unwrap();
    let before = seen(&beats, &lease.run).await.unwrap().unwrap();
    let kinds = [held("")];
    let beside = async {
        let pid = scene.journal.session().backend().pid;
        super::becomes_true(&scene.database.client, &is_blocked(pid)).await;
        assert!(beat(&beats, lease).await.unwrap());
        step.batch_execute("COMMIT").await.unwrap();
    };
    let (appended, ()) = tokio::join!(scene.journal.append(Seq(2), &kinds, None), beside);
    assert!(
        matches!(appended, Err(AppendError::HeadMoved)),
        "{appended:?}"
    );
    let after = seen(&beats, &lease.run).await.unwrap().unwrap();
    assert_eq!(before.epoch, after.epoch);
}

#[tokio::test]
async fn a_former_leads_heart_does_not_beat() {
    let scene = scene().await;
    let lease = scene.journal.lease();
    let beats = session(&scene.database.dsn, Purpose::Control).await;
    assert!(beat(&beats, lease).await.unwrap());
    let mut other = lead(&scene.database.dsn).await;
    claim(&mut other, lease, Some("now")).await.unwrap();
    assert!(!beat(&beats, lease).await.unwrap());
}

#[tokio::test]
async fn a_lead_that_lost_one_of_its_sessions_still_leads() {
    let scene = scene().await;
    let lease = scene.journal.lease().clone();
    let beats = session(&scene.database.dsn, Purpose::Control).await;
    attend(&beats, &lease).await.unwrap();
    let pid = scene.journal.session().backend().pid;
    let kill = "SELECT pg_terminate_backend($1)";
    scene.database.client.execute(kill, &[&pid]).await.unwrap();
    super::becomes_true(&scene.database.client, &is_gone(pid)).await;
    let mut other = lead(&scene.database.dsn).await;
    let busy = claim(&mut other, &lease, None).await;
    assert!(matches!(busy, Err(TakeError::Busy(_))), "{busy:?}");
}

#[tokio::test]
async fn coming_back_ends_the_former_session_and_keeps_the_token() {
    let scene = scene().await;
    let lease = scene.journal.lease();
    let former = scene.journal.session().backend().pid;
    let back = lead(&scene.database.dsn).await;
    rejoin(&back, lease).await.unwrap();
    super::becomes_true(&scene.database.client, &is_gone(former)).await;
    fence(back.client(), lease).await.unwrap();
    let now = seen(&scene_observer(&scene).await, &lease.run).await;
    let now = now.unwrap().unwrap();
    assert_eq!((now.epoch, now.attended), (1, true));
}

async fn scene_observer(scene: &Scene) -> Session {
    session(&scene.database.dsn, Purpose::Observer).await
}

#[tokio::test]
async fn a_promoted_standby_is_another_server() {
    let cluster = support::cluster(true);
    let mut first = lead(&cluster.primary().dsn("postgres")).await;
    install(&mut first).await.unwrap();
    let lease = begin(&mut first, &plan("one")).await.unwrap();
    cluster.catch_up().unwrap();
    cluster.primary().stop(Stop::Fast).unwrap();
    cluster.promote().unwrap();
    let mut back = lead(&cluster.standby().unwrap().dsn("postgres")).await;
    let moved = rejoin(&back, &lease).await;
    assert!(
        matches!(&moved, Err(RejoinError::Moved(why)) if why.contains("timeline 2 now, it was on 1")),
        "{moved:?}"
    );
    let anew = retake(&mut back, &lease).await.unwrap();
    assert!(anew.moved.unwrap().contains("timeline 2"));
    assert!(anew.lease.token.starts_with("2-2-"), "{:?}", anew.lease);
    rejoin(&back, &anew.lease).await.unwrap();
    // To whom it comes back too late, it is somebody else's.
    let late = retake(&mut back, &lease).await;
    assert!(matches!(late, Err(TakeError::Busy(_))), "{late:?}");
}

#[tokio::test]
async fn another_server_with_the_same_rows_is_told_from_the_one_that_gave_the_lease() {
    let mut scene = scene().await;
    let lease = scene.journal.lease().clone();
    let restored = "UPDATE pgcutover.lease SET system = '42'";
    scene.database.client.batch_execute(restored).await.unwrap();
    let session = lead(&scene.database.dsn).await;
    let moved = rejoin(&session, &lease).await;
    assert!(
        matches!(&moved, Err(RejoinError::Moved(why)) if why.contains("another server")),
        "{moved:?}"
    );
    // A backup from before the take-over: nobody else's lease.
    let older = "UPDATE pgcutover.lease SET system = NULL, epoch = 0, token = '1-0-x'";
    scene.database.client.batch_execute(older).await.unwrap();
    let rejoined = scene.journal.rejoin(lead(&scene.database.dsn).await).await;
    assert!(
        matches!(&rejoined, Err(ResumeError::Lease(RejoinError::Moved(why))) if why.contains("lost that lead 1 was taken")),
        "{rejoined:?}"
    );
    let (_, moved) = scene.journal.retake().await.unwrap();
    assert!(moved.is_some());
    assert_eq!(scene.journal.lease().epoch, 1);
}

#[tokio::test]
async fn a_copy_fences_another_database_and_never_goes_back() {
    let scene = scene().await;
    let former = scene.journal.lease();
    let elsewhere = installed().await;
    let mut there = lead(&elsewhere.dsn).await;
    copy(&mut there, former).await.unwrap();
    fence(&elsewhere.client, former).await.unwrap();
    let chunk = support::connect(&elsewhere.dsn).await;
    chunk.batch_execute("BEGIN").await.unwrap();
    fence(&chunk, former).await.unwrap();

    let mut other = lead(&scene.database.dsn).await;
    let lease = claim(&mut other, former, Some("now")).await.unwrap();
    copy(&mut there, &lease).await.unwrap();
    copy(&mut there, &lease).await.unwrap();
    assert!(chunk.batch_execute("COMMIT").await.is_err());
    fence(&elsewhere.client, &lease).await.unwrap();
    let stale = fence(&elsewhere.client, former).await.unwrap_err();
    assert_eq!(stale.code().unwrap().code(), "PGC01");
    let back = copy(&mut there, former).await;
    assert!(
        matches!(&back, Err(TakeError::Fault(fault)) if fault.trouble == Trouble::LeaseLost),
        "{back:?}"
    );
}
