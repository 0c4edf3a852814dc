//! What has to be true afterwards, whatever happened on the way.

use std::collections::BTreeMap;

use pgcutover::run::event::{BackfillSummary, Event, EventKind, Summary};
use tokio_postgres::Client;

use crate::stage::Stage;

/// Counts what the backfill writes: each committed row in a table, each write,
/// rolled back or not, by a sequence, which no rollback takes back.
const AUDIT: &str = "
CREATE TABLE public.audit (id bigint NOT NULL);
CREATE SEQUENCE public.audit_writes;
CREATE FUNCTION public.audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM nextval('public.audit_writes');
    INSERT INTO public.audit VALUES (NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER audit AFTER UPDATE ON public.users FOR EACH ROW
    WHEN (current_setting('pgcutover.backfill', true) = 'on') EXECUTE FUNCTION public.audit()";

/// The audit's figures.
#[derive(Debug)]
pub(crate) struct Audit {
    /// Rows written, and committed.
    pub(crate) committed: i64,
    /// Of those, different ones.
    pub(crate) distinct: i64,
    /// Rows written, rolled back ones included.
    pub(crate) written: i64,
}

/// Begins to audit. After the plan was made, which would want to know why there
/// is a trigger.
pub(crate) async fn audit(client: &Client) {
    client.batch_execute(AUDIT).await.unwrap();
}

/// What the audit has found.
pub(crate) async fn audited(client: &Client) -> Audit {
    let query = "SELECT count(*), count(DISTINCT id),
        (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM public.audit_writes)
        FROM public.audit";
    let row = client.query_one(query, &[]).await.unwrap();
    Audit {
        committed: row.get(0),
        distinct: row.get(1),
        written: row.get(2),
    }
}

/// Old and new column hold the same in every row.
pub(crate) async fn columns_agree(client: &Client) {
    let query = "SELECT count(*) FROM public.users WHERE email IS DISTINCT FROM email_address";
    let differ: i64 = client.query_one(query, &[]).await.unwrap().get(0);
    assert_eq!(differ, 0, "rows in which the columns differ");
}

/// The journal holds together, is finished once, and every task was done once.
pub(crate) async fn journal_is_whole(stage: &Stage) -> Vec<Event> {
    let events = stage.journal().await;
    let mut done = BTreeMap::<String, u32>::new();
    for event in &events {
        if let EventKind::StepSucceeded { task, .. } = &event.kind {
            *done.entry(task.to_string()).or_default() += 1;
        }
    }
    assert!(done.values().all(|times| *times == 1), "{done:?}");
    let last = events.last().map(|event| &event.kind);
    assert_eq!(last, Some(&EventKind::Finished));
    events
}

/// What the backfill says about itself.
pub(crate) fn backfill_summary(events: &[Event]) -> BackfillSummary {
    let found = events.iter().find_map(|event| match &event.kind {
        EventKind::StepSucceeded {
            summary: Summary::Backfill(summary),
            ..
        } => Some(summary.clone()),
        _ => None,
    });
    found.expect("the backfill is done")
}

/// No client saw an error or a write that was taken back, and all that they
/// remember is there.
pub(crate) async fn clients_are_content(stage: &mut Stage) {
    let (figures, check) = stage.close().await;
    assert_eq!(figures.errors(), 0, "{figures:?}");
    assert_eq!(figures.mismatches(), 0, "{figures:?}");
    assert!(figures.old.operations > 0 && figures.new.operations > 0);
    assert!(check.is_clean(), "{check:?}");
    assert!(check.rows > 0, "the clients remember something");
}

/// No session of ours, no lock, no command.
pub(crate) async fn nothing_is_left(stage: &Stage) {
    let client = stage.connect().await;
    let ours =
        "SELECT (SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgcutover:%')
        + (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory')";
    crate::until("the end of our sessions", async || {
        let left: i64 = client.query_one(ours, &[]).await.unwrap().get(0);
        (left == 0).then_some(())
    })
    .await;
    let home = format!("HOME={}", stage.home().display());
    let children = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let path = entry.ok()?.path();
        let environment = std::fs::read(path.join("environ")).ok()?;
        let environment = String::from_utf8_lossy(&environment).into_owned();
        environment.contains(&home).then_some(path)
    });
    assert_eq!(children.count(), 0, "processes in the stage's home");
}
