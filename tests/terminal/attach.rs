//! Other terminals on a run that somebody leads: what they show, what their keys
//! do, how they leave.

use crate::demo::SMALL;
use crate::program::Lead;
use crate::screen::Screen;
use crate::stage::{Stage, URL};

/// A run with a lead that has no screen, and terminals that have.
struct Company {
    stage: Stage,
    lead: Lead,
}

impl Company {
    async fn meets() -> Self {
        let stage = Stage::without_clients(20_000, &[]).await;
        let lead = stage.lead();
        lead.writes("NOT STARTED").await;
        Self { stage, lead }
    }

    /// A terminal of this login, in this size.
    fn attach(&self, user: &str, options: &[&str], size: (u16, u16)) -> Screen {
        let mut command = self.stage.program();
        let dsn = self
            .stage
            .dsn
            .replace("user=postgres", &format!("user={user}"));
        command
            .args(["attach", "--url-env", URL])
            .args(options)
            .env(URL, dsn)
            .env("LANG", "C.UTF-8");
        Screen::start(command.as_std(), size)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_observer_sees_the_dashboard_and_leaves_at_once() {
    let company = Company::meets().await;
    let mut observer = company.attach("postgres", &[], SMALL);
    observer.shows("NOT STARTED");
    observer.shows("LEAD postgres, you watch");
    company.stage.accepted("advance expand").await;
    observer.shows("Ready for dual-write");
    observer.press("q");
    assert_eq!(observer.ends(), 0);
    observer.is_restored();
    company.lead.kill().await;
}
