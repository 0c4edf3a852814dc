//! The lead changes hands between two terminals.

use crate::demo::SMALL;
use crate::screen::Screen;
use crate::stage::{Edit, Stage, URL};

/// Two who may.
const TWO: &[Edit] = &[(
    "members = [\"postgres\"]",
    "members = [\"postgres\", \"bo\"]",
)];

/// Ana's terminal, as `postgres`, and what Bo types at another one.
async fn two() -> (Stage, Screen) {
    let stage = Stage::without_clients(500, TWO).await;
    let create = "CREATE ROLE bo SUPERUSER LOGIN";
    stage.connect().await.batch_execute(create).await.unwrap();
    let ana = Screen::start(stage.run(&[]).as_std(), SMALL);
    ana.shows("NOT STARTED");
    (stage, ana)
}

fn bo(stage: &Stage, options: &[&str]) -> Screen {
    let mut command = stage.program_as("bo");
    command
        .args(["take-over", "--url-env", URL])
        .args(options)
        .current_dir(stage.home())
        .env("XDG_STATE_HOME", stage.home().join("elsewhere"));
    Screen::start(command.as_std(), SMALL)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_that_agrees_goes_on_watching_in_its_own_terminal() {
    let (stage, mut ana) = two().await;
    let mut bo = bo(&stage, &[]);
    ana.shows("bo asks to take over the lead: T answers");
    ana.press("T");
    ana.shows("hand the lead over to bo");
    ana.press("y");
    bo.shows("who is who");
    bo.shows("who agreed");
    ana.shows("watch, LEAD bo");
    ana.shows("bo took the lead from postgres, who agreed");
    // What the new lead does is seen there, and only Space does anything.
    stage.accepted("advance expand").await;
    ana.shows("Ready for dual-write");
    ana.press("a");
    ana.shows("read-only");
    ana.press(" ");
    bo.shows("HELD");
    ana.press("q");
    assert_eq!(ana.ends(), 0);
    ana.is_restored();
    bo.signal("TERM");
    assert_eq!(bo.ends(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_that_is_not_asked_is_told_by_whom_and_why() {
    let (stage, mut ana) = two().await;
    let mut bo = bo(&stage, &["--reason", "pager"]);
    bo.shows("who is who");
    ana.shows("watch, LEAD bo");
    ana.shows("unasked");
    ana.shows("pager");
    ana.press("q");
    assert_eq!(ana.ends(), 0);
    bo.signal("TERM");
    assert_eq!(bo.ends(), 3);
}
