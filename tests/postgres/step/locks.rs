//! Waits for locks: bounded, watched, given up, and never long after the work.

use super::*;

#[tokio::test]
async fn a_lock_that_is_not_to_be_had_is_given_up() {
    let rig = Rig::new().await;
    let _holder = rig.holding("SELECT * FROM users").await;
    let mut job = job(&["ALTER TABLE users ADD COLUMN one text"]);
    job.ddl.lock_timeout = Duration::from_millis(50);
    assert_eq!(
        rig.run(&job).await.unwrap_err().trouble,
        Trouble::LockTimeout
    );
    job.action.transaction = false;
    assert_eq!(
        rig.run(&job).await.unwrap_err().trouble,
        Trouble::LockTimeout
    );
}

#[tokio::test]
async fn the_deadline_ends_a_wait_that_lock_timeout_allows() {
    let rig = Rig::new().await;
    let holder = rig.holding("SELECT * FROM users").await;
    let mut job = patient(job(&["ALTER TABLE users ADD COLUMN one text"]));
    job.ddl.deadline = Duration::from_millis(200);
    let began = Instant::now();
    let fault = rig.run(&job).await.unwrap_err();
    assert_eq!(fault.trouble, Trouble::Deadline, "{fault:?}");
    assert!(fault.statement.is_some());
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    // Nobody queues behind a request that is gone, and the session goes on.
    holder.batch_execute("ROLLBACK").await.unwrap();
    rig.run(&job).await.unwrap();
}

#[tokio::test]
async fn a_timeout_of_its_own_replaces_the_deadline() {
    let rig = Rig::new().await;
    let mut job = job(&["SELECT pg_sleep(0.5)"]);
    job.ddl.deadline = Duration::from_millis(100);
    assert_eq!(rig.run(&job).await.unwrap_err().trouble, Trouble::Deadline);
    job.action.statement_timeout = Some(PATIENCE);
    rig.run(&job).await.unwrap();
}

#[tokio::test]
async fn a_request_with_a_queue_behind_it_is_given_up() {
    let rig = Rig::new().await;
    let _holder = rig.holding("SELECT * FROM users").await;
    let mut job = patient(job(&["ALTER TABLE users ADD COLUMN one text"]));
    job.ddl.max_waiters = 1;
    let readers = async {
        rig.until_progress(|progress| progress.waits_for.is_some())
            .await;
        let (one, other) = tokio::join!(
            support::connect(&rig.database.dsn),
            support::connect(&rig.database.dsn),
        );
        let (one, other) = tokio::join!(
            one.batch_execute("SELECT * FROM users"),
            other.batch_execute("SELECT * FROM users"),
        );
        // Not behind us any more: the holder does not conflict with them.
        one.and(other).unwrap();
    };
    let (result, ()) = tokio::join!(rig.run(&job), readers);
    let fault = result.unwrap_err();
    assert_eq!(fault.trouble, Trouble::TooManyWaiters, "{fault:?}");
    assert!(fault.message.contains("2 sessions"), "{fault}");
    assert!(
        fault.message.contains("ACCESS EXCLUSIVE on users"),
        "{fault}"
    );
}

#[tokio::test]
async fn a_role_without_privileges_counts_waiters_all_the_same() {
    let rig = Rig::new().await;
    let role = format!("plain_{}", rig.database.name);
    let grants = format!(
        "CREATE ROLE {role} LOGIN;
         ALTER TABLE users OWNER TO {role};
         GRANT CREATE ON SCHEMA public TO {role};
         GRANT USAGE ON SCHEMA pgcutover TO {role};
         GRANT ALL ON ALL TABLES IN SCHEMA pgcutover TO {role};
         GRANT ALL ON ALL FUNCTIONS IN SCHEMA pgcutover TO {role}"
    );
    rig.database.client.batch_execute(&grants).await.unwrap();
    let dsn = rig
        .database
        .dsn
        .replace("user=postgres", &format!("user={role}"));
    let (step, control) = tokio::join!(
        session(&dsn, Purpose::Step),
        session(&dsn, Purpose::Control)
    );
    let rig = Rig {
        step,
        control,
        ..rig
    };
    let _holder = rig.holding("SELECT * FROM users").await;
    let mut job = patient(job(&["ALTER TABLE users ADD COLUMN one text"]));
    job.ddl.max_waiters = 0;
    let reader = async {
        rig.until_progress(|progress| progress.waits_for.is_some())
            .await;
        rig.database
            .client
            .batch_execute("SELECT * FROM users")
            .await
            .unwrap();
    };
    let (result, ()) = tokio::join!(rig.run(&job), reader);
    assert_eq!(result.unwrap_err().trouble, Trouble::TooManyWaiters);
}

#[tokio::test]
async fn a_hold_ends_a_statement_that_waits_for_a_lock() {
    let rig = Rig::new().await;
    let _holder = rig.holding("SELECT * FROM users").await;
    let job = patient(job(&["ALTER TABLE users ADD COLUMN one text"]));
    let hold = async {
        rig.until_progress(|progress| progress.waits_for.is_some())
            .await;
        rig.stop.send_replace(Stop::AtSafePoint);
    };
    let (result, ()) = tokio::join!(rig.run(&job), hold);
    assert_eq!(result.unwrap_err().trouble, Trouble::Interrupted);
    // And nothing new begins.
    assert_eq!(
        rig.run(&job).await.unwrap_err().trouble,
        Trouble::Interrupted
    );
    assert_eq!(rig.columns().await, 2);
}

#[tokio::test]
async fn a_hold_lets_a_statement_that_runs_go_on_and_a_cancel_does_not() {
    let rig = Rig::new().await;
    let gate = rig.holding("SELECT pg_advisory_xact_lock(4711)").await;
    // Runs, as far as locks on relations go, until the test lets it.
    let spin =
        "DO $$ BEGIN WHILE EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                WHERE l.locktype = 'advisory' AND l.objid = 4711 AND d.datname = current_database())
                LOOP PERFORM pg_sleep(0.01); END LOOP; END $$";
    let job = patient(job(&[spin]));
    let held = async {
        rig.until_some("wait_event = 'PgSleep'").await;
        rig.stop.send_replace(Stop::AtSafePoint);
        tokio::time::sleep(Duration::from_millis(300)).await;
        gate.batch_execute("ROLLBACK").await.unwrap();
    };
    let (result, ()) = tokio::join!(rig.run(&job), held);
    result.unwrap();

    rig.stop.send_replace(Stop::No);
    let _gate = rig.holding("SELECT pg_advisory_xact_lock(4711)").await;
    let cancelled = async {
        rig.until_some("wait_event = 'PgSleep'").await;
        rig.stop.send_replace(Stop::Now);
    };
    let (result, ()) = tokio::join!(rig.run(&job), cancelled);
    assert_eq!(result.unwrap_err().trouble, Trouble::Interrupted);
    assert_eq!(rig.events().await, 1);
}

#[tokio::test]
async fn a_dropped_step_is_cancelled_on_the_server() {
    let rig = Rig::new().await;
    let _holder = rig.holding("SELECT * FROM users").await;
    let job = patient(job(&["ALTER TABLE users ADD COLUMN one text"]));
    tokio::select! {
        _ = rig.run(&job) => panic!("it cannot end by itself"),
        () = rig.until_waiting() => {}
    }
    // A reader would queue behind the request for as long as it is there.
    let reader = rig.database.client.batch_execute("SELECT * FROM users");
    tokio::time::timeout(PATIENCE, reader)
        .await
        .unwrap()
        .unwrap();
}

/// The whole transaction is with the server by the time it waits for its lock,
/// so a client that is stopped then (SIGSTOP, a sleeping laptop) does not keep
/// the lock once it is granted.
#[tokio::test]
async fn a_client_that_stops_in_the_middle_of_ddl_blocks_nobody() {
    let rig = Rig::new().await;
    let holder = rig.holding("SELECT * FROM users").await;
    let dsn = rig.database.dsn.clone();
    let (thaw, thawed) = std::sync::mpsc::channel::<()>();
    let (freezes, mut is_frozen) = tokio::sync::mpsc::unbounded_channel();
    let client = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let (step, control) = tokio::join!(
                session(&dsn, Purpose::Step),
                session(&dsn, Purpose::Control)
            );
            let sessions = Sessions {
                step: &step,
                control: &control,
            };
            let stop = watch::Sender::new(Stop::No);
            // Two statements: their own order is in one flight too.
            let job = patient(job(&[
                "ALTER TABLE users ADD one text",
                "ALTER TABLE users ADD two text",
            ]));
            // Freezes this whole client, its connections too, as soon as it
            // learns that it waits.
            let thawed = Mutex::new(thawed);
            let freeze = move |progress: SqlProgress| {
                if progress.waits_for.is_some() {
                    freezes.send(()).unwrap();
                    let _ = thawed.lock().unwrap().recv();
                }
            };
            run(sessions, &job, stop.subscribe(), &freeze).await
        })
    });
    is_frozen.recv().await.unwrap();
    holder.batch_execute("ROLLBACK").await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(4);
    while rig.columns().await < 4 {
        assert!(
            Instant::now() < deadline,
            "not committed while the client stood still"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(rig.events().await, 1);
    drop(thaw);
    client.join().unwrap().unwrap();
}

#[tokio::test]
async fn locks_are_gone_before_a_missing_standby_is_waited_for() {
    let cluster = support::start(false, &[("synchronous_standby_names", "nobody")]);
    let dsn = cluster.primary().dsn("postgres");
    let client = support::connect(&dsn).await;
    client
        .batch_execute("SET synchronous_commit = local")
        .await
        .unwrap();
    client.batch_execute(SCHEMA).await.unwrap();
    client.batch_execute(JOURNAL).await.unwrap();
    client.batch_execute(TABLE).await.unwrap();
    let (step, control) = tokio::join!(
        session(&dsn, Purpose::Step),
        session(&dsn, Purpose::Control)
    );
    // Only the commit could keep the lock for so long.
    let job = patient(job(&["ALTER TABLE users ADD COLUMN one text"]));
    let sessions = Sessions {
        step: &step,
        control: &control,
    };
    let began = Instant::now();
    let reader = async {
        let count = "SELECT count(*) FROM pgcutover.event";
        while client.query_one(count, &[]).await.unwrap().get::<_, i64>(0) == 0 {
            assert!(began.elapsed() < PATIENCE, "the commit does not end");
        }
        client.batch_execute("SELECT one FROM users").await.unwrap();
        began.elapsed()
    };
    let stop = watch::Sender::new(Stop::No);
    let (done, read) = tokio::join!(run(sessions, &job, stop.subscribe(), &|_| {}), reader);
    assert!(!done.unwrap().replicated);
    let took = began.elapsed();
    assert!(
        took > read + Duration::from_secs(3),
        "read after {read:?}, ended after {took:?}"
    );
}

#[tokio::test]
async fn a_stop_is_heard_while_the_control_session_does_not_answer() {
    let rig = Rig::new().await;
    let job = patient(separate(&["SELECT pg_sleep(15)"]));
    // Its next answer comes behind this one.
    let deaf = rig.control.client().batch_execute("SELECT pg_sleep(15)");
    let told = async {
        rig.until_some("query LIKE 'SELECT pg_sleep%' AND application_name = 'pgcutover:step'")
            .await;
        // Longer than it takes until it looks for the first time.
        tokio::time::sleep(Duration::from_millis(300)).await;
        rig.stop.send_replace(Stop::Now);
        Instant::now()
    };
    let work = async {
        let (fault, told) = tokio::join!(rig.run(&job), told);
        (fault.unwrap_err(), told.elapsed())
    };
    let (fault, took) = tokio::select! {
        done = work => done,
        _ = deaf => panic!("not heard"),
    };
    assert_eq!(fault.trouble, Trouble::Interrupted, "{fault:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
}
