//! DDL that meets locks: deadlines, retries with their reason, our request
//! given up when clients queue behind it. Nobody waits for long because of us.

use std::time::{Duration, Instant};

use pgcutover::run::event::{EventKind, Next};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::operator;
use crate::program::Lead;
use crate::stage::{Edit, Stage};

/// For what is neither ours nor Postgres's: two busy cores, a debug build.
const MARGIN: Duration = Duration::from_millis(700);

/// A request that would wait for long.
const PATIENT: [Edit; 2] = [
    ("lock_timeout = \"300ms\"", "lock_timeout = \"1min\""),
    ("deadline = \"3s\"", "deadline = \"1min\""),
];

/// A stage at the boundary of the first phase, whose one step wants ACCESS
/// EXCLUSIVE.
async fn at_the_start(stage: Stage) -> (Stage, Lead) {
    let lead = stage.lead();
    operator::drive_up_to(&stage, "expand").await;
    (stage, lead)
}

/// The reasons of failed tries of `add-column` that are tried again.
async fn retries(stage: &Stage) -> Vec<String> {
    let events = stage.journal().await;
    let failed = events.into_iter().filter_map(|event| match event.kind {
        EventKind::StepFailed {
            task,
            fault,
            next: Next::Retry(_),
        } => {
            assert_eq!(task.to_string(), "add-column");
            Some(fault.to_string())
        }
        _ => None,
    });
    failed.collect()
}

/// Waits for so many of them.
async fn retried(stage: &Stage, times: usize) -> Vec<String> {
    crate::until("retries", async || {
        let reasons = retries(stage).await;
        (reasons.len() >= times).then_some(reasons)
    })
    .await
}

/// A client that reads one row all the time; its longest wait.
struct Probe {
    stop: watch::Sender<bool>,
    task: JoinHandle<Duration>,
}

impl Probe {
    async fn start(stage: &Stage) -> Self {
        let client = stage.connect().await;
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            let mut longest = Duration::ZERO;
            while !*stopped.borrow() {
                let began = Instant::now();
                let read = client.query("SELECT FROM users WHERE id = 1", &[]).await;
                read.unwrap();
                longest = longest.max(began.elapsed());
            }
            longest
        });
        Self { stop, task }
    }

    async fn longest_wait(self) -> Duration {
        self.stop.send_replace(true);
        self.task.await.unwrap()
    }
}

/// Tries against a transaction that has read the table, which lets readers by
/// until we queue; then the way is free.
async fn against_a_reader(edits: &[Edit]) -> (Vec<String>, Duration) {
    let (stage, lead) = at_the_start(Stage::without_clients(500, edits).await).await;
    let mut blocker = stage.connect().await;
    let reading = blocker.transaction().await.unwrap();
    let read = reading.batch_execute("SELECT FROM users LIMIT 1").await;
    read.unwrap();
    let probe = Probe::start(&stage).await;
    stage.accepted("advance expand").await;
    let reasons = retried(&stage, 3).await;
    let longest = probe.longest_wait().await;
    drop(reading);
    operator::drive_up_to(&stage, "dual-write").await;
    lead.kill().await;
    (reasons, longest)
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_longer_than_the_lock_timeout_behind_us() {
    let (reasons, longest) = against_a_reader(&[]).await;
    assert!(
        reasons.iter().all(|why| why.contains("lock timeout")),
        "{reasons:?}"
    );
    assert!(
        longest >= Duration::from_millis(250),
        "{longest:?}: none waited"
    );
    assert!(longest < Duration::from_millis(300) + MARGIN, "{longest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_longer_than_the_deadline_behind_us() {
    let edits = [
        ("lock_timeout = \"300ms\"", "lock_timeout = \"1min\""),
        ("deadline = \"3s\"", "deadline = \"1s\""),
    ];
    let (reasons, longest) = against_a_reader(&edits).await;
    assert!(
        reasons.iter().all(|why| why.contains("deadline")),
        "{reasons:?}"
    );
    assert!(
        longest >= Duration::from_millis(900),
        "{longest:?}: none waited"
    );
    assert!(longest < Duration::from_secs(1) + MARGIN, "{longest:?}");
}

/// With clients at work, and that lock held by another session: tries, lets go
/// of it, and succeeds. The reasons of the failed tries, and a client's longest
/// wait.
async fn against_a_lock(mode: &str, edits: &[Edit]) -> (Vec<String>, Duration) {
    let (mut stage, lead) = at_the_start(Stage::set(500, edits).await).await;
    let mut blocker = stage.connect().await;
    let locked = blocker.transaction().await.unwrap();
    let lock = format!("LOCK TABLE users IN {mode} MODE");
    locked.batch_execute(&lock).await.unwrap();
    stage.accepted("advance expand").await;
    let reasons = retried(&stage, 2).await;
    drop(locked);
    operator::drive_up_to(&stage, "dual-write").await;
    lead.kill().await;
    let (figures, check) = stage.close().await;
    assert_eq!((figures.errors(), figures.mismatches()), (0, 0));
    // The new column is there, and empty.
    let differ = (check.lost, check.visits_differ, check.email.differ);
    assert_eq!(differ, (0, 0, 0), "{check:?}");
    (reasons, figures.old.latencies.quantile(1.0).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn our_request_is_given_up_when_clients_queue_behind_it() {
    let edits = [
        PATIENT[0],
        PATIENT[1],
        ("max_waiters = 3", "max_waiters = 2"),
    ];
    let (reasons, longest) = against_a_lock("ACCESS SHARE", &edits).await;
    let given_up = |why: &String| why.contains("sessions queued behind our request");
    assert!(reasons.iter().all(given_up), "{reasons:?}");
    // A look every tenth of a second, once they wait.
    let look = Duration::from_millis(300);
    assert!(longest < look + MARGIN, "{longest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_another_session_locks_is_tried_until_it_is_free() {
    let (reasons, _) = against_a_lock("ACCESS EXCLUSIVE", &[]).await;
    let timed_out = |why: &String| why.contains("lock timeout");
    assert!(reasons.iter().all(timed_out), "{reasons:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_gives_up_a_request_that_only_waits() {
    let stage = Stage::without_clients(500, &PATIENT).await;
    let (stage, lead) = at_the_start(stage).await;
    let mut blocker = stage.connect().await;
    let reading = blocker.transaction().await.unwrap();
    let read = reading.batch_execute("SELECT FROM users LIMIT 1").await;
    read.unwrap();
    stage.accepted("advance expand").await;
    let watcher = stage.connect().await;
    let waits = async || {
        let query = "SELECT count(*) FROM pg_stat_activity
            WHERE application_name = 'pgcutover:step' AND wait_event_type = 'Lock'";
        let row = watcher.query_one(query, &[]).await.unwrap();
        row.get::<_, i64>(0) > 0
    };
    crate::until("our request", async || waits().await.then_some(())).await;
    stage.accepted("hold").await;
    stage
        .status_when("HELD", |status| status.state == "HELD")
        .await;
    assert!(!waits().await, "our request still queues");
    drop(reading);
    stage.accepted("release").await;
    operator::drive_up_to(&stage, "dual-write").await;
    lead.kill().await;
}
