//! Servers and databases for tests; owns the shared cluster, never a test.
//!
//! `database()` for what happens inside a database, `cluster()` for tests that
//! break servers.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use pgcutover::sandbox::{Cluster, Options};
use tokio_postgres::{Client, NoTls};

/// A database of a test's own, on the cluster that this process's tests share.
pub(crate) struct Database {
    /// Its name, which only this test has.
    pub(crate) name: String,
    /// Where it is on the primary.
    pub(crate) dsn: String,
    /// Where it is on the standby.
    pub(crate) standby_dsn: String,
    /// A connection to it on the primary, as the superuser.
    pub(crate) client: Client,
}

/// A fresh, empty database with a connection.
pub(crate) async fn database() -> Database {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let shared = shared();
    shared.create_database(&name).unwrap();
    let dsn = shared.primary().dsn(&name);
    Database {
        standby_dsn: shared.standby().unwrap().dsn(&name),
        client: connect(&dsn).await,
        dsn,
        name,
    }
}

/// The cluster of `database()`, with its standby. Other tests run on it too:
/// look, do not break.
pub(crate) fn shared() -> &'static Cluster {
    // Never dropped: the sandbox notices the end of this process by itself.
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(|| start(true, &[("max_connections", "300")]))
}

/// A cluster of the test's own, to break.
pub(crate) fn cluster(standby: bool) -> Cluster {
    start(standby, &[])
}

/// A cluster of the test's own with settings of its own.
pub(crate) fn start(standby: bool, settings: &[(&str, &str)]) -> Cluster {
    Cluster::start(&Options {
        pg_bin: std::env::var_os("PGCUTOVER_TEST_PG_BIN").map(PathBuf::from),
        standby,
        settings: settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        durable: false,
    })
    .unwrap()
}

/// A connection that lives as long as the client.
pub(crate) async fn connect(dsn: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(dsn, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
