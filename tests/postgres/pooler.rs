//! A pooler in transaction mode is refused, with the way out; a server and a
//! pooler in session mode are not. With pgbouncer itself, where it is installed.

use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pgcutover::pg::pooler::refuse;
use pgcutover::pg::session::OpenError;
use pgcutover::sandbox::Cluster;

use crate::support;
use crate::targets::target;

/// Where Debian installs it, off an ordinary user's PATH.
const USUAL: [&str; 2] = ["pgbouncer", "/usr/sbin/pgbouncer"];

/// pgbouncer in front of a cluster; ended when it is dropped.
struct Pooler {
    child: Child,
    dsn: String,
}

impl Drop for Pooler {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A pooler in that mode; none where there is no pgbouncer.
fn pooler(cluster: &Cluster, mode: &str) -> Option<Pooler> {
    let answers = |program: &&&str| Command::new(**program).arg("--version").output().is_ok();
    let program = USUAL.iter().find(answers)?;
    let directory = cluster.make_directory(&format!("pooler-{mode}")).unwrap();
    let port = free_port();
    let (sockets, server) = (cluster.primary().socket_dir(), cluster.primary().port());
    let config = directory.join("pgbouncer.ini");
    let text = format!(
        "[databases]\n* = host={} port={server} user=postgres\n\
         [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
         auth_type = any\npool_mode = {mode}\ndefault_pool_size = 20\n\
         ignore_startup_parameters = extra_float_digits\n",
        sockets.display()
    );
    std::fs::write(&config, text).unwrap();
    let mut command = Command::new(program);
    command.arg("-q").args(drop_to(&directory)).arg(&config);
    let child = command.stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < deadline, "pgbouncer does not listen");
        std::thread::sleep(Duration::from_millis(10));
    }
    let dsn = format!("postgresql://anybody@127.0.0.1:{port}/postgres?sslmode=disable");
    Some(Pooler { child, dsn })
}

/// It refuses to be root, as the servers do: whoever has their directory.
fn drop_to(directory: &Path) -> Vec<String> {
    let uid = std::fs::metadata(directory).unwrap().uid().to_string();
    let id = |args: &[&str]| {
        let output = Command::new("id").args(args).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    match id(&["-u"]) == uid {
        true => Vec::new(),
        false => vec!["-u".into(), id(&["-nu", &uid])],
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test]
async fn a_server_is_no_pooler() {
    let database = support::database().await;
    refuse(&target(&database.dsn)).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_away_is_left_to_whoever_opens_a_session() {
    refuse(&target("postgresql://anybody@127.0.0.1:1/x"))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_is_refused_in_transaction_mode_and_taken_in_session_mode() {
    let cluster = support::cluster(false);
    let Some(shared) = pooler(&cluster, "transaction") else {
        return eprintln!("skipped: no pgbouncer here");
    };
    let statement = pooler(&cluster, "statement").unwrap();
    for pooled in [&shared, &statement] {
        // Not by chance: while others use the pool, and while nobody does.
        for busy in [false, true] {
            let others = busy.then(|| tokio::spawn(use_the_pool(pooled.dsn.clone())));
            for _ in 0..5 {
                let refused = refuse(&target(&pooled.dsn)).await;
                assert!(
                    matches!(refused, Err(OpenError::Pooled { .. })),
                    "{refused:?}"
                );
            }
            others.inspect(tokio::task::JoinHandle::abort);
        }
    }
    let words = refuse(&target(&shared.dsn)).await.unwrap_err().to_string();
    assert!(words.contains("transaction mode"), "{words}");
    assert!(words.contains("hint: name the server itself"), "{words}");
    let whole = pooler(&cluster, "session").unwrap();
    refuse(&target(&whole.dsn)).await.unwrap();
}

/// Other people's transactions, several at a time.
async fn use_the_pool(dsn: String) {
    let mut users = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let dsn = dsn.clone();
        users.spawn(async move {
            let client = support::connect(&dsn).await;
            loop {
                client.simple_query("SELECT pg_sleep(0.003)").await.unwrap();
            }
        });
    }
    users.join_all().await;
}
