//! Snapshots of every state that the screen names, made by the real fold from
//! journals that could have been written, so that no picture is impossible.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pgcutover::engine::snapshot::{
    BackfillView, Eta, GateView, GuardView, Link, PaceView, Running, Snapshot, State, UndoView,
};
use pgcutover::reading::Reading;
use pgcutover::reading::server::{
    Activity, Blocker, Blocking, Readings, Replica, ReplicaState, Server, SessionId,
};
use pgcutover::run::event::{
    Actor, BackfillSummary, Event, EventKind, Evidence, Next, ParitySummary, Percent, RunId, Rung,
    Scope, Seq, Summary, Task, Verdict,
};
use pgcutover::run::evolve::fold;
use pgcutover::run::fault::{Fault, Trouble};
use pgcutover::run::progress::{BackfillProgress, BackfillStage, ParityProgress, Progress};
use pgcutover::runbook::{GateId, GuardId, PhaseId, RoleId, StepId};

use super::plan::plan;

/// Every state, in the order of design.md.
pub const STATES: [State; 17] = [
    State::NotStarted,
    State::Running,
    State::Throttled,
    State::Stalled,
    State::Paused,
    State::Holding,
    State::Held,
    State::Soaking,
    State::WaitingFor,
    State::WindowClosed,
    State::InDoubt,
    State::Stuck,
    State::NoLead,
    State::Reconnecting,
    State::RollingBack,
    State::Finished,
    State::RolledBack,
];

/// 2026-03-03 14:02:11Z: all pictures are taken then.
pub fn now() -> Timestamp {
    "2026-03-03T14:02:11Z".parse().expect("a timestamp")
}

fn ago(seconds: i64) -> Timestamp {
    now() - SignedDuration::from_secs(seconds)
}

fn ana() -> Actor {
    Actor::Person("ana".into())
}

fn step(id: &str) -> StepId {
    StepId::new(id)
}

/// A journal under construction, an event a second up to [`now`].
struct Journal(Vec<EventKind>);

impl Journal {
    fn new() -> Self {
        let plan = Arc::new(plan());
        let plan_hash = plan.hash();
        Self(vec![
            EventKind::RunCreated {
                run: RunId("0195f2d4-0000-7000-8000-000000000001".into()),
                plan,
                plan_hash,
                by: ana(),
                tool: "0.1.0".into(),
            },
            EventKind::LeadTaken {
                epoch: 1,
                by: ana(),
                host: "ops-1".into(),
                reason: None,
            },
        ])
    }

    fn push(mut self, kind: EventKind) -> Self {
        self.0.push(kind);
        self
    }

    fn enter(self, phase: &str) -> Self {
        self.push(EventKind::PhaseEntered {
            phase: PhaseId::new(phase),
            attempt: 1,
            by: ana(),
            evidence: Vec::new(),
        })
    }

    fn start(self, task: Task) -> Self {
        self.push(EventKind::StepStarted { task, attempt: 1 })
    }

    fn done(self, id: &str, summary: Summary) -> Self {
        let task = Task::forward(step(id));
        self.start(task.clone())
            .push(EventKind::StepSucceeded { task, summary })
    }

    fn sql(self, id: &str) -> Self {
        let summary = Summary::Sql {
            rows: 0,
            took_ms: 12,
        };
        self.done(id, summary)
    }

    fn through_dual_write(self) -> Self {
        self.enter("expand")
            .sql("add-column")
            .enter("dual-write")
            .sql("triggers")
    }

    fn in_backfill(self) -> Self {
        self.through_dual_write()
            .enter("backfill")
            .start(Task::forward(step("copy")))
    }

    fn through_backfill(self) -> Self {
        let summary = Summary::Backfill(BackfillSummary {
            rows_visited: 20_000_000,
            rows_written: 19_876_543,
            chunks: 9_800,
            swept: 20_000_000,
            took_ms: 5_400_000,
            ..BackfillSummary::default()
        });
        self.through_dual_write()
            .enter("backfill")
            .done("copy", summary)
    }

    fn through_verify(self) -> Self {
        let summary = Summary::Parity(ParitySummary {
            rows: 20_000_000,
            coverage: 1.0,
            confirmed: 0,
            hot: 0,
            samples: Vec::new(),
            wal: ("2/A0000000".into(), "2/A8000000".into()),
            at: ago(90),
            took_ms: 240_000,
        });
        self.through_backfill()
            .enter("verify")
            .done("emails", summary)
    }

    fn flag(self, id: &str) -> Self {
        let summary = Summary::Exec {
            exit: 0,
            took_ms: 80,
        };
        self.done(id, summary)
    }

    fn held(self) -> Self {
        self.push(EventKind::Held {
            by: ana(),
            reason: "checkout errors are up".into(),
        })
    }

    fn finished(self) -> Self {
        self.through_verify()
            .enter("read-switch")
            .flag("flag-10")
            .flag("flag-100")
            .enter("contract")
            .sql("drop-old")
            .push(EventKind::Finished)
    }

    fn events(self) -> Vec<Event> {
        let last = self.0.len() as i64;
        let event = |(at, kind)| {
            let seq = at as i64 + 1;
            Event {
                seq: Seq(seq),
                at: ago((last - seq) * 7 + 13),
                kind,
                hash: format!("{:064x}", seq * 0x9e37_79b9),
            }
        };
        self.0.into_iter().enumerate().map(event).collect()
    }
}

/// The picture of a state.
pub fn snapshot(state: State) -> Snapshot {
    match state {
        State::NotStarted => not_started(),
        State::Running => running(),
        State::Throttled => throttled(),
        State::Stalled => stalled(),
        State::Paused => paused(),
        State::Holding => holding(),
        State::Held => held(),
        State::Soaking => soaking(),
        State::WaitingFor => waiting_for(),
        State::WindowClosed => window_closed(),
        State::InDoubt => in_doubt(),
        State::Stuck => stuck(),
        State::NoLead => no_lead(),
        State::Reconnecting => reconnecting(),
        State::RollingBack => rolling_back(),
        State::Finished => finished(),
        State::RolledBack => rolled_back(),
    }
}

fn base(journal: Journal, state: State, verdict: &str) -> Snapshot {
    let events = journal.events();
    let run = fold(&events).expect("a legal journal").expect("not empty");
    Snapshot {
        now: now(),
        run: Arc::new(run),
        events: Arc::new(events),
        lead: true,
        user: "ana".into(),
        link: Link::Up,
        unrecorded_hold: false,
        state,
        verdict: verdict.into(),
        gates: Vec::new(),
        guards: vec![guard(0.3, Rung::Quiet)],
        running: BTreeMap::new(),
        backfill: None,
        undo: UndoView::default(),
        readings: readings(300),
        observers: 2,
        replies: Vec::new(),
    }
}

fn guard(lag: f64, rung: Rung) -> GuardView {
    let (next, at) = if lag < 2.0 {
        (Rung::Throttle, 2.0)
    } else if lag < 10.0 {
        (Rung::Stall, 10.0)
    } else {
        (Rung::Hold, 60.0)
    };
    GuardView {
        guard: GuardId::new("replica-lag"),
        signal: "replay lag",
        value: Reading::measured(lag, ago(1)),
        rung,
        limit: Some((next, at)),
        reason: format!("replica-b {lag:.1} s"),
    }
}

fn replica(name: &str, state: ReplicaState, lag_ms: Option<u64>) -> Replica {
    Replica {
        name: name.into(),
        state,
        replay_lag: lag_ms.map(Duration::from_millis),
        replay_bytes: Some(12 * 1024),
        heartbeat_lag: None,
        sync: false,
    }
}

fn readings(lag_ms: u64) -> Readings {
    let worst = if lag_ms > 2000 {
        ReplicaState::Lagging
    } else {
        ReplicaState::Ok
    };
    Readings {
        server: Reading::measured(
            Server {
                version_num: 160_004,
                version: "16.4".into(),
                database: "app".into(),
                in_recovery: false,
                system_identifier: None,
                timeline: Some(1),
            },
            ago(60),
        ),
        replication: Reading::measured(
            vec![
                replica("replica-a", ReplicaState::Ok, Some(40)),
                replica("replica-b", worst, Some(lag_ms)),
            ],
            ago(1),
        ),
        locks: Reading::measured(Blocking::default(), ago(1)),
        wal_rate: Reading::measured(18.0 * 1024.0 * 1024.0, ago(1)),
        activity: Reading::measured(
            Activity {
                active: 7,
                idle_in_transaction: 1,
                total: 42,
                limit: 200,
                oldest_transaction: Some(Duration::from_millis(1_800)),
            },
            ago(3),
        ),
    }
}

/// A request of ours that waits, with sessions behind it.
pub fn blocking() -> Blocking {
    let session = |pid, application: &str, query: &str, waited: Option<u64>| Blocker {
        session: Some(SessionId {
            pid,
            started_us: i64::from(pid),
        }),
        ours: application.starts_with("pgcutover"),
        application: application.into(),
        user: "app".into(),
        state: "active".into(),
        query: query.into(),
        transaction_age: Some(Duration::from_secs(44)),
        waited: waited.map(Duration::from_millis),
        wants: waited.map(|_| "ACCESS EXCLUSIVE on users".into()),
        behind: Vec::new(),
        folded: 0,
    };
    let mut ours = session(
        4711,
        "pgcutover:step",
        "ALTER TABLE public.users ADD COLUMN",
        Some(240),
    );
    let mut client = session(
        4802,
        "shop/1.9",
        "SELECT email FROM users WHERE id = $1",
        Some(210),
    );
    client.wants = Some("ACCESS SHARE on users".into());
    ours.behind = vec![client];
    ours.folded = 2;
    let mut root = session(4400, "nightly-export", "COPY users TO STDOUT", None);
    root.behind = vec![ours];
    Blocking {
        roots: vec![root],
        waiting_on_us: 3,
        queued_behind_our_wait: 3,
        longest_on_us: Some(Duration::from_millis(210)),
        waiting: 4,
    }
}

fn gate(
    id: &str,
    kind: &'static str,
    verdict: Verdict,
    reason: &str,
    fraction: Option<f64>,
) -> GateView {
    GateView {
        gate: GateId::new(id),
        kind,
        evidence: Evidence {
            gate: GateId::new(id),
            verdict,
            reason: reason.into(),
            at: ago(2),
        },
        fraction,
    }
}

fn backfill_view(effective: u8, taken: &[(&str, u8)]) -> BackfillView {
    BackfillView {
        task: Task::forward(step("copy")),
        progress: BackfillProgress {
            stage: BackfillStage::Copy,
            rows_done: 12_620_000,
            rows_total: 20_000_000,
            rows_written: 12_500_000,
            chunks: 6_310,
            chunk_rows: 2_000,
            last_chunk: Duration::from_millis(190),
            conflicts: 2,
            lost_ms: BTreeMap::from([
                ("replica-b lag".into(), 380_000),
                ("WAL budget".into(), 40_000),
            ]),
            last_key: vec!["12620000".into()],
            ..BackfillProgress::default()
        },
        rate: (effective > 0).then_some(4_100.0),
        eta: (effective > 0).then_some(Eta {
            low: Duration::from_secs(2_100),
            high: Duration::from_secs(3_300),
        }),
        pace: PaceView {
            ceiling: Percent(100),
            effective: Percent(effective),
            taken: taken
                .iter()
                .map(|(who, much)| ((*who).into(), Percent(*much)))
                .collect(),
        },
        elapsed: Duration::from_secs(1_000),
    }
}

fn copying(mut snapshot: Snapshot, effective: u8, taken: &[(&str, u8)]) -> Snapshot {
    let view = backfill_view(effective, taken);
    snapshot.running.insert(
        view.task.clone(),
        Running {
            since: ago(1_000),
            progress: Some(Progress::Backfill(view.progress.clone())),
            stopping: false,
        },
    );
    snapshot.backfill = Some(view);
    snapshot.gates = vec![
        gate("copied", "sql", Verdict::NoGo, "7.4M rows differ", None),
        gate("in-window", "window", Verdict::Go, "open until 16:00", None),
    ];
    snapshot.undo = UndoView {
        tasks: Vec::new(),
        expected: None,
        impossible: None,
        losses: vec!["copied values stay until expand is rolled back".into()],
    };
    snapshot
}

fn not_started() -> Snapshot {
    let verdict = "a advances into expand; nothing has been touched yet";
    base(Journal::new(), State::NotStarted, verdict)
}

fn running() -> Snapshot {
    let verdict = "backfill copies public.users, 63.1%, at full pace";
    copying(
        base(Journal::new().in_backfill(), State::Running, verdict),
        100,
        &[],
    )
}

fn throttled() -> Snapshot {
    let journal = Journal::new().in_backfill().push(EventKind::PaceChanged {
        pace: Percent(60),
        reasons: vec!["replica-b replay lag 8.1s".into()],
    });
    let verdict = "throttled to 60% by replica-b replay lag 8.1s";
    let mut snapshot = copying(
        base(journal, State::Throttled, verdict),
        60,
        &[("replica-b lag", 40)],
    );
    snapshot.guards = vec![guard(8.1, Rung::Throttle)];
    snapshot.readings = readings(8_100);
    snapshot
}

fn stalled() -> Snapshot {
    let journal = Journal::new()
        .in_backfill()
        .push(EventKind::PaceChanged {
            pace: Percent::ZERO,
            reasons: vec!["replica-b replay lag 14.2s".into()],
        })
        .push(EventKind::GuardChanged {
            guard: GuardId::new("replica-lag"),
            rung: Rung::Stall,
            reason: "replica-b 14.2 s, above 10 s for 3 s".into(),
        });
    let verdict = "stalled by replica-b replay lag 14.2s; goes on by itself below 2s";
    let mut snapshot = copying(
        base(journal, State::Stalled, verdict),
        0,
        &[("replica-b lag", 100)],
    );
    snapshot.guards = vec![guard(14.2, Rung::Stall)];
    snapshot.readings = readings(14_200);
    snapshot
}

fn paused() -> Snapshot {
    let journal = Journal::new()
        .in_backfill()
        .push(EventKind::Paused { by: ana() });
    let verdict = "the backfill is paused by ana since 14:01:58; r resumes";
    copying(base(journal, State::Paused, verdict), 0, &[])
}

fn holding() -> Snapshot {
    let verdict = "held by ana; copy stops at the end of its chunk";
    let mut snapshot = copying(
        base(Journal::new().in_backfill().held(), State::Holding, verdict),
        100,
        &[],
    );
    for running in snapshot.running.values_mut() {
        running.stopping = true;
    }
    snapshot
}

fn held() -> Snapshot {
    let task = Task::forward(step("copy"));
    let journal = Journal::new()
        .in_backfill()
        .held()
        .push(EventKind::StepFailed {
            task,
            fault: Fault::new(Trouble::Interrupted, "held at the end of a chunk"),
            next: Next::Later,
        });
    let verdict = "held by ana: checkout errors are up; r releases";
    let mut snapshot = copying(base(journal, State::Held, verdict), 0, &[]);
    snapshot.running.clear();
    snapshot
}

fn soaking() -> Snapshot {
    let journal = Journal::new()
        .through_verify()
        .enter("read-switch")
        .flag("flag-10")
        .flag("flag-100");
    let verdict = "bake: 1d04h of 7d observed GO; contract waits for it";
    let mut snapshot = base(journal, State::Soaking, verdict);
    snapshot.gates = vec![
        gate(
            "app-signs",
            "signoff",
            Verdict::Go,
            "app: cora GO at 13:55",
            None,
        ),
        gate(
            "bake",
            "soak",
            Verdict::Pending,
            "1d04h of 7d00h, reset never",
            Some(0.166),
        ),
        gate(
            "old-clients-gone",
            "sql",
            Verdict::NoGo,
            "3 sessions of shop/1.9",
            None,
        ),
    ];
    snapshot.undo = UndoView {
        tasks: vec![Task::forward(step("flag-0"))],
        expected: Some(Duration::from_millis(90)),
        impossible: None,
        losses: Vec::new(),
    };
    snapshot
}

fn waiting_for() -> Snapshot {
    let journal = Journal::new().enter("expand").sql("add-column");
    let verdict = "app to sign old-app-works; then a advances into dual-write";
    let mut snapshot = base(journal, State::WaitingFor, verdict);
    snapshot.gates = vec![gate(
        "old-app-works",
        "signoff",
        Verdict::Pending,
        "app has not answered",
        None,
    )];
    snapshot.undo = UndoView {
        tasks: vec![Task::back(step("add-column"))],
        expected: Some(Duration::from_millis(12)),
        impossible: None,
        losses: Vec::new(),
    };
    snapshot
}

fn window_closed() -> Snapshot {
    let mut snapshot = waiting_for();
    snapshot.state = State::WindowClosed;
    snapshot.verdict =
        "the window opens at Tue 09:00 Europe/Berlin; rollback is free at any time".into();
    snapshot.gates = vec![
        gate(
            "old-app-works",
            "signoff",
            Verdict::Go,
            "app: cora GO at 13:40",
            None,
        ),
        gate(
            "in-window",
            "window",
            Verdict::NoGo,
            "opens Tue 09:00 Europe/Berlin",
            None,
        ),
    ];
    snapshot
}

fn in_doubt() -> Snapshot {
    let task = Task::forward(step("flag-10"));
    let journal = Journal::new()
        .through_verify()
        .enter("read-switch")
        .start(task.clone())
        .push(EventKind::StepInDoubt {
            task,
            why: "the command was under way when the lead was lost, and its probe gives exit 2"
                .into(),
        });
    let verdict = "nobody knows whether flag-10 is done; o settles it";
    let mut snapshot = base(journal, State::InDoubt, verdict);
    snapshot.undo = UndoView {
        tasks: vec![Task::forward(step("flag-0"))],
        expected: None,
        impossible: Some("flag-10 is in doubt: settle it first (o)".into()),
        losses: Vec::new(),
    };
    snapshot
}

fn rolling(journal: Journal) -> Journal {
    journal
        .push(EventKind::RollbackStarted {
            phase: PhaseId::new("dual-write"),
            scope: Scope::Phase,
            by: ana(),
            reason: Some("checkout writes are slow".into()),
        })
        .start(Task::back(step("triggers")))
}

fn stuck() -> Snapshot {
    let mut fault = Fault::new(Trouble::Privilege, "must be owner of table users")
        .with_hint("grant the role, then `o` tries it again");
    fault.sqlstate = Some("42501".into());
    let journal = rolling(Journal::new().through_dual_write()).push(EventKind::StepFailed {
        task: Task::back(step("triggers")),
        fault,
        next: Next::Person,
    });
    let verdict = "the undo of triggers failed: a person decides; nothing was skipped";
    base(journal, State::Stuck, verdict)
}

fn no_lead() -> Snapshot {
    let verdict = "nobody holds the lease since 14:01:40; `pgcutover take-over` takes it";
    let mut snapshot = copying(
        base(Journal::new().in_backfill(), State::NoLead, verdict),
        100,
        &[],
    );
    snapshot.lead = false;
    snapshot.user = "bo".into();
    snapshot.running.clear();
    snapshot
}

fn reconnecting() -> Snapshot {
    let mut snapshot = running();
    snapshot.state = State::Reconnecting;
    snapshot.link = Link::Down {
        since: ago(12),
        error: "connection refused".into(),
    };
    snapshot
}

fn rolling_back() -> Snapshot {
    let journal = rolling(Journal::new().through_dual_write());
    let verdict = "taking dual-write back, begun by ana: undo of triggers";
    let mut snapshot = base(journal, State::RollingBack, verdict);
    snapshot.running.insert(
        Task::back(step("triggers")),
        Running {
            since: ago(1),
            progress: None,
            stopping: false,
        },
    );
    snapshot.readings.locks = Reading::measured(blocking(), ago(0));
    snapshot
}

fn finished() -> Snapshot {
    let verdict = "every phase is done; q leaves";
    base(Journal::new().finished(), State::Finished, verdict)
}

fn rolled_back() -> Snapshot {
    let journal = Journal::new()
        .enter("expand")
        .sql("add-column")
        .push(EventKind::RollbackStarted {
            phase: PhaseId::new("expand"),
            scope: Scope::Unwind,
            by: ana(),
            reason: None,
        })
        .push(EventKind::StepStarted {
            task: Task::back(step("add-column")),
            attempt: 1,
        })
        .push(EventKind::StepSucceeded {
            task: Task::back(step("add-column")),
            summary: Summary::Sql {
                rows: 0,
                took_ms: 9,
            },
        })
        .push(EventKind::PhaseRolledBack {
            phase: PhaseId::new("expand"),
        });
    let verdict = "unwound to the start; the database is as it was";
    base(journal, State::RolledBack, verdict)
}

/// A comparison under way, with suspects.
pub fn comparing() -> Snapshot {
    let task = Task::forward(step("emails"));
    let journal = Journal::new()
        .through_backfill()
        .enter("verify")
        .start(task.clone());
    let mut snapshot = base(
        journal,
        State::Running,
        "verify compares public.users, 6.0%",
    );
    snapshot.running.insert(
        task,
        Running {
            since: ago(4),
            progress: Some(Progress::Parity(ParityProgress {
                rows_done: 1_200_000,
                rows_total: 20_000_000,
                suspects: 3,
                confirmed: 0,
                hot: 1,
                rows_per_second: 310_000.0,
            })),
            stopping: false,
        },
    );
    snapshot.gates = vec![gate(
        "exact",
        "parity",
        Verdict::Pending,
        "0 bad of 1.2M, coverage 6.0% of 100%",
        Some(0.06),
    )];
    snapshot
}

/// Before the contract phase, every gate open.
pub fn before_contract() -> Snapshot {
    let mut snapshot = soaking();
    snapshot.state = State::WaitingFor;
    snapshot.verdict = "a person: a advances into contract, the point of no return".into();
    for gate in &mut snapshot.gates {
        gate.evidence.verdict = Verdict::Go;
        gate.evidence.reason = "ok".into();
        gate.fraction = Some(1.0);
    }
    snapshot
}

/// Who may sign, for tests of roles.
pub fn seat() -> RoleId {
    RoleId::new("app")
}
