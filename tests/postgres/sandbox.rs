//! Private servers: they start, stand being broken, and leave nothing behind.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pgcutover::sandbox::Stop;

use crate::support;

/// What [`holder`] says before the path of its directory.
const HOLDING: &str = "holding ";

#[tokio::test]
async fn a_primary_and_its_standby_take_connections() {
    let database = support::database().await;
    let create = "CREATE TABLE t (id int)";
    database.client.batch_execute(create).await.unwrap();
    support::shared().catch_up().unwrap();
    let standby = support::connect(&database.standby_dsn).await;
    let statement = "SELECT pg_is_in_recovery(), count(*) FROM t";
    let row = standby.query_one(statement, &[]).await.unwrap();
    assert!(row.get::<_, bool>(0));
    assert_eq!(row.get::<_, i64>(1), 0);
}

#[tokio::test]
async fn each_test_has_a_database_of_its_own() {
    let (one, other) = (support::database().await, support::database().await);
    assert_ne!(one.name, other.name);
    let row = one.client.query_one("SELECT current_database()", &[]);
    assert_eq!(row.await.unwrap().get::<_, String>(0), one.name);
    support::connect(&other.dsn).await;
}

#[test]
fn dropping_a_cluster_removes_its_processes_and_directory() {
    let cluster = support::cluster(true);
    let directory = cluster.directory().to_owned();
    assert!(!processes_in(&directory).is_empty());
    drop(cluster);
    assert!(!directory.exists());
    assert_eq!(processes_in(&directory), [""; 0]);
}

#[test]
fn four_clusters_start_at_once() {
    std::thread::scope(|scope| {
        let starts: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| support::cluster(true)))
            .collect();
        let clusters: Vec<_> = starts.into_iter().map(|it| it.join().unwrap()).collect();
        for cluster in &clusters {
            cluster.create_database("app").unwrap();
            cluster.catch_up().unwrap();
        }
    });
}

#[tokio::test]
async fn a_killed_postmaster_starts_again_with_what_was_committed() {
    let cluster = support::cluster(false);
    let client = support::connect(&cluster.primary().dsn("postgres")).await;
    let fill = "CREATE TABLE t AS SELECT generate_series(1, 1000) AS id";
    client.batch_execute(fill).await.unwrap();
    for break_it in [
        (|server| server.kill()) as fn(&pgcutover::sandbox::Server) -> _,
        |server| server.stop(Stop::Immediate),
        |server| server.stop(Stop::Fast),
    ] {
        let before = cluster.primary().pid();
        break_it(cluster.primary()).unwrap();
        assert_eq!(cluster.primary().pid(), None);
        cluster.primary().start().unwrap();
        assert_ne!(cluster.primary().pid(), before);
        let client = support::connect(&cluster.primary().dsn("postgres")).await;
        let row = client.query_one("SELECT count(*) FROM t", &[]).await;
        assert_eq!(row.unwrap().get::<_, i64>(0), 1000);
    }
}

#[tokio::test]
async fn replay_lags_while_it_is_paused() {
    let cluster = support::cluster(true);
    let primary = support::connect(&cluster.primary().dsn("postgres")).await;
    let standby = support::connect(&cluster.standby().unwrap().dsn("postgres")).await;
    let there = "SELECT to_regclass('t') IS NOT NULL";
    cluster.pause_replay().unwrap();
    let create = "CREATE TABLE t (id int)";
    primary.batch_execute(create).await.unwrap();
    wait_until_received(&primary).await;
    let row = standby.query_one(there, &[]).await.unwrap();
    assert!(!row.get::<_, bool>(0), "replayed while paused");
    cluster.resume_replay().unwrap();
    cluster.catch_up().unwrap();
    let row = standby.query_one(there, &[]).await.unwrap();
    assert!(row.get::<_, bool>(0));
}

#[tokio::test]
async fn a_promoted_standby_takes_writes() {
    let cluster = support::cluster(true);
    cluster.primary().stop(Stop::Fast).unwrap();
    cluster.promote().unwrap();
    let client = support::connect(&cluster.standby().unwrap().dsn("postgres")).await;
    let create = "CREATE TABLE t (id int)";
    client.batch_execute(create).await.unwrap();
}

#[test]
fn a_server_that_cannot_start_says_why() {
    let cluster = support::cluster(false);
    let settings = cluster.primary().data_dir().join("postgresql.conf");
    fs::write(&settings, "no_such_setting = 1\n").unwrap();
    let error = cluster.primary().restart(Stop::Fast).unwrap_err();
    assert!(error.to_string().contains("no_such_setting"), "{error}");
}

#[test]
fn a_kept_cluster_outlives_us_until_it_is_told_to_stop() {
    let cluster = support::cluster(true);
    let standby = cluster.standby().unwrap().pid().unwrap();
    let kept = cluster.keep().unwrap();
    assert!(Path::new(&format!("/proc/{standby}")).exists());
    let words: Vec<&str> = kept.stop_command.split(' ').collect();
    let status = Command::new(words[0]).args(&words[1..]).status().unwrap();
    assert!(status.success());
    assert!(!kept.directory.exists());
}

#[test]
fn a_killed_process_leaves_no_server_and_no_directory() {
    let place = Place::new();
    let mut holder = place.spawn_holder();
    let output = BufReader::new(holder.stdout.take().unwrap());
    let mut lines = output.lines().map(Result::unwrap);
    let holds = lines.any(|line| line.contains(HOLDING));
    assert!(holds, "the holder did not get a cluster");
    assert!(!processes_in(place.path()).is_empty());
    holder.kill().unwrap();
    holder.wait().unwrap();
    place.expect_deserted();
}

#[test]
fn a_process_killed_while_its_servers_start_leaves_nothing() {
    for delay in (0..8).map(|step| Duration::from_millis(step * 120)) {
        let place = Place::new();
        let mut holder = place.spawn_holder();
        // Not to wait for something: the instants have to be spread.
        std::thread::sleep(delay);
        holder.kill().unwrap();
        holder.wait().unwrap();
        place.expect_deserted();
    }
}

/// No test: the process that the tests above kill.
#[test]
#[ignore = "run by other tests, which end it"]
fn holder() {
    let cluster = support::cluster(true);
    cluster.primary().restart(Stop::Immediate).unwrap();
    eprintln!("{HOLDING}{}", cluster.directory().display());
    loop {
        std::thread::park();
    }
}

/// A parent for the directories of one process, so that leftovers show.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        // The servers' account makes its directory in here.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
        Self(directory)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn spawn_holder(&self) -> Child {
        // `2>&1`: the test harness owns standard output.
        Command::new("/bin/sh")
            .args([
                "-c",
                "exec \"$0\" --exact sandbox::holder --ignored --nocapture 2>&1",
            ])
            .arg(std::env::current_exe().unwrap())
            .env("TMPDIR", self.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Waits until nothing is in here and nobody works in here.
    fn expect_deserted(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let left: Vec<_> = fs::read_dir(self.path()).unwrap().collect();
            let running = processes_in(self.path());
            if left.is_empty() && running.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "left: {left:?}, {running:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// The command lines of the processes that name a path below `directory`, or
/// have it as their working directory.
fn processes_in(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| {
            let line = fs::read(entry.path().join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            let inside =
                fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(directory));
            let named = line.contains(directory.to_str()?);
            (inside || named).then_some(line)
        })
        .collect()
}

/// Waits until the standby has the primary's WAL on disk.
async fn wait_until_received(primary: &tokio_postgres::Client) {
    let received = "SELECT flush_lsn >= pg_current_wal_flush_lsn() FROM pg_stat_replication";
    loop {
        let row = primary.query_one(received, &[]).await.unwrap();
        if row.get(0) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
