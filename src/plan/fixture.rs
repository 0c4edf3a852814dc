//! Small plans built by hand, for tests of the pure core.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::{Body, Observed, Phase, Plan, PlannedStep};
use crate::runbook::{
    Action, At, Backfill, Chunking, Condition, Connection, ConnectionId, ConnectionSource, Cutover,
    Ddl, Enter, Exec, ExecExpect, Expect, Gate, GateId, Guard, GuardId, Manual, NoData,
    OnDisconnect, Parity, ParityGate, Permission, PhaseId, Reversal, Role, RoleId, Signal,
    SqlAction, Stall, Step, StepId, TableName, Threshold, Triggers, Walk, Writes,
};

/// A plan of these phases, one connection, role `lead` held by `ana`, who may
/// do everything, and role `app` held by `bo`, who may sign.
pub(crate) fn plan(phases: Vec<Phase>) -> Plan {
    let main = ConnectionId::new("main");
    let role = |id: &str, member: &str, can: &[Permission]| Role {
        id: RoleId::new(id),
        members: vec![member.into()],
        can: can.to_vec(),
        contact: None,
    };
    use Permission::{Advance, Rollback, Sign, Waive};
    Plan {
        body: Body {
            format: crate::runbook::FORMAT,
            runbook_hash: "00".repeat(32),
            cutover: Cutover {
                id: "rename".into(),
                title: "users.email -> users.email_address".into(),
                summary: "If in doubt, hold.".into(),
                environment: "test".into(),
                channel: None,
                on_disconnect: OnDisconnect::GoOn,
            },
            connections: vec![Connection {
                id: main.clone(),
                source: ConnectionSource::Environment,
                expect: Expect::default(),
                standbys: Vec::new(),
            }],
            journal: main,
            roles: vec![
                role("lead", "ana", &[Advance, Waive, Rollback, Sign]),
                role("app", "bo", &[Sign]),
            ],
            window: None,
            ddl: Ddl::default(),
            guards: Vec::new(),
            phases,
        },
        observed: Observed {
            at: Timestamp::UNIX_EPOCH,
            servers: BTreeMap::new(),
            tables: BTreeMap::new(),
            costs: BTreeMap::new(),
            notices: Vec::new(),
        },
    }
}

/// A phase that a person enters.
pub(crate) fn phase(id: &str, steps: Vec<PlannedStep>) -> Phase {
    Phase {
        id: PhaseId::new(id),
        owner: None,
        notes: None,
        enter: Enter::Person,
        point_of_no_return: false,
        compatible: BTreeMap::new(),
        steps,
        rollback: None,
        gates: Vec::new(),
    }
}

fn step(id: &str, action: Action, reversal: Reversal) -> PlannedStep {
    PlannedStep {
        step: Step {
            id: StepId::new(id),
            on: ConnectionId::new("main"),
            action,
            reversal,
            done_when: None,
            undo_done_when: None,
            accept: BTreeMap::new(),
        },
        table: None,
        forecast: Vec::new(),
        undo_forecast: Vec::new(),
    }
}

/// Transactional SQL.
pub(crate) fn sql_action(statement: &str) -> Action {
    Action::Sql(SqlAction {
        statements: vec![statement.into()],
        file: None,
        transaction: true,
        lock_timeout: None,
        statement_timeout: None,
        expect: None,
    })
}

/// A `sql` step with an undo.
pub(crate) fn sql(id: &str) -> PlannedStep {
    let undo = Reversal::Undo(Box::new(sql_action("SELECT 'back'")));
    step(id, sql_action("SELECT 'forward'"), undo)
}

/// A `sql` step that cannot go back.
pub(crate) fn drop_old(id: &str) -> PlannedStep {
    let lost = Reversal::Irreversible("the old column's data".into());
    step(id, sql_action("SELECT 'drop'"), lost)
}

fn table() -> TableName {
    TableName {
        schema: Some("public".into()),
        name: "users".into(),
    }
}

/// A backfill whose result stays.
pub(crate) fn backfill(id: &str) -> PlannedStep {
    let action = Action::Backfill(Backfill {
        table: table(),
        key: vec!["id".into()],
        writes: Writes::Set(vec![("email_address".into(), "email".into())]),
        walk: Walk::Table,
        filter: None,
        chunk: Chunking::default(),
        workers: 1,
        max_quarantined: 0,
        vacuum: None,
        triggers: Triggers::Refuse,
    });
    step(id, action, Reversal::Keep("expand drops the column".into()))
}

/// A comparison.
pub(crate) fn parity(id: &str) -> PlannedStep {
    let action = Action::Parity(Parity {
        table: table(),
        key: vec!["id".into()],
        left: "email".into(),
        right: "email_address".into(),
        filter: None,
        chunk: Chunking::default(),
    });
    step(id, action, Reversal::Nothing)
}

/// A command with an undo.
pub(crate) fn exec(id: &str) -> PlannedStep {
    let run = |arg: &str| {
        Action::Exec(Exec {
            run: vec!["flagctl".into(), arg.into()],
            timeout: Duration::from_secs(30),
            env: Vec::new(),
            expect: ExecExpect::default(),
        })
    };
    step(id, run("on"), Reversal::Undo(Box::new(run("off"))))
}

/// A question.
pub(crate) fn manual(id: &str) -> PlannedStep {
    let action = Action::Manual(Manual {
        ask: "Done?".into(),
    });
    step(id, action, Reversal::Nothing)
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

/// A gate that asks a query.
pub(crate) fn sql_gate(id: &str, at: At) -> Gate {
    let condition = Condition::Sql {
        query: "SELECT true".into(),
        on: ConnectionId::new("main"),
    };
    gate(id, at, condition)
}

/// A sign-off by the seat `app`.
pub(crate) fn signoff(id: &str, at: At) -> Gate {
    let condition = Condition::Signoff {
        seats: vec![RoleId::new("app")],
        valid_for: Duration::from_secs(3600),
    };
    gate(id, at, condition)
}

/// A soak of so many seconds.
pub(crate) fn soak(id: &str, at: At, seconds: u64, resets_on: &[&str]) -> Gate {
    let condition = Condition::Soak {
        duration: Duration::from_secs(seconds),
        resets_on: resets_on.iter().map(|id| (*id).to_owned()).collect(),
    };
    gate(id, at, condition)
}

/// A gate on a comparison: everything verified, nothing confirmed, this hour.
pub(crate) fn parity_gate(id: &str, check: &str) -> Gate {
    let condition = Condition::Parity(ParityGate {
        check: StepId::new(check),
        coverage: 1.0,
        confirmed: 0,
        max_age: Duration::from_secs(3600),
    });
    gate(id, At::Exit, condition)
}

/// A lag guard: throttles above 2 s, stalls above 10 s for 3 s until below
/// 2 s, holds above 60 s for 30 s.
pub(crate) fn lag_guard(id: &str) -> Guard {
    let above = |above: f64, seconds: u64| Threshold {
        above,
        hold_for: Duration::from_secs(seconds),
    };
    Guard {
        id: GuardId::new(id),
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
