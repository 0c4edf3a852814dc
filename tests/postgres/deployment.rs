//! Which versions of the shop run is a matter of the flags, and of `flagctl`
//! as the runbook calls it.

use std::path::Path;
use std::process::Command;

use pgcutover::sandbox::load::{Deployment, Meter, create_shop};

use crate::load::{BACKFILL, EXPAND, ROWS, count, fast, operations, until};
use crate::support::{self, Database};

/// A shop whose application is deployed.
struct Deployed {
    database: Database,
    flags: tempfile::TempDir,
    deployment: Deployment,
    meter: Meter,
}

impl Deployed {
    async fn open() -> Self {
        let database = support::database().await;
        create_shop(&database.dsn, ROWS).await.unwrap();
        let flags = tempfile::tempdir().unwrap();
        let deployment = Deployment::start(fast(&database.dsn, flags.path()));
        Self {
            meter: deployment.meter(),
            database,
            flags,
            deployment,
        }
    }

    async fn run(&self, statements: &str) {
        let statements = statements.replace("{{tbl}}", "public.users");
        let done = self.database.client.batch_execute(&statements).await;
        done.unwrap();
    }

    /// One step of the runbook's.
    fn flagctl(&self, words: &str) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks/bin/flagctl");
        let mut command = Command::new("sh");
        command.arg(script).args(words.split(' '));
        let status = command.env("PGCUTOVER_FLAGS", self.flags.path()).status();
        assert!(status.unwrap().success(), "flagctl {words}");
    }

    /// The connections of the old and of the new clients.
    fn connected(&self) -> (u64, u64) {
        let now = self.meter.snapshot();
        (now.old.connected, now.new.connected)
    }
}

const DUAL_WRITE: &str = include_str!("../../runbooks/sql/dual-write.sql");
const UNDO_DUAL_WRITE: &str = include_str!("../../runbooks/sql/dual-write.undo.sql");
const UNDO_EXPAND: &str = "ALTER TABLE users DROP COLUMN email_address";

#[tokio::test(flavor = "multi_thread")]
async fn a_version_runs_when_its_flag_says_so_and_that_is_announced() {
    let shop = Deployed::open().await;
    until(&shop.meter, "old clients", |now| now.old.connected == 4).await;
    shop.flagctl("deploy old_app on");
    shop.flagctl("expect new_app.running off");
    for statements in [EXPAND, DUAL_WRITE, BACKFILL] {
        shop.run(statements).await;
    }
    shop.flagctl("deploy new_app on");
    assert_eq!(shop.connected(), (4, 4));
    shop.flagctl("deploy old_app off");
    assert_eq!(shop.connected(), (0, 4));
    shop.flagctl("deploy old_app on");
    shop.flagctl("deploy new_app off");
    assert_eq!(shop.connected(), (4, 0));
    let (end, check) = shop.deployment.stop().await.unwrap();
    assert_eq!((end.errors(), end.mismatches()), (0, 0), "{end:?}");
    assert_eq!(end.old.connected, 0);
    assert!(check.is_clean() && check.rows > 0, "{check:?}");
    let said = std::fs::read_to_string(shop.flags.path().join("old_app.running"));
    assert_eq!(said.unwrap(), "off\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flag_that_nobody_understands_changes_nothing_and_is_one_error() {
    let shop = Deployed::open().await;
    shop.flagctl("deploy old_app on");
    shop.flagctl("set old_app of");
    let seen = until(&shop.meter, "error", |now| now.errors() > 0).await;
    assert!(seen.old.last_errors[0].contains("`of`"), "{seen:?}");
    operations(&shop.meter, 300).await;
    assert_eq!(shop.connected(), (4, 0));
    assert_eq!(shop.meter.snapshot().errors(), 1);
    shop.flagctl("deploy old_app off");
    assert_eq!(shop.connected(), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_cannot_connect_is_not_announced_as_running() {
    let flags = tempfile::tempdir().unwrap();
    // A former process's word, which does not count.
    std::fs::write(flags.path().join("old_app.running"), "on\n").unwrap();
    let nowhere = format!("host={} user=nobody", flags.path().display());
    let deployment = Deployment::start(fast(&nowhere, flags.path()));
    let meter = deployment.meter();
    until(&meter, "attempts", |now| now.old.refused > 8).await;
    let said = std::fs::read_to_string(flags.path().join("old_app.running"));
    assert_eq!(said.unwrap(), "off\n");
    assert!(deployment.stop().await.is_err(), "nothing to check against");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dual_write_is_rolled_back_under_load_once_the_new_version_is_gone() {
    let shop = Deployed::open().await;
    for _ in 0..2 {
        for statements in [EXPAND, DUAL_WRITE, BACKFILL] {
            shop.run(statements).await;
        }
        for words in [
            "deploy new_app on",
            "set read_new 10",
            "set read_new 100",
            "deploy old_app off",
        ] {
            shop.flagctl(words);
            operations(&shop.meter, 300).await;
        }
        for words in ["set read_new 0", "deploy old_app on", "deploy new_app off"] {
            shop.flagctl(words);
            operations(&shop.meter, 300).await;
        }
        shop.run(UNDO_DUAL_WRITE).await;
        operations(&shop.meter, 300).await;
        shop.run(UNDO_EXPAND).await;
        operations(&shop.meter, 300).await;
    }
    let written = "SELECT count(*) FROM users WHERE email ~ '^c[4-7][.]'";
    assert!(
        count(&shop.database.client, written).await > 0,
        "by new clients"
    );
    let (end, check) = shop.deployment.stop().await.unwrap();
    assert_eq!((end.errors(), end.mismatches()), (0, 0), "{end:?}");
    assert!(check.is_clean(), "{check:?}");
    assert_eq!(check.email_address.rows, 0);
}
