//! The demo's load: it stays clean over a whole rename, and notices what a
//! migration must not do.

use std::time::{Duration, Instant};

use pgcutover::sandbox::Stop;
use pgcutover::sandbox::load::{Load, LoadOptions, Meter, Snapshot, create_shop};
use tokio_postgres::Client;

use crate::support::{self, Database};

pub(crate) const ROWS: i64 = 500;

pub(crate) const EXPAND: &str = "ALTER TABLE users ADD COLUMN email_address text";

const DUAL_WRITE: &str = "
CREATE FUNCTION sync_email() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.email := coalesce(NEW.email, NEW.email_address);
    ELSIF NEW.email_address IS DISTINCT FROM OLD.email_address THEN
        NEW.email := NEW.email_address;
    END IF;
    NEW.email_address := NEW.email;
    RETURN NEW;
END $$;
CREATE TRIGGER sync_email BEFORE INSERT OR UPDATE ON users
    FOR EACH ROW EXECUTE FUNCTION sync_email()";

pub(crate) const BACKFILL: &str =
    "UPDATE users SET email_address = email WHERE email_address IS NULL";

const CONTRACT: &str = "BEGIN;
DROP TRIGGER sync_email ON users; DROP FUNCTION sync_email;
ALTER TABLE users DROP COLUMN email; COMMIT";

/// A shop with a fast load on it, and a directory for its flags.
struct Shop {
    database: Database,
    flags: tempfile::TempDir,
    load: Load,
    meter: Meter,
}

impl Shop {
    async fn open() -> Self {
        let database = support::database().await;
        create_shop(&database.dsn, ROWS).await.unwrap();
        let flags = tempfile::tempdir().unwrap();
        let load = Load::new(fast(&database.dsn, flags.path()));
        Self {
            meter: load.meter(),
            database,
            flags,
            load,
        }
    }

    async fn run(&self, statement: &str) {
        self.database.client.batch_execute(statement).await.unwrap();
    }

    fn set_flag(&self, percent: &str) {
        let (draft, flag) = (
            self.flags.path().join("draft"),
            self.flags.path().join("read_new"),
        );
        std::fs::write(&draft, percent).unwrap();
        std::fs::rename(draft, flag).unwrap();
    }
}

pub(crate) fn fast(dsn: &str, flags: &std::path::Path) -> LoadOptions {
    LoadOptions {
        operations_per_second: 1000.0,
        ..LoadOptions::new(dsn, ROWS, flags)
    }
}

/// Waits until the figures are as wanted.
pub(crate) async fn until(
    meter: &Meter,
    what: &str,
    wanted: impl Fn(&Snapshot) -> bool,
) -> Snapshot {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let snapshot = meter.snapshot();
        if wanted(&snapshot) {
            return snapshot;
        }
        assert!(Instant::now() < deadline, "no {what}: {snapshot:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits for so many further operations of both generations together.
pub(crate) async fn operations(meter: &Meter, count: u64) {
    let total = |snapshot: &Snapshot| snapshot.old.operations + snapshot.new.operations;
    let goal = total(&meter.snapshot()) + count;
    until(meter, "operations", |now| total(now) >= goal).await;
}

pub(crate) async fn count(client: &Client, query: &str) -> i64 {
    client.query_one(query, &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correct_rename_leaves_every_client_content() {
    let mut shop = Shop::open().await;
    shop.load.start_old();
    operations(&shop.meter, 300).await;
    shop.run(EXPAND).await;
    shop.run(DUAL_WRITE).await;
    operations(&shop.meter, 300).await;
    shop.run(BACKFILL).await;
    shop.load.start_new();
    for percent in ["10", "100"] {
        shop.set_flag(percent);
        operations(&shop.meter, 600).await;
    }
    let old = "SELECT count(*) FROM pg_stat_activity
        WHERE application_name = 'shop/1.9' AND datname = current_database()";
    assert_eq!(count(&shop.database.client, old).await, 4);
    shop.load.retire_old().await;
    assert_eq!(shop.meter.snapshot().old.connected, 0);
    let check = shop.load.final_check().await.unwrap();
    assert!(
        check.email.rows > 0 && check.email_address.rows > 0,
        "{check:?}"
    );
    assert!(check.is_clean(), "{check:?}");
    shop.run(CONTRACT).await;
    operations(&shop.meter, 300).await;
    let end = shop.load.stop().await;
    assert_eq!((end.errors(), end.mismatches()), (0, 0), "{end:?}");
    assert_eq!(end.old.reconnects + end.new.reconnects, 0);
    assert!(end.new.latencies.quantile(0.99).unwrap() > Duration::ZERO);
    let check = shop.load.final_check().await.unwrap();
    assert!(check.is_clean(), "{check:?}");
    assert_eq!((check.email.rows, check.lost), (0, 0));
    assert!(check.email_address.rows > 100, "{check:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn retired_clients_come_back_with_what_they_remember() {
    let mut shop = Shop::open().await;
    for statement in [EXPAND, DUAL_WRITE, BACKFILL] {
        shop.run(statement).await;
    }
    shop.set_flag("50");
    shop.load.start_new();
    for _ in 0..3 {
        shop.load.start_old();
        shop.load.start_old();
        operations(&shop.meter, 400).await;
        shop.load.retire_new().await;
        assert_eq!(shop.meter.snapshot().new.connected, 0);
        operations(&shop.meter, 200).await;
        shop.load.start_new();
        operations(&shop.meter, 400).await;
        shop.load.retire_old().await;
        assert_eq!(shop.meter.snapshot().old.connected, 0);
        operations(&shop.meter, 200).await;
        let check = shop.load.final_check().await.unwrap();
        assert!(check.is_clean() && check.rows > 0, "{check:?}");
    }
    let end = shop.load.stop().await;
    assert_eq!((end.errors(), end.mismatches()), (0, 0), "{end:?}");
    assert_eq!(end.old.reconnects + end.new.reconnects, 0, "{end:?}");
    let check = shop.load.final_check().await.unwrap();
    assert!(check.is_clean(), "{check:?}");
    let twice = "SELECT count(*) - count(DISTINCT email) FROM users";
    assert_eq!(count(&shop.database.client, twice).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_reverted_behind_a_client_is_a_mismatch_and_no_error() {
    let mut shop = Shop::open().await;
    shop.load.start_old();
    operations(&shop.meter, 1000).await;
    shop.run("UPDATE users SET email = 'reverted' WHERE email LIKE 'c%'")
        .await;
    let seen = until(&shop.meter, "mismatch", |now| now.mismatches() > 0).await;
    assert!(seen.old.last_mismatches[0].contains("reverted"), "{seen:?}");
    assert_eq!(shop.load.stop().await.errors(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_row_is_a_mismatch() {
    let mut shop = Shop::open().await;
    shop.load.start_old();
    operations(&shop.meter, 1000).await;
    shop.run("DELETE FROM users").await;
    until(&shop.meter, "mismatch", |now| now.mismatches() > 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sql_error_is_counted_with_its_text() {
    let mut shop = Shop::open().await;
    shop.load.start_old();
    operations(&shop.meter, 100).await;
    shop.run("ALTER TABLE users RENAME COLUMN email TO email_address")
        .await;
    let seen = until(&shop.meter, "error", |now| now.errors() > 0).await;
    assert!(seen.old.last_errors[0].contains("42703"), "{seen:?}");
    let end = shop.load.stop().await;
    assert!(end.old.last_errors.len() <= 8);
    assert_eq!(end.mismatches(), 0, "{end:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_final_check_finds_what_no_client_read_again() {
    let mut shop = Shop::open().await;
    shop.load.start_old();
    operations(&shop.meter, 1000).await;
    let end = shop.load.stop().await;
    assert_eq!((end.errors(), end.mismatches()), (0, 0), "{end:?}");
    assert!(shop.load.final_check().await.unwrap().is_clean());
    shop.run(
        "UPDATE users SET email = 'reverted' WHERE id = (SELECT max(id) FROM users);
         UPDATE users SET visits = visits - 1 WHERE id = (SELECT id FROM users WHERE visits > 0 LIMIT 1);
         DELETE FROM users WHERE id = (SELECT max(id) - 1 FROM users)",
    )
    .await;
    let check = shop.load.final_check().await.unwrap();
    assert_eq!(
        (check.email.differ, check.visits_differ),
        (1, 1),
        "{check:?}"
    );
    assert!(check.lost <= 1, "{check:?}");
    shop.run(EXPAND).await;
    let check = shop.load.final_check().await.unwrap();
    assert_eq!(check.email_address.empty, check.email_address.rows);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_come_back_after_every_kind_of_restart() {
    let cluster = support::cluster(false);
    cluster.create_database("shop").unwrap();
    let dsn = cluster.primary().dsn("shop");
    create_shop(&dsn, ROWS).await.unwrap();
    let flags = tempfile::tempdir().unwrap();
    let mut load = Load::new(fast(&dsn, flags.path()));
    let meter = load.meter();
    load.start_old();
    for round in 1..=3 {
        operations(&meter, 300).await;
        match round {
            1 => cluster.primary().stop(Stop::Fast).unwrap(),
            2 => cluster.primary().stop(Stop::Immediate).unwrap(),
            _ => cluster.primary().kill().unwrap(),
        }
        until(&meter, "lost connection", |now| now.old.connected == 0).await;
        cluster.primary().start().unwrap();
        until(&meter, "reconnect", |now| now.old.connected == 4).await;
    }
    operations(&meter, 300).await;
    let end = load.stop().await;
    assert_eq!(end.old.reconnects, 12, "{end:?}");
    assert_eq!((end.errors(), end.mismatches()), (0, 0), "{end:?}");
    let check = load.final_check().await.unwrap();
    assert!(check.is_clean(), "{check:?}");
}
