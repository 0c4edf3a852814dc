//! The monitor: what it says of standbys and locks, and that it says so when
//! it does not know.

use std::collections::BTreeMap;
use std::time::Duration;

use pgcutover::monitor::{Config, Monitor};
use pgcutover::pg::session::{Purpose, Session};
use pgcutover::reading::lag::worst_lag;
use pgcutover::reading::server::{Blocking, Readings, Replica, ReplicaState};
use pgcutover::reading::{Absence, Reading};
use pgcutover::run::event::RunId;
use pgcutover::runbook::{Standby, StandbyId};
use pgcutover::sandbox::{Cluster, Stop};
use tokio_postgres::Client;

use crate::support;
use crate::targets::{session, target};

const PATIENCE: Duration = Duration::from_secs(30);

fn config(dsn: &str) -> Config {
    Config {
        target: target(dsn),
        expected: Vec::new(),
        heartbeats: Vec::new(),
        run: None,
        guards: Vec::new(),
        targets: BTreeMap::new(),
    }
}

/// The sandbox's standby by its name; `walreceiver` where it has none.
fn expecting(name: &str) -> Vec<Standby> {
    vec![Standby {
        id: StandbyId::new(name),
        application_name: name.to_owned(),
        source: None,
    }]
}

/// Waits until the readings are such.
async fn until(monitor: &Monitor, wanted: impl Fn(&Readings) -> bool) -> Readings {
    let mut readings = monitor.readings();
    let found =
        tokio::time::timeout(PATIENCE, readings.wait_for(|readings| wanted(readings))).await;
    match found {
        Ok(found) => found.unwrap().clone(),
        Err(_) => panic!("never so: {:#?}", monitor.readings().borrow()),
    }
}

fn replicas(readings: &Readings) -> &[Replica] {
    readings.replication.value().map_or(&[], Vec::as_slice)
}

fn blocking(readings: &Readings, wanted: impl Fn(&Blocking) -> bool) -> bool {
    readings.locks.value().is_some_and(wanted)
}

async fn only_replica(cluster: &Cluster) -> String {
    let client = support::connect(&cluster.primary().dsn("postgres")).await;
    let query = "SELECT application_name FROM pg_stat_replication";
    client.query_one(query, &[]).await.unwrap().get(0)
}

async fn write(client: &Client) {
    client.batch_execute("CREATE TABLE IF NOT EXISTS noise (t text); INSERT INTO noise SELECT repeat('x', 1000) FROM generate_series(1, 100)").await.unwrap();
}

#[tokio::test]
async fn every_signal_of_a_healthy_server_is_measured() {
    let database = support::database().await;
    let monitor = Monitor::start(config(&database.dsn));
    assert_eq!(monitor.readings().borrow().locks, Reading::default());
    let readings = until(&monitor, |r| r.wal_rate.value().is_some()).await;
    let server = readings.server.value().unwrap();
    assert_eq!(server.database, database.name);
    assert!(server.version_num >= 130_000 && !server.in_recovery);
    assert!(server.system_identifier.is_some() && server.timeline == Some(1));
    let activity = readings.activity.value().unwrap();
    assert!(
        activity.total >= 2 && activity.limit >= activity.total,
        "{activity:?}"
    );
    assert_eq!(readings.replication.value().unwrap().len(), 1);
    assert!(readings.locks.value().is_some());
}

#[tokio::test]
async fn an_idle_standby_is_idle_and_a_paused_one_lags_with_growing_bytes() {
    let cluster = support::cluster(true);
    let client = support::connect(&cluster.primary().dsn("postgres")).await;
    let name = only_replica(&cluster).await;
    let mut config = config(&cluster.primary().dsn("postgres"));
    config.expected = expecting(&name);
    let monitor = Monitor::start(config);
    let idle = until(&monitor, |r| {
        replicas(r).iter().any(|r| r.state == ReplicaState::Idle)
    })
    .await;
    assert_eq!(replicas(&idle)[0].replay_lag, None);
    assert_eq!(worst_lag(&idle.replication, &[&name]).value(), Some(&0.0));

    cluster.pause_replay().unwrap();
    let lagging = async |more_than: u64| {
        write(&client).await;
        until(&monitor, |r| {
            replicas(r).iter().any(|r| {
                r.state == ReplicaState::Lagging && r.replay_bytes.is_some_and(|b| b > more_than)
            })
        })
        .await
    };
    let first = lagging(0).await;
    let bytes = replicas(&first)[0].replay_bytes.unwrap();
    let second = lagging(bytes).await;
    let lag = worst_lag(&second.replication, &[&name]);
    assert!(*lag.value().unwrap() >= 1.0, "{lag:?}");
    cluster.resume_replay().unwrap();
    until(&monitor, |r| {
        replicas(r).iter().all(|r| r.replay_bytes == Some(0))
    })
    .await;
}

#[tokio::test]
async fn a_stopped_standby_that_was_expected_is_gone() {
    let cluster = support::cluster(true);
    let name = only_replica(&cluster).await;
    let mut config = config(&cluster.primary().dsn("postgres"));
    config.expected = expecting(&name);
    let monitor = Monitor::start(config);
    until(&monitor, |r| !replicas(r).is_empty()).await;
    cluster.standby().unwrap().stop(Stop::Fast).unwrap();
    let gone = until(&monitor, |r| {
        replicas(r).iter().any(|r| r.state == ReplicaState::Gone)
    })
    .await;
    let lag = worst_lag(&gone.replication, &[&name]);
    assert!(
        matches!(lag, Reading::Absent { why: Absence::Failed(why), .. } if why.contains("GONE"))
    );
}

#[tokio::test]
async fn a_role_that_may_not_see_says_so() {
    let database = support::database().await;
    let role = format!("blind_{}", database.name);
    database
        .client
        .batch_execute(&format!("CREATE ROLE {role} LOGIN"))
        .await
        .unwrap();
    let dsn = database
        .dsn
        .replace("user=postgres", &format!("user={role}"));
    let monitor = Monitor::start(config(&dsn));
    let readings = until(&monitor, |r| r.wal_rate.value().is_some()).await;
    assert_eq!(replicas(&readings)[0].state, ReplicaState::NoPriv);
    let lag = worst_lag(&readings.replication, &[]);
    assert!(
        matches!(
            lag,
            Reading::Absent {
                why: Absence::NoPrivilege,
                ..
            }
        ),
        "{lag:?}"
    );
    let activity = &readings.activity;
    assert!(
        matches!(
            activity,
            Reading::Absent {
                why: Absence::NoPrivilege,
                ..
            }
        ),
        "{activity:?}"
    );
    assert!(readings.server.value().is_some());
}

#[tokio::test]
async fn a_queue_behind_our_waiting_request_is_counted_while_the_table_is_locked() {
    let database = support::database().await;
    database
        .client
        .batch_execute("CREATE TABLE users (id int)")
        .await
        .unwrap();
    let monitor = Monitor::start(config(&database.dsn));
    // Held in ACCESS EXCLUSIVE, which everything of the monitor has to survive.
    let holder = support::connect(&database.dsn).await;
    holder
        .batch_execute("SET application_name = E'evil\\nname'; BEGIN; LOCK TABLE users")
        .await
        .unwrap();
    let step: Session = session(&database.dsn, Purpose::Step).await;
    let mine = |r: &Readings, us: u32| blocking(r, |b| b.queued_behind_our_wait == us);
    let alter = step
        .client()
        .batch_execute("ALTER TABLE users ADD COLUMN one text");
    let watched = async {
        let first = until(&monitor, |r| blocking(r, |b| b.waiting == 1)).await;
        assert_eq!(first.locks.value().unwrap().waiting_on_us, 0);
        let read = database.client.batch_execute("SELECT * FROM users");
        let reader = async {
            let second = until(&monitor, |r| mine(r, 1)).await;
            holder.batch_execute("ROLLBACK").await.unwrap();
            second
        };
        let (read, second) = tokio::join!(read, reader);
        read.unwrap();
        second
    };
    let (altered, readings) = tokio::join!(alter, watched);
    altered.unwrap();
    let locks = readings.locks.value().unwrap();
    assert_eq!((locks.waiting, locks.waiting_on_us), (2, 1));
    assert!(locks.longest_on_us.is_some());
    let root = &locks.roots[0];
    assert!(!root.ours && !root.application.contains('\n'), "{root:?}");
    let us = &root.behind[0];
    assert!(
        us.ours && us.wants.as_deref() == Some("ACCESS EXCLUSIVE on users"),
        "{us:?}"
    );
    assert_eq!(us.session.unwrap().pid, step.backend().pid);
    assert_eq!(
        us.session.unwrap().started_us,
        step.backend().started.as_microsecond()
    );
    assert!(us.behind[0].query.contains("SELECT * FROM users"));
    until(&monitor, |r| blocking(r, |b| *b == Blocking::default())).await;
}

#[tokio::test]
async fn a_prepared_transaction_blocks_without_a_session() {
    let cluster = support::start(false, &[("max_prepared_transactions", "5")]);
    let dsn = cluster.primary().dsn("postgres");
    let client = support::connect(&dsn).await;
    client
        .batch_execute("CREATE TABLE t (id int)")
        .await
        .unwrap();
    client
        .batch_execute("BEGIN; LOCK TABLE t; PREPARE TRANSACTION 'p'")
        .await
        .unwrap();
    let monitor = Monitor::start(config(&dsn));
    let reader = support::connect(&dsn).await;
    let read = reader.batch_execute("SELECT * FROM t");
    let watched = async {
        let readings = until(&monitor, |r| blocking(r, |b| b.waiting == 1)).await;
        client.batch_execute("ROLLBACK PREPARED 'p'").await.unwrap();
        readings
    };
    let (read, readings) = tokio::join!(read, watched);
    read.unwrap();
    let root = &readings.locks.value().unwrap().roots[0];
    assert_eq!(
        (root.session, root.application.as_str()),
        (None, "prepared transaction")
    );
    assert_eq!(root.behind.len(), 1);
}

#[tokio::test]
async fn a_terminated_monitor_says_no_link_and_comes_back() {
    let database = support::database().await;
    let monitor = Monitor::start(config(&database.dsn));
    until(&monitor, |r| r.locks.value().is_some()).await;
    // Refuses the next connection too, so that the gap cannot be missed.
    let allow = |yes: bool| format!("ALTER DATABASE {} ALLOW_CONNECTIONS {yes}", database.name);
    let maintenance = support::connect(&support::shared().primary().dsn("postgres")).await;
    maintenance.batch_execute(&allow(false)).await.unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgcutover:mon' AND datname = $1";
    maintenance.execute(end, &[&database.name]).await.unwrap();
    let unreachable = |reading: &Reading<Blocking>| {
        matches!(
            reading,
            Reading::Absent {
                why: Absence::Unreachable(_),
                since: Some(_)
            }
        )
    };
    let gap = until(&monitor, |r| unreachable(&r.locks)).await;
    assert!(matches!(gap.replication, Reading::Absent { .. }));
    assert!(matches!(gap.server, Reading::Absent { .. }));
    maintenance.batch_execute(&allow(true)).await.unwrap();
    until(&monitor, |r| {
        r.locks.value().is_some() && r.server.value().is_some()
    })
    .await;
}

#[tokio::test]
async fn the_heartbeat_on_a_standby_ages_while_replay_is_paused() {
    let cluster = support::cluster(true);
    let dsn = cluster.primary().dsn("postgres");
    let client = support::connect(&dsn).await;
    client
        .batch_execute(include_str!("../../src/store/sql/001_schema.sql"))
        .await
        .unwrap();
    let beat =
        "INSERT INTO pgcutover.heartbeat VALUES ('r', 1, clock_timestamp() + $1::text::interval)
                ON CONFLICT (run_id) DO UPDATE SET at = excluded.at";
    client.execute(beat, &[&"0"]).await.unwrap();
    cluster.catch_up().unwrap();
    let name = only_replica(&cluster).await;
    let mut config = config(&dsn);
    config.run = Some(RunId("r".to_owned()));
    config.heartbeats = vec![(name, target(&cluster.standby().unwrap().dsn("postgres")))];
    let monitor = Monitor::start(config);
    let fresh = |r: &Readings| {
        replicas(r)
            .iter()
            .any(|r| r.heartbeat_lag == Some(Duration::ZERO))
    };
    until(&monitor, fresh).await;
    cluster.pause_replay().unwrap();
    // A beat of the future stands for one that is not replayed for a minute.
    client.execute(beat, &[&"60s"]).await.unwrap();
    let late = |r: &Readings| {
        replicas(r).iter().any(|r| {
            r.heartbeat_lag
                .is_some_and(|lag| lag > Duration::from_secs(50))
        })
    };
    until(&monitor, late).await;
    cluster.resume_replay().unwrap();
    until(&monitor, fresh).await;
}
