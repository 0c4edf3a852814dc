//! The journal appends all or nothing, once, under the lease, and is found again whole.

use std::sync::Arc;

use pgcutover::pg::session::Purpose;
use pgcutover::run::Outcome;
use pgcutover::run::event::{Event, EventKind, Seq};
use pgcutover::run::fault::Trouble;
use pgcutover::store::journal::AppendError;
use pgcutover::store::read::{ReadError, events};
use pgcutover::store::runs::{CreateError, list, open_run};
use pgcutover::store::verify::{Break, Head};
use tokio_postgres::Client;

use super::{begin, held, installed, is_blocked, is_gone, lead, plan, scene, second};
use crate::support;
use crate::targets::session;

fn head_of(events: &[Event]) -> Head {
    let last = events.last().unwrap();
    Head {
        seq: last.seq,
        hash: last.hash.clone(),
    }
}

#[tokio::test]
async fn a_run_begins_with_its_plan_and_its_lead() {
    let scene = scene().await;
    let [created, taken] = &scene.resumed.events[..] else {
        panic!("{:?}", scene.resumed.events);
    };
    let EventKind::RunCreated { plan: stored, .. } = &created.kind else {
        panic!("{created:?}");
    };
    assert_eq!(*stored, plan("one"));
    assert!(matches!(&taken.kind, EventKind::LeadTaken { epoch: 1, host, .. } if host == "here"));
    let open = open_run(scene.journal.session(), "one").await.unwrap();
    assert_eq!(open.as_ref(), Some(&scene.journal.lease().run));
}

#[tokio::test]
async fn what_is_appended_is_read_back_by_everybody() {
    let scene = scene().await;
    let hostile = "\u{0}\u{1b}[2J\u{202e} ü \"\\ \u{1F600}\n";
    let kinds = [held(hostile), EventKind::Finished];
    let appended = scene.journal.append(Seq(2), &kinds, None).await.unwrap();
    assert_eq!(appended.len(), 2);
    let observer = session(&scene.database.dsn, Purpose::Observer).await;
    let run = &scene.journal.lease().run;
    let from = head_of(&scene.resumed.events);
    assert_eq!(events(&observer, run, &from).await.unwrap(), appended);
    let all = events(&observer, run, &Head::default()).await.unwrap();
    assert_eq!(all[2..], appended);
}

#[tokio::test]
async fn a_plan_of_megabytes_and_more_events_than_a_batch_are_read_back() {
    let database = installed().await;
    let mut session = lead(&database.dsn).await;
    let mut large = plan("large");
    Arc::get_mut(&mut large).unwrap().body.cutover.summary = "0123456789äöü\n".repeat(100_000);
    let lease = begin(&mut session, &large).await.unwrap();
    let state = tempfile::tempdir().unwrap();
    let log = pgcutover::store::local::LocalLog::open(state.path(), &lease.run).unwrap();
    let opened = pgcutover::store::journal::Journal::open(session, lease, log).await;
    let (journal, resumed) = opened.unwrap();
    assert!(
        matches!(&resumed.events[0].kind, EventKind::RunCreated { plan, .. } if *plan == large)
    );
    let kinds = vec![held(""); 2100];
    let appended = journal.append(Seq(2), &kinds, None).await.unwrap();
    let read = events(journal.session(), &journal.lease().run, &Head::default()).await;
    assert_eq!(read.unwrap()[2..], appended);
    assert_eq!(journal.log_trouble(), None);
}

#[tokio::test]
async fn of_two_appends_at_one_head_one_wins() {
    let scene = scene().await;
    let (other, _state) = second(&scene).await;
    for round in 0..20 {
        let expected = Seq(2 + round);
        let (ours, theirs) = ([held("ours")], [held("theirs")]);
        let (ours, theirs) = tokio::join!(
            scene.journal.append(expected, &ours, None),
            other.append(expected, &theirs, None),
        );
        assert!(
            matches!(
                (&ours, &theirs),
                (Ok(_), Err(AppendError::HeadMoved)) | (Err(AppendError::HeadMoved), Ok(_))
            ),
            "{ours:?} {theirs:?}"
        );
    }
    let caught_up = scene
        .journal
        .catch_up(&head_of(&scene.resumed.events))
        .await;
    assert_eq!(caught_up.unwrap().len(), 20);
}

#[tokio::test]
async fn several_events_are_appended_all_or_none() {
    let scene = scene().await;
    let client = &scene.database.client;
    let refuse = "ALTER TABLE pgcutover.event ADD CHECK (kind <> 'finished')";
    client.batch_execute(refuse).await.unwrap();
    let kinds = [held(""), EventKind::Finished];
    let refused = scene
        .journal
        .append(Seq(2), &kinds, Some(Outcome::Finished))
        .await;
    assert!(
        matches!(refused, Err(AppendError::Refused(_))),
        "{refused:?}"
    );
    let nothing = scene
        .journal
        .catch_up(&head_of(&scene.resumed.events))
        .await;
    assert_eq!(nothing.unwrap(), []);
    let run = open_run(scene.journal.session(), "one").await.unwrap();
    assert!(run.is_some(), "ended without its event");
}

#[tokio::test]
async fn a_cutover_has_one_run_at_a_time() {
    let scene = scene().await;
    let run = scene.journal.lease().run.clone();
    let mut other = lead(&scene.database.dsn).await;
    let again = begin(&mut other, &plan("one")).await;
    assert!(matches!(again, Err(CreateError::Exists(there)) if there == run));
    begin(&mut other, &plan("another")).await.unwrap();
    let ended = Some(Outcome::Finished);
    let last = [EventKind::Finished];
    scene.journal.append(Seq(2), &last, ended).await.unwrap();
    assert_eq!(open_run(&other, "one").await.unwrap(), None);
    begin(&mut other, &plan("one")).await.unwrap();
    let listed = list(&other).await.unwrap();
    let first = listed.iter().find(|listed| listed.run == run).unwrap();
    assert_eq!(first.ended.as_deref(), Some("finished"));
    assert_eq!((first.head, listed.len()), (Seq(3), 3));
}

#[tokio::test]
async fn an_append_whose_session_dies_before_its_commit_is_unknown_and_not_there() {
    let mut scene = scene().await;
    let pid = scene.journal.session().backend().pid;
    let mut blocker = support::connect(&scene.database.dsn).await;
    let transaction = blocker.transaction().await.unwrap();
    let lock = "SELECT FROM pgcutover.head FOR UPDATE";
    transaction.batch_execute(lock).await.unwrap();
    let kill = async {
        super::becomes_true(&scene.database.client, &is_blocked(pid)).await;
        let kill = "SELECT pg_terminate_backend($1)";
        scene.database.client.execute(kill, &[&pid]).await.unwrap();
    };
    let kinds = [held("once")];
    let (outcome, ()) = tokio::join!(scene.journal.append(Seq(2), &kinds, None), kill);
    let Err(AppendError::Unknown(fault)) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(fault.message.contains("terminating"), "{fault:?}");
    drop(transaction);
    let resumed = scene
        .journal
        .rejoin(lead(&scene.database.dsn).await)
        .await
        .unwrap();
    assert_eq!(resumed.events, scene.resumed.events);
    scene.journal.append(Seq(2), &kinds, None).await.unwrap();
}

/// Whether that backend's commit waits for a standby, as a question.
fn waits_for_a_standby(pid: i32) -> String {
    format!(
        "SELECT wait_event IS NOT DISTINCT FROM 'SyncRep' FROM pg_stat_activity WHERE pid = {pid}"
    )
}

/// The checkpointer tells the others that commits wait now, some time after every
/// session shows the new setting: a commit that does wait is the only proof.
async fn until_commits_wait(client: &Client, dsn: &str) {
    let prober = support::connect(dsn).await;
    let pid = "SELECT pg_backend_pid()";
    let pid: i32 = prober.query_one(pid, &[]).await.unwrap().get(0);
    let commits = async {
        loop {
            let write = "SELECT pg_logical_emit_message(true, 'probe', '')";
            prober.execute(write, &[]).await.unwrap();
        }
    };
    let waits = waits_for_a_standby(pid);
    tokio::select! {
        () = commits => {}
        () = super::becomes_true(client, &waits) => {}
    }
    client
        .execute("SELECT pg_terminate_backend($1)", &[&pid])
        .await
        .unwrap();
}

#[tokio::test]
async fn an_append_whose_answer_is_lost_is_unknown_and_there_once() {
    // A commit that waits for a standby that does not exist: done, not answered.
    let cluster = support::cluster(false);
    let dsn = cluster.primary().dsn("postgres");
    let client = support::connect(&dsn).await;
    let mut session = lead(&dsn).await;
    pgcutover::store::migrate::install(&mut session)
        .await
        .unwrap();
    let lease = begin(&mut session, &plan("one")).await.unwrap();
    let state = tempfile::tempdir().unwrap();
    let log = pgcutover::store::local::LocalLog::open(state.path(), &lease.run).unwrap();
    let opened = pgcutover::store::journal::Journal::open(session, lease, log).await;
    let (mut journal, _) = opened.unwrap();
    let pid = journal.session().backend().pid;
    let set = "ALTER SYSTEM SET synchronous_standby_names = 'nobody'";
    client.batch_execute(set).await.unwrap();
    client
        .execute("SELECT pg_reload_conf()", &[])
        .await
        .unwrap();
    until_commits_wait(&client, &dsn).await;
    let kill = async {
        super::becomes_true(&client, &waits_for_a_standby(pid)).await;
        client
            .execute("SELECT pg_terminate_backend($1)", &[&pid])
            .await
            .unwrap();
        super::becomes_true(&client, &is_gone(pid)).await;
        let reset = "ALTER SYSTEM RESET synchronous_standby_names";
        client.batch_execute(reset).await.unwrap();
        client
            .execute("SELECT pg_reload_conf()", &[])
            .await
            .unwrap();
    };
    let kinds = [held("once")];
    let (outcome, ()) = tokio::join!(journal.append(Seq(2), &kinds, None), kill);
    assert!(
        matches!(outcome, Err(AppendError::Unknown(_))),
        "{outcome:?}"
    );
    super::becomes_true(
        &client,
        "SELECT current_setting('synchronous_standby_names') = ''",
    )
    .await;
    let resumed = journal.rejoin(lead(&dsn).await).await.unwrap();
    assert_eq!(resumed.events[2].kind, kinds[0]);
    assert_eq!((resumed.events.len(), resumed.unsaid.len()), (3, 0));
    let again = journal.append(Seq(2), &kinds, None).await;
    assert!(matches!(again, Err(AppendError::HeadMoved)), "{again:?}");
}

#[tokio::test]
async fn a_changed_event_is_found_and_located() {
    let scene = scene().await;
    let kinds = [held("a"), held("b"), held("c")];
    scene.journal.append(Seq(2), &kinds, None).await.unwrap();
    let forge = "UPDATE pgcutover.event SET body = replace(body::text, '\"b\"', '\"B\"')::json WHERE seq = 4";
    scene.database.client.batch_execute(forge).await.unwrap();
    let run = &scene.journal.lease().run;
    let read = events(scene.journal.session(), run, &Head::default()).await;
    let broken = Break::Changed { seq: Seq(4) };
    assert!(matches!(read, Err(ReadError::Broken(found)) if found == broken));
}

#[tokio::test]
async fn an_event_of_a_newer_program_is_named() {
    let scene = scene().await;
    let append =
        "SELECT FROM pgcutover.append($1, $2, NULL, 'teleported', '{\"kind\":\"teleported\"}')";
    let lease = scene.journal.lease();
    let client = &scene.database.client;
    client
        .query(append, &[&lease.run.0, &lease.token])
        .await
        .unwrap();
    let read = scene
        .journal
        .catch_up(&head_of(&scene.resumed.events))
        .await;
    let error = read.unwrap_err();
    assert!(matches!(error, ReadError::Unreadable { seq: Seq(3), .. }));
    assert!(error.to_string().contains("`teleported`"), "{error}");
}

#[tokio::test]
async fn events_that_the_server_lost_are_told_and_the_journal_goes_on() {
    let mut scene = scene().await;
    let appended = scene
        .journal
        .append(Seq(2), &[held("a"), held("b")], None)
        .await
        .unwrap();
    // As on a standby that was promoted without the last event.
    let lose = "UPDATE pgcutover.head SET seq = 3, hash = (SELECT hash FROM pgcutover.event WHERE seq = 3);
                DELETE FROM pgcutover.event WHERE seq = 4";
    scene.database.client.batch_execute(lose).await.unwrap();
    let resumed = scene
        .journal
        .rejoin(lead(&scene.database.dsn).await)
        .await
        .unwrap();
    assert_eq!(resumed.unsaid, appended[1..]);
    scene
        .journal
        .append(Seq(3), &[held("what was unsaid")], None)
        .await
        .unwrap();
    scene.journal.accept_loss().await;
    let resumed = scene
        .journal
        .rejoin(lead(&scene.database.dsn).await)
        .await
        .unwrap();
    assert_eq!((resumed.events.len(), resumed.unsaid.len()), (4, 0));
    assert_eq!(scene.journal.log_trouble(), None);
    assert_eq!(std::fs::read_dir(scene.state.path()).unwrap().count(), 2);
}

#[tokio::test]
async fn a_reader_that_saw_what_the_server_lost_is_told_so() {
    let scene = scene().await;
    let appended = scene
        .journal
        .append(Seq(2), &[held("a"), held("b")], None)
        .await
        .unwrap();
    let seen = head_of(&appended);
    assert_eq!(scene.journal.catch_up(&seen).await.unwrap().len(), 0);
    let lose = "UPDATE pgcutover.head SET seq = 3, hash = (SELECT hash FROM pgcutover.event WHERE seq = 3);
                DELETE FROM pgcutover.event WHERE seq = 4";
    scene.database.client.batch_execute(lose).await.unwrap();
    let lost = scene.journal.catch_up(&seen).await;
    let broken = Break::Lost { seq: Seq(4) };
    assert!(matches!(lost, Err(ReadError::Broken(found)) if found == broken));
    // Another event in its place is another journal, and so is what follows it.
    let more = [held("c"), held("d")];
    scene.journal.append(Seq(3), &more, None).await.unwrap();
    let changed = scene.journal.catch_up(&seen).await;
    let broken = Break::Changed { seq: Seq(4) };
    assert!(matches!(changed, Err(ReadError::Broken(found)) if found == broken));
}

#[tokio::test]
async fn a_standby_is_read_and_not_written() {
    let scene = scene().await;
    support::shared().catch_up().unwrap();
    let mut standby = lead(&scene.database.standby_dsn).await;
    let run = &scene.journal.lease().run;
    let read = events(&standby, run, &Head::default()).await.unwrap();
    assert_eq!(read, scene.resumed.events);
    let begun = begin(&mut standby, &plan("another")).await;
    assert!(
        matches!(&begun, Err(CreateError::Fault(fault)) if fault.trouble == Trouble::ReadOnly),
        "{begun:?}"
    );
}
