//! The plan of the rename runbook, by hand: six phases, one guard, every kind
//! of gate and most kinds of step.

use std::collections::BTreeMap;
use std::time::Duration;

use pgcutover::plan::{
    Body, Forecast, LockMode, Notice, Observed, Phase, Plan, PlannedStep, Table, TableSize, Work,
};
use pgcutover::runbook::{
    Action, At, Backfill, Chunking, Condition, Connection, ConnectionId, ConnectionSource, Cutover,
    Ddl, Enter, Exec, ExecExpect, Expect, Gate, GateId, Guard, GuardId, NoData, OnDisconnect,
    Parity, ParityGate, Permission, PhaseId, Probe, Reversal, Role, RoleId, Signal, SqlAction,
    Stall, Step, StepId, TableName, Threshold, Triggers, Walk, WeeklySpan, Window, WindowScope,
    Writes,
};

fn main_connection() -> ConnectionId {
    ConnectionId::new("main")
}

fn users() -> TableName {
    TableName {
        schema: Some("public".into()),
        name: "users".into(),
    }
}

fn sql(statements: &[&str]) -> Action {
    Action::Sql(SqlAction {
        statements: statements.iter().map(|s| (*s).into()).collect(),
        file: None,
        transaction: true,
        lock_timeout: None,
        statement_timeout: None,
        expect: None,
    })
}

fn exec(value: &str) -> Exec {
    Exec {
        run: ["flagctl", "set", "read_new", value].map(Into::into).into(),
        timeout: Duration::from_secs(30),
        env: Vec::new(),
        expect: ExecExpect::default(),
    }
}

fn probe(value: &str) -> Probe {
    let mut probe = exec(value);
    probe.run[1] = "expect".into();
    Probe::Command(probe)
}

fn step(id: &str, action: Action, reversal: Reversal) -> PlannedStep {
    let forecast = match &action {
        Action::Sql(sql) => sql.statements.iter().map(|s| forecast(s)).collect(),
        _ => Vec::new(),
    };
    PlannedStep {
        table: matches!(action, Action::Backfill(_) | Action::Parity(_)).then(|| Table {
            schema: "public".into(),
            name: "users".into(),
            key: Vec::new(),
            set: Vec::new(),
            into: Vec::new(),
        }),
        step: Step {
            id: StepId::new(id),
            on: main_connection(),
            action,
            reversal,
            done_when: None,
            undo_done_when: None,
            accept: BTreeMap::new(),
        },
        forecast,
        undo_forecast: Vec::new(),
    }
}

fn forecast(sql: &str) -> Forecast {
    let trigger = sql.contains("TRIGGER");
    Forecast {
        sql: sql.into(),
        lock: Some(if trigger {
            LockMode::ShareRowExclusive
        } else {
            LockMode::AccessExclusive
        }),
        relation: Some(users()),
        work: Work::Catalog,
    }
}

fn flag(id: &str, value: &str) -> PlannedStep {
    let mut planned = step(
        id,
        Action::Exec(exec(value)),
        Reversal::Keep("the flag goes back at once".into()),
    );
    planned.step.done_when = Some(probe(value));
    planned
}

fn gate(id: &str, at: At, condition: Condition) -> Gate {
    Gate {
        id: GateId::new(id),
        at,
        condition,
        waivable: true,
        every: Duration::from_secs(2),
    }
}

fn query(sql: &str) -> Condition {
    Condition::Sql {
        query: sql.into(),
        on: main_connection(),
    }
}

fn signoff() -> Condition {
    Condition::Signoff {
        seats: vec![RoleId::new("app")],
        valid_for: Duration::from_secs(7_200),
    }
}

fn phase(id: &str, notes: &str, steps: Vec<PlannedStep>, gates: Vec<Gate>) -> Phase {
    Phase {
        id: PhaseId::new(id),
        owner: Some(RoleId::new("dba")),
        notes: (!notes.is_empty()).then(|| notes.into()),
        enter: Enter::Person,
        point_of_no_return: false,
        compatible: std::collections::BTreeMap::new(),
        steps,
        rollback: None,
        gates,
    }
}

fn copy() -> Action {
    Action::Backfill(Backfill {
        table: users(),
        key: vec!["id".into()],
        writes: Writes::Set(vec![("email_address".into(), "email".into())]),
        walk: Walk::Table,
        filter: Some("email_address IS DISTINCT FROM email".into()),
        chunk: Chunking::default(),
        workers: 1,
        max_quarantined: 0,
        vacuum: None,
        triggers: Triggers::Refuse,
    })
}

fn compare() -> Action {
    Action::Parity(Parity {
        table: users(),
        key: vec!["id".into()],
        left: "email".into(),
        right: "email_address".into(),
        filter: None,
        chunk: Chunking::default(),
    })
}

fn phases() -> Vec<Phase> {
    let add = sql(&["ALTER TABLE public.users ADD COLUMN email_address text"]);
    let drop = sql(&["ALTER TABLE public.users DROP COLUMN email_address"]);
    let triggers = sql(&[
        "CREATE FUNCTION users_email_sync() RETURNS trigger\nLANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
        "CREATE TRIGGER users_email_sync BEFORE INSERT OR UPDATE ON public.users\nFOR EACH ROW EXECUTE FUNCTION users_email_sync()",
    ]);
    let no_triggers = sql(&["DROP FUNCTION users_email_sync() CASCADE"]);
    let exact = Condition::Parity(ParityGate {
        check: StepId::new("emails"),
        coverage: 1.0,
        confirmed: 0,
        max_age: Duration::from_secs(7_200),
    });
    let bake = Condition::Soak {
        duration: Duration::from_secs(604_800),
        resets_on: vec!["replica-lag".into()],
    };
    let mut exact = gate("exact", At::Exit, exact);
    exact.waivable = false;
    let mut read_switch = phase(
        "read-switch",
        "Readers move to the new column, 10% first.",
        vec![flag("flag-10", "10"), flag("flag-100", "100")],
        vec![
            gate("app-signs", At::Exit, signoff()),
            gate("bake", At::Exit, bake),
        ],
    );
    read_switch.rollback = Some(vec![flag("flag-0", "0")]);
    let drop_old = Reversal::Irreversible("the old column's data is gone".into());
    let mut contract = phase(
        "contract",
        "",
        vec![step(
            "drop-old",
            sql(&["ALTER TABLE public.users DROP COLUMN email"]),
            drop_old,
        )],
        vec![gate(
            "old-clients-gone",
            At::Entry,
            query("SELECT count(*) = 0 FROM old_clients"),
        )],
    );
    contract.point_of_no_return = true;
    vec![
        phase(
            "expand",
            "Additive. Old and new application versions both work.",
            vec![step("add-column", add, Reversal::Derived(Box::new(drop)))],
            vec![gate("old-app-works", At::Exit, signoff())],
        ),
        phase(
            "dual-write",
            "From here on both columns are written; the new one wins.",
            vec![step(
                "triggers",
                triggers,
                Reversal::Undo(Box::new(no_triggers)),
            )],
            Vec::new(),
        ),
        phase(
            "backfill",
            "Safe to pause and resume at any time.",
            vec![step(
                "copy",
                copy(),
                Reversal::Keep("goes with the column".into()),
            )],
            vec![
                gate(
                    "copied",
                    At::Exit,
                    query("SELECT NOT EXISTS (SELECT 1 FROM public.users)"),
                ),
                gate("in-window", At::Exit, Condition::Window),
            ],
        ),
        phase(
            "verify",
            "",
            vec![step("emails", compare(), Reversal::Nothing)],
            vec![exact],
        ),
        read_switch,
        contract,
    ]
}

fn guard() -> Guard {
    let above = |above, seconds| Threshold {
        above,
        hold_for: Duration::from_secs(seconds),
    };
    Guard {
        id: GuardId::new("replica-lag"),
        every: Duration::from_secs(1),
        signal: Signal::ReplicationLag { standby: None },
        throttle: Some(above(2.0, 0)),
        stall: Some(Stall {
            at: above(10.0, 3),
            until_below: 2.0,
        }),
        hold: Some(above(60.0, 30)),
        no_data: NoData::default(),
    }
}

fn role(id: &str, can: &[Permission], contact: Option<&str>) -> Role {
    Role {
        id: RoleId::new(id),
        members: vec![format!("{id}_team")],
        can: can.to_vec(),
        contact: contact.map(Into::into),
    }
}

/// Open for four days from this one, Monday = 1, between 9 and 16 o'clock.
pub(crate) fn window(from: u8) -> Window {
    Window {
        allow: vec![WeeklySpan {
            days: (from..from + 4).collect(),
            from_minute: 9 * 60,
            to_minute: 16 * 60,
        }],
        tz: "Europe/Berlin".into(),
        applies_to: vec![WindowScope::Advance, WindowScope::Ddl],
        freeze: Vec::new(),
    }
}

/// The plan.
pub(crate) fn plan() -> Plan {
    let size = TableSize::plain(Some(20_000_000), 3_400_000_000);
    Plan {
        body: Body {
            format: 1,
            runbook_hash: "0".repeat(64),
            cutover: Cutover {
                id: "users-email-rename".into(),
                title: "users.email -> users.email_address".into(),
                summary:
                    "Renames the login address. If in doubt, hold: nothing is lost by waiting."
                        .into(),
                environment: "production".into(),
                channel: Some("#cutover-users".into()),
                on_disconnect: OnDisconnect::GoOn,
            },
            connections: vec![Connection {
                id: main_connection(),
                source: ConnectionSource::UrlEnv("DATABASE_URL".into()),
                expect: Expect::default(),
                standbys: Vec::new(),
            }],
            journal: main_connection(),
            roles: vec![
                role(
                    "lead",
                    &[Permission::Advance, Permission::Rollback, Permission::Waive],
                    None,
                ),
                role(
                    "dba",
                    &[Permission::Advance, Permission::Sign],
                    Some("page dba"),
                ),
                role("app", &[Permission::Sign], Some("#checkout")),
            ],
            window: Some(window(2)),
            ddl: Ddl::default(),
            guards: vec![guard()],
            phases: phases(),
        },
        observed: Observed {
            at: "2026-03-03T13:00:00Z".parse().expect("a timestamp"),
            servers: BTreeMap::new(),
            tables: BTreeMap::from([(users().to_string(), size)]),
            costs: BTreeMap::new(),
            notices: vec![Notice {
                step: Some(StepId::new("drop-old")),
                code: "goes-with-column".into(),
                message: "unique index users_email_key goes with users.email".into(),
            }],
        },
    }
}
