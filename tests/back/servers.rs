//! Owns the cluster that these tests share, and a database's schema in words;
//! never a test.

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use pgcutover::sandbox::{Cluster, Options};
use tokio_postgres::{Client, NoTls};

/// A database of a test's own.
pub(crate) struct Database {
    /// Its name, which only this test has.
    pub(crate) name: String,
    /// On the primary.
    pub(crate) dsn: String,
    /// On the standby.
    pub(crate) standby_dsn: String,
    /// A connection to it on the primary, as the superuser.
    pub(crate) client: Client,
}

/// A fresh, empty database with a connection.
pub(crate) async fn database() -> Database {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let name = format!("back_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let cluster = cluster();
    cluster.create_database(&name).unwrap();
    let dsn = cluster.primary().dsn(&name);
    Database {
        standby_dsn: cluster.standby().unwrap().dsn(&name),
        client: connect(&dsn).await,
        dsn,
        name,
    }
}

/// A database on a server that no other test uses, of at most so many sessions.
pub(crate) async fn apart(sessions: u32) -> (Cluster, Database) {
    let cluster = start(false, sessions);
    cluster.create_database("apart").unwrap();
    let dsn = cluster.primary().dsn("apart");
    let database = Database {
        name: "apart".to_owned(),
        standby_dsn: dsn.clone(),
        client: connect(&dsn).await,
        dsn,
    };
    (cluster, database)
}

fn cluster() -> &'static Cluster {
    // Never dropped: the sandbox notices the end of this process by itself.
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(|| start(true, 400))
}

fn start(standby: bool, sessions: u32) -> Cluster {
    let options = Options {
        pg_bin: std::env::var_os("PGCUTOVER_TEST_PG_BIN").map(PathBuf::from),
        standby,
        settings: vec![("max_connections".to_owned(), sessions.to_string())],
        durable: false,
    };
    Cluster::start(&options).unwrap()
}

/// A connection that lives as long as the client.
pub(crate) async fn connect(dsn: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(dsn, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// The same place as another login.
pub(crate) fn as_user(dsn: &str, user: &str) -> String {
    assert!(dsn.contains("user=postgres"));
    dsn.replace("user=postgres", &format!("user={user}"))
}

/// What `public` holds: columns, constraints, indexes, triggers, functions and
/// grants, each in the catalog's own words.
pub(crate) async fn schema_of(client: &Client) -> String {
    let rows = client.query(include_str!("schema.sql"), &[]).await.unwrap();
    rows.iter().fold(String::new(), |mut text, row| {
        let (kind, name, what): (&str, &str, &str) = (row.get(0), row.get(1), row.get(2));
        writeln!(text, "{kind} {name}: {what}").unwrap();
        text
    })
}
