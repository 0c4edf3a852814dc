//! Owns the way through the example runbook, with its clients at work; never
//! what a test expects on the way.

use std::fs;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use pgcutover::sandbox::load::{Deployment, LoadOptions, create_shop};

use crate::servers;
use crate::tour::Tour;

/// Users before the first sale.
const ROWS: i64 = 3000;

/// The example's phases, in order.
pub(crate) const PHASES: [&str; 6] = [
    "expand",
    "dual-write",
    "backfill",
    "verify",
    "read-switch",
    "contract",
];

/// The example on a shop of its own, whose application is deployed.
pub(crate) struct Walk {
    tour: Tour,
    flags: PathBuf,
    shop: Deployment,
}

impl Deref for Walk {
    type Target = Tour;

    fn deref(&self) -> &Tour {
        &self.tour
    }
}

impl DerefMut for Walk {
    fn deref_mut(&mut self) -> &mut Tour {
        &mut self.tour
    }
}

impl Walk {
    /// The shop is open; nobody leads yet.
    pub(crate) async fn begin() -> Self {
        Self::of(ROWS, "1s").await
    }

    /// The same, of so many users, with 10 % of the reads to look good for so long.
    pub(crate) async fn of(rows: i64, ramp: &str) -> Self {
        let database = servers::database().await;
        create_shop(&database.dsn, rows).await.unwrap();
        let edits = [
            ("vars.ramp = \"2s\"", &*format!("vars.ramp = \"{ramp}\"")),
            ("vars.bake = \"3s\"", "vars.bake = \"1s\""),
        ];
        let mut tour = Tour::of("rename-column", &edits, &PHASES, database);
        tour.signed = Some(("contract", "readers-fine"));
        let stage = &mut tour.stage;
        let flags = stage.home.path().join("flags");
        fs::create_dir(&flags).unwrap();
        stage
            .vars
            .push(("PGCUTOVER_FLAGS".to_owned(), flags.display().to_string()));
        let options = LoadOptions {
            operations_per_second: 50.0,
            old_clients: 2,
            new_clients: 2,
            ..LoadOptions::new(&stage.database.dsn, rows, &flags)
        };
        let shop = Deployment::start(options);
        let open = |text: String| text.trim() == "on";
        while !fs::read_to_string(flags.join("old_app.running")).is_ok_and(open) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Self { tour, flags, shop }
    }

    /// The schema and what the flags mean.
    pub(crate) async fn standing(&self) -> String {
        let flag = |name: &str, default: &str| {
            let text = fs::read_to_string(self.flags.join(name));
            text.map_or(default.to_owned(), |text| text.trim().to_owned())
        };
        format!(
            "{}read_new {}, old_app {} {}, new_app {} {}",
            self.schema().await,
            flag("read_new", "0"),
            flag("old_app", "on"),
            flag("old_app.running", "on"),
            flag("new_app", "off"),
            flag("new_app.running", "off"),
        )
    }

    /// Lets no command do anything, until [`Self::mend_commands`].
    pub(crate) fn break_commands(&self) {
        let broken = self.stage.home.path().join("bin/flagctl");
        fs::write(&broken, "#!/bin/sh\nexit 2\n").unwrap();
        fs::set_permissions(&broken, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Takes back [`Self::break_commands`].
    pub(crate) fn mend_commands(&self) {
        fs::remove_file(self.stage.home.path().join("bin/flagctl")).unwrap();
    }

    /// Closes the shop: nobody met an error, and every write is there.
    pub(crate) async fn close(self) {
        let (figures, check) = self.shop.stop().await.unwrap();
        let operations = figures.old.operations + figures.new.operations;
        assert!(operations > 20, "{figures:?}");
        assert_eq!(
            (figures.errors(), figures.mismatches()),
            (0, 0),
            "{figures:?}"
        );
        assert!(check.is_clean(), "{check:?}");
    }
}
