//! The lead changes hands: agreed, against its will, or because it is stopped. Of
//! the one that was, not a write lands, and nobody waits for it for long.

use std::process::Stdio;
use std::time::Duration;

use pgcutover::run::event::{Actor, EventKind, Ground};
use pgcutover::seam::STOP_VARIABLE;
use tokio_postgres::Client;

use crate::program::{Answer, Lead, Status};
use crate::stage::{Edit, Stage, URL};
use crate::{evidence, operator, until};

/// Two who may.
const TWO: &[Edit] = &[(
    "members = [\"postgres\"]",
    "members = [\"postgres\", \"bo\"]",
)];

/// How long a client may wait for a lead that is stopped: its sessions may idle in
/// a transaction for 5 s, and two cores are shared with a build.
const LONGEST_WAIT: Duration = Duration::from_secs(8);

async fn logins(stage: &Stage) {
    let create = "CREATE ROLE bo SUPERUSER LOGIN; CREATE ROLE eve SUPERUSER LOGIN";
    stage.connect().await.batch_execute(create).await.unwrap();
}

/// Everything that a stale lead could write to, as one hash.
async fn fingerprint(client: &Client) -> String {
    let tables = "SELECT string_agg(format('SELECT %L || t::text AS line FROM %s t', c.oid::regclass, c.oid::regclass), ' UNION ALL ' ORDER BY c.oid)
        FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace IN ('public'::regnamespace, 'pgcutover'::regnamespace)";
    let all: String = client.query_one(tables, &[]).await.unwrap().get(0);
    let hash = format!("SELECT md5(string_agg(line, chr(10) ORDER BY line)) FROM ({all}) AS lines");
    client.query_one(&hash, &[]).await.unwrap().get(0)
}

/// From another process it goes on and to the end; the one that was stopped comes
/// back, and finds that it leads no more.
async fn goes_on_without(mut stage: Stage, former: Lead, next: Lead, ground: Ground) -> Duration {
    let named = |kind: &EventKind| {
        matches!(kind, EventKind::LeadTaken { by, from: Some(from), ground: g, .. }
            if *g == ground && *by == Actor::Person("bo".into())
                && *from == Actor::Person("postgres".into()))
    };
    stage.journal_with("the take-over", named).await;
    // Refused where it is 100 % already.
    stage.verb("pace 100").await;
    operator::drive_to_the_end(&stage).await;
    let written = next.exits_with(0).await;
    assert!(
        written.contains("handover of users-email-rename"),
        "{written}"
    );
    evidence::journal_is_whole(&stage).await;
    let client = stage.connect().await;
    let audit = evidence::audited(&client).await;
    assert_eq!(audit.committed, audit.distinct, "rows written twice");
    let (figures, check) = stage.close().await;
    assert_eq!(
        (figures.errors(), figures.mismatches()),
        (0, 0),
        "{figures:?}"
    );
    assert!(check.is_clean(), "{check:?}");
    let longest = [&figures.old, &figures.new].map(|of| of.latencies.quantile(1.0));
    let longest = longest.into_iter().flatten().max().unwrap();
    println!("a client's longest wait: {longest:?}");
    assert!(
        longest < LONGEST_WAIT,
        "a client waited too long: {longest:?}"
    );

    let before = fingerprint(&client).await;
    former.signal("CONT");
    let written = former.exits_with(1).await;
    assert!(
        written.contains("bo took the lead from postgres"),
        "{written}"
    );
    assert_eq!(fingerprint(&client).await, before, "a stale write landed");
    drop(client);
    evidence::nothing_is_left(&stage).await;
    longest
}

/// Its result is looked at before the commit: in between, the lead holds the lock
/// that keeps everybody from the table.
const LOOKED_AT: &[Edit] = &[
    TWO[0],
    (
        "ADD COLUMN email_address text\"",
        "ADD COLUMN email_address text\"\nexpect = { rows = 0 }",
    ),
];

/// A run under clients, its lead told to stop at a seam.
async fn stopping_at(seam: &str, edits: &[Edit]) -> (Stage, Lead) {
    let stage = Stage::set(5_000, edits).await;
    logins(&stage).await;
    let lead = stage.lead_with(&[(STOP_VARIABLE, seam)]);
    stage
        .status_when("the run", |status| status.state == "NOT STARTED")
        .await;
    evidence::audit(&stage.connect().await).await;
    (stage, lead)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_stopped_in_the_middle_of_a_chunk_is_replaced_and_lands_nothing() {
    let (stage, lead) = stopping_at("chunk-before-commit:4", TWO).await;
    stage.accepted("pace 50").await;
    operator::drive_up_to(&stage, "dual-write").await;
    stage.verb("advance dual-write").await;
    lead.stops().await;
    let next = stage.taker("bo", &["--reason", "ana's laptop sleeps"]);
    goes_on_without(stage, lead, next, Ground::Reason).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_stopped_in_the_middle_of_ddl_blocks_nobody_for_long_and_lands_nothing() {
    let (stage, lead) = stopping_at("ddl-before-commit", LOOKED_AT).await;
    let mut advance = stage.program();
    advance.args(["advance", "expand", "--url-env", URL]);
    let mut advancing = advance.stdout(Stdio::null()).spawn().unwrap();
    lead.stops().await;
    // Nobody ends its sessions before the lease has expired.
    let next = stage.taker("bo", &[]);
    let taken = |kind: &EventKind| matches!(kind, EventKind::LeadTaken { epoch: 2, .. });
    stage.journal_with("the take-over", taken).await;
    advancing.kill().await.unwrap();
    let longest = goes_on_without(stage, lead, next, Ground::Silent).await;
    // Somebody did wait: the table was locked, and the server let it go by itself.
    assert!(longest > Duration::from_secs(2), "{longest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_hands_over_when_it_agrees_and_keeps_it_when_not() {
    let stage = Stage::without_clients(500, TWO).await;
    logins(&stage).await;
    let first = stage.lead();
    operator::drive_up_to(&stage, "expand").await;

    let eve = stage
        .taker("eve", &["--reason", "because"])
        .exits_with(1)
        .await;
    assert!(
        eve.contains("eve may not take the lead: it takes operator"),
        "{eve}"
    );
    let nobody = stage.verb("consent").await;
    assert!(
        nobody.err.contains("nobody asks to take over"),
        "{nobody:?}"
    );

    let bo = stage.taker("bo", &[]);
    first.writes("bo asks to take over").await;
    first
        .writes("`pgcutover consent` hands the lead over")
        .await;
    let asked = stage.status().await.unwrap();
    assert_eq!(
        asked
            .lead
            .as_deref()
            .map(|lead| lead.starts_with("postgres")),
        Some(true)
    );
    let mut eve = stage.program_as("eve");
    eve.args(["consent", "--url-env", URL]);
    let eve = Answer::of(eve).await;
    assert!(eve.err.contains("postgres leads, not eve"), "{eve:?}");
    stage.accepted("consent --no").await;
    let kept = bo.exits_with(1).await;
    assert!(kept.contains("the lead keeps it"), "{kept}");

    let bo = stage.taker("bo", &[]);
    let again = |kind: &EventKind| matches!(kind, EventKind::LeadAsked { .. });
    until("both requests", async || {
        let events = stage.journal().await;
        let asked = events.iter().filter(|event| again(&event.kind)).count();
        (asked == 2).then_some(())
    })
    .await;
    stage.accepted("consent").await;
    let written = first.exits_with(1).await;
    assert!(
        written.contains("bo took the lead from postgres"),
        "{written}"
    );
    stage
        .status_when("bo's picture", |status: &Status| {
            status
                .lead
                .as_deref()
                .is_some_and(|lead| lead.starts_with("bo on"))
        })
        .await;
    operator::drive_up_to(&stage, "read-switch").await;
    let card = stage.verb("status --handover").await;
    assert_eq!(card.code, Some(0), "{card:?}");
    assert!(
        card.out
            .contains("bo took the lead from postgres, who agreed"),
        "{card:?}"
    );
    assert!(
        card.out.contains("next         advance into read-switch"),
        "{card:?}"
    );
    bo.kill().await;
    let taken = |kind: &EventKind| {
        matches!(
            kind,
            EventKind::LeadTaken {
                ground: Ground::Consent,
                ..
            }
        )
    };
    stage.journal_with("the ground", taken).await;
    evidence::nothing_is_left(&stage).await;
}
