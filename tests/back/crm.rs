//! Owns the application whose address is split out: its table, its two versions
//! with no more rights than each needs, and their deployment by flags; never
//! what a test expects.

use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::clients::{Clients, Dialect};
use crate::servers::{self, Database};

/// Customers before the first client.
pub(crate) const ROWS: i64 = 4000;
/// Rows of their own that the clients of one deployment get.
const SHARE: i64 = 400;

/// A name says what the address has to be: where it ends in 3 to 9, the name is
/// the street; otherwise there is none.
const OLD: Dialect = Dialect {
    insert: "INSERT INTO customers (name, street, city)
        SELECT name, street, 'at ' || street
        FROM (SELECT $1::text, substring($1::text FROM '.*[3-9]$')) AS n (name, street)
        RETURNING id",
    update: "UPDATE customers SET name = n.name, street = n.street, city = 'at ' || n.street
        FROM (SELECT $2::text, substring($2::text FROM '.*[3-9]$')) AS n (name, street)
        WHERE id = $1",
    delete: "DELETE FROM customers WHERE id = $1",
    read: "SELECT CASE WHEN (street, city) IS NOT DISTINCT FROM (s, 'at ' || s)
            THEN name ELSE 'another address' END
        FROM customers, substring(name FROM '.*[3-9]$') AS s
        WHERE id = $1",
};

/// The same, without a word of the old columns.
const NEW: Dialect = Dialect {
    insert: "WITH c AS (INSERT INTO customers (name) VALUES ($1::text) RETURNING id, name),
            a AS (INSERT INTO addresses (customer_id, street, city)
                SELECT id, name, 'at ' || name FROM c WHERE name ~ '[3-9]$')
        SELECT id FROM c",
    update: "WITH a AS (INSERT INTO addresses (customer_id, street, city)
                SELECT $1::bigint, $2::text, 'at ' || $2::text WHERE $2::text ~ '[3-9]$'
                ON CONFLICT (customer_id) DO UPDATE SET street = excluded.street, city = excluded.city),
            d AS (DELETE FROM addresses WHERE customer_id = $1 AND $2::text !~ '[3-9]$')
        UPDATE customers SET name = $2::text WHERE id = $1",
    delete: OLD.delete,
    read: "SELECT CASE WHEN (a.street, a.city) IS NOT DISTINCT FROM (s, 'at ' || s)
            THEN name ELSE 'another address' END
        FROM customers LEFT JOIN addresses AS a ON a.customer_id = id,
             substring(name FROM '.*[3-9]$') AS s
        WHERE id = $1",
};

/// Both versions, each with clients while its flag says so.
pub(crate) struct Crm {
    open: Arc<AtomicBool>,
    task: JoinHandle<usize>,
}

/// One version of the application.
struct Version {
    app: &'static str,
    runs_at_first: bool,
    dsn: String,
    dialect: Dialect,
    clients: Option<Clients>,
}

/// The login of the new version in that database.
pub(crate) fn new_role(database: &Database) -> String {
    format!("{}_new", database.name)
}

/// The table, and a login a version.
pub(crate) async fn create(database: &Database) {
    let (old, new) = (format!("{}_old", database.name), new_role(database));
    let create = format!(
        "CREATE TABLE public.customers (
             id bigserial PRIMARY KEY,
             name text NOT NULL,
             street text,
             city text
         );
         INSERT INTO public.customers (name, street, city)
         SELECT n, s, 'at ' || s
         FROM generate_series(1, {ROWS}) AS n, substring(n::text FROM '.*[3-9]$') AS s;
         ANALYZE public.customers;
         CREATE ROLE {old} LOGIN;
         GRANT SELECT, INSERT, UPDATE, DELETE ON customers TO {old};
         CREATE ROLE {new} LOGIN;
         GRANT SELECT (id, name), INSERT (name), UPDATE (name), DELETE ON customers TO {new};
         GRANT USAGE ON SEQUENCE customers_id_seq TO {old}, {new}"
    );
    database.client.batch_execute(&create).await.unwrap();
}

impl Crm {
    /// The old version is at work when this returns.
    pub(crate) async fn open(database: &Database, flags: PathBuf) -> Self {
        let version = |number, app, role: &str, dialect| Version {
            app,
            runs_at_first: number == 1,
            dsn: format!(
                "{}&application_name=crm%2F{number}.0",
                servers::as_user(&database.dsn, role)
            ),
            dialect,
            clients: None,
        };
        let mut versions = [
            version(1, "old_app", &format!("{}_old", database.name), OLD),
            version(2, "new_app", &new_role(database), NEW),
        ];
        let open = Arc::new(AtomicBool::new(true));
        let still_open = Arc::clone(&open);
        let mut shares = (0..).map(|place| place * SHARE + 1..=(place + 1) * SHARE);
        deploy(&mut versions, &flags, &mut shares, true).await;
        let task = tokio::spawn(async move {
            let mut remembered = 0;
            while still_open.load(Ordering::Relaxed) {
                remembered += deploy(&mut versions, &flags, &mut shares, true).await;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            remembered + deploy(&mut versions, &flags, &mut shares, false).await
        });
        Self { open, task }
    }

    /// All go home, and have found what they wrote. How many rows that were.
    pub(crate) async fn close(self) -> usize {
        self.open.store(false, Ordering::Relaxed);
        self.task.await.expect("no client met an error")
    }
}

/// Starts and ends clients as the flags say, or ends all. How many rows those
/// that went remembered.
async fn deploy(
    versions: &mut [Version; 2],
    flags: &Path,
    shares: &mut impl Iterator<Item = RangeInclusive<i64>>,
    open: bool,
) -> usize {
    let mut remembered = 0;
    for version in versions {
        let flag = fs::read_to_string(flags.join(version.app));
        let wanted = flag.map_or(version.runs_at_first, |text| text.trim() == "on");
        let says = match (wanted && open, version.clients.take()) {
            (true, None) => {
                let share = shares.next().expect("shares have no end");
                assert!(*share.end() <= ROWS, "too many deployments");
                let started = Clients::start(&version.dsn, version.dialect, share, &[1, 4]);
                version.clients = Some(started.await);
                "on\n"
            }
            (false, Some(clients)) => {
                remembered += clients.close().await;
                "off\n"
            }
            (_, clients) => {
                version.clients = clients;
                continue;
            }
        };
        fs::write(flags.join(format!("{}.running", version.app)), says).unwrap();
    }
    remembered
}
