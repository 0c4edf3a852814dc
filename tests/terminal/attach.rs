//! Other terminals on a run that somebody leads: what they show, what their keys
//! do, how they leave.

use tokio::process::Command;

use crate::demo::SMALL;
use crate::program::Lead;
use crate::screen::Screen;
use crate::stage::{Stage, URL};

/// `bo` and `cy` may do everything, `eve` may look and hold. A login's name is
/// text that somebody else chose.
const LOGINS: &str = "
    CREATE ROLE drivers NOLOGIN;
    CREATE ROLE bo LOGIN IN ROLE drivers; CREATE ROLE cy LOGIN IN ROLE drivers;
    CREATE ROLE eve LOGIN; CREATE ROLE \"\x1b[2Jmal\" LOGIN";
const WHO: &str = "GRANT pgcutover_observer TO eve, \"\x1b[2Jmal\"";

/// Why a key of a read-only terminal does nothing.
const READ_ONLY: &str = "this terminal is read-only: attach --operate may";

/// A run with a lead that has no screen, and terminals that have.
struct Company {
    stage: Stage,
    lead: Lead,
}

impl Company {
    async fn meets() -> Self {
        let stage = Stage::without_clients(
            2_000,
            &[(
                "members = [\"postgres\"]",
                "members = [\"postgres\", \"drivers\"]",
            )],
        );
        let stage = stage.await;
        let admin = stage.connect().await;
        admin.batch_execute(LOGINS).await.unwrap();
        let mut command = stage.program();
        command.arg("grants").arg("--runbook").arg(stage.runbook());
        command.args(["--environment", "demo"]);
        let grants = crate::program::Answer::of(command).await;
        admin.batch_execute(&grants.out).await.unwrap();
        admin.batch_execute(WHO).await.unwrap();
        let lead = stage.lead();
        lead.writes("NOT STARTED").await;
        Self { stage, lead }
    }

    fn command(&self, user: &str, options: &[&str]) -> Command {
        let mut command = self.stage.program();
        let user = user.replace('\x1b', "%1B").replace('[', "%5B");
        let dsn = &self.stage.dsn;
        let dsn = dsn.replace("user=postgres", &format!("user={user}"));
        command
            .args(["attach", "--url-env", URL])
            .args(options)
            .env(URL, dsn)
            .env("LANG", "C.UTF-8");
        command
    }

    /// A terminal of this login.
    fn attach(&self, user: &str, options: &[&str]) -> Screen {
        Screen::start(self.command(user, options).as_std(), SMALL)
    }

    /// Those that the lead knows of, by login.
    async fn attached(&self, wanted: &[&str]) {
        let what = format!("{wanted:?} attached");
        let same = |status: &crate::program::Status| {
            let attached = status.attached.iter().flatten();
            let mut users: Vec<_> = attached.map(|one| one.user.as_str()).collect();
            users.sort_unstable();
            users == wanted
        };
        self.stage.status_when(&what, same).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_observer_sees_what_the_lead_sees_holds_and_does_nothing_else() {
    let company = Company::meets().await;
    let mut observer = company.attach("eve", &[]);
    observer.shows("NOT STARTED");
    observer.shows("watch, LEAD postgres");
    company.stage.accepted("advance expand").await;
    observer.shows("Ready for dual-write");
    observer.shows("add-column done");
    let keys = [
        ("a", "advance"),
        ("b", "roll back"),
        ("s", "sign"),
        ("-", "pace"),
    ];
    for (key, word) in keys {
        observer.press(key);
        observer.shows(&format!("{word}: {READ_ONLY}"));
    }
    observer.press(" ");
    observer.shows("HELD");
    observer.shows("Held by eve");
    observer.press("r");
    observer.shows(&format!("resume: {READ_ONLY}"));
    observer.press("\x03");
    assert_eq!(observer.ends(), 0, "Ctrl-C leaves");
    observer.is_restored();
    let held = |status: &crate::program::Status| status.hold.as_deref() == Some("eve: ");
    company
        .stage
        .status_when("the hold, still there", held)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_terminals_on_one_run_and_one_of_two_wins() {
    let company = Company::meets().await;
    let mut eve = company.attach("eve", &[]);
    let mut bo = company.attach("bo", &["--operate"]);
    let mut cy = company.attach("cy", &["--operate"]);
    bo.shows("operate +2, LEAD postgres");
    company.attached(&["bo", "cy", "eve"]).await;
    for screen in [&mut bo, &mut cy] {
        screen.press("a");
        screen.shows("advance into expand");
        screen.shows("y does it");
    }
    bo.press("y");
    cy.press("y");
    eve.shows("Ready for dual-write");
    // Whoever was late is told by the lead, or by a screen that knows already.
    let lost = |text: &str| {
        text.contains("advance refused: ") && text.contains("advanced into expand")
            || text.contains("has asked for it already")
            || text.contains("the state has changed under this card")
    };
    let won = |text: &str| text.contains("advance: accepted");
    bo.waits("an answer", |text| won(text) || lost(text));
    cy.waits("an answer", |text| won(text) || lost(text));
    assert!(
        won(&bo.text()) != won(&cy.text()),
        "{}\n{}",
        bo.text(),
        cy.text()
    );
    let entered = company.stage.journal().await;
    let entered = entered
        .iter()
        .filter(|event| event.kind.tag() == "phase_entered");
    assert_eq!(entered.count(), 1);
    // Everybody sees who is here, until they leave, or are killed.
    eve.press("i");
    eve.shows("who is here");
    for row in [
        "bo               operate",
        "cy               operate",
        "eve              watch",
    ] {
        eve.shows(row);
    }
    bo.press("\x03");
    assert_eq!(bo.ends(), 0, "out of a card, too");
    cy.kill();
    company.attached(&["eve"]).await;
    eve.waits("two gone", |text| !text.contains("operate"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_that_is_gone_is_no_lead_and_comes_back() {
    let company = Company::meets().await;
    let mut observer = company.attach("eve", &[]);
    observer.shows("watch, LEAD postgres");
    company.lead.kill().await;
    observer.shows("NO LEAD");
    observer.shows("Nobody leads this run");
    // A hold is taken all the same, and waits for whoever leads next.
    observer.press(" ");
    observer.shows("hold: recorded; no lead has answered");
    let lead = company.stage.lead();
    observer.shows("Held by eve");
    observer.shows("watch, LEAD postgres");
    observer.press("q");
    assert_eq!(observer.ends(), 0);
    lead.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_call_themselves_reaches_no_terminal_as_it_is() {
    let company = Company::meets().await;
    let mut mal = company.attach("\x1b[2Jmal", &[]);
    let mut eve = company.attach("eve", &[]);
    eve.shows("watch +1, LEAD postgres");
    mal.press(" ");
    eve.shows("HELD");
    eve.press("i");
    eve.shows("[2Jmal");
    let reason = "hold --reason \x1b]0;pwned\x07";
    company.stage.accepted("release").await;
    company.stage.accepted(reason).await;
    eve.press("e");
    eve.shows("]0;pwned");
    for screen in [&eve, &mal] {
        let bytes = String::from_utf8_lossy(&screen.bytes()).into_owned();
        assert!(!bytes.contains("\x1b[2Jmal"), "a name erased the screen");
        assert!(!bytes.contains("\x1b]0;"), "a reason set the title");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_terminal_it_prints_lines_until_the_run_ends() {
    let company = Company::meets().await;
    let mut command = company.command("eve", &[]);
    let log = tempfile::NamedTempFile::new().unwrap();
    command.stdout(log.reopen().unwrap());
    let mut lines = command.spawn().unwrap();
    let told = async |text: &str| {
        crate::until(text, async || {
            let told = std::fs::read_to_string(log.path()).unwrap();
            told.contains(text).then_some(())
        })
        .await;
    };
    told("NOT STARTED: ").await;
    company.attached(&["eve"]).await;
    company.stage.accepted("advance expand").await;
    told("add-column done").await;
    lines.kill().await.unwrap();
    company.attached(&[]).await;
}
