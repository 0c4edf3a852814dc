//! Owns the head of the printed plan: what, where, who, when, within which limits.

use super::notices;
use super::page::Page;
use crate::plan::Plan;
use crate::report::format;
use crate::runbook::unit::Unit;
use crate::runbook::{
    Connection, ConnectionSource, Guard, Permission, Role, Signal, Threshold, Window, WindowScope,
};

/// Writes the head.
pub(super) fn write(page: &mut Page, plan: &Plan) {
    let body = &plan.body;
    page.line(0, &format!("plan {}", plan.hash()));
    page.blank();
    page.line(0, &format!("{}: {}", body.cutover.id, body.cutover.title));
    page.prose(2, &body.cutover.summary);
    page.blank();
    page.line(0, &format!("environment  {}", body.cutover.environment));
    page.line(0, &format!("runbook      {}", body.runbook_hash));
    page.line(
        0,
        &format!(
            "looked at    {}",
            plan.observed.at.strftime("%Y-%m-%d %H:%M:%S UTC")
        ),
    );
    page.blank();
    for connection in &body.connections {
        page.prose(
            0,
            &format!("connection {}", connection_words(plan, connection)),
        );
    }
    for role in &body.roles {
        page.prose(0, &format!("role {}", role_words(role)));
    }
    if let Some(window) = &body.window {
        page.prose(0, &format!("window {}", window_words(window)));
    }
    page.prose(0, &ddl_words(plan));
    for guard in &body.guards {
        page.prose(0, &format!("guard {}", guard_words(guard)));
    }
    page.blank();
    notices(page, plan, 0, None);
}

fn connection_words(plan: &Plan, connection: &Connection) -> String {
    let mut words = format!("`{}`, {}", connection.id, source_words(&connection.source));
    if let Some(server) = plan.observed.servers.get(&connection.id) {
        let (major, minor) = (server.version_num / 10_000, server.version_num % 10_000);
        words += &format!(
            ": database `{}` on Postgres {major}.{minor}",
            server.database
        );
    }
    if let Some(primary) = connection.expect.primary {
        words += if primary {
            ", a primary"
        } else {
            ", a standby"
        };
    }
    if plan.body.journal == connection.id {
        words += ", holds the journal";
    }
    for standby in &connection.standbys {
        words += &format!(", standby `{}`", standby.id);
    }
    words
}

fn source_words(source: &ConnectionSource) -> String {
    match source {
        ConnectionSource::UrlEnv(name) => format!("from ${name}"),
        ConnectionSource::Service(name) => format!("from the service `{name}`"),
        ConnectionSource::Environment => "from the PG* variables".into(),
    }
}

fn role_words(role: &Role) -> String {
    let may: Vec<_> = role.can.iter().map(|can| permission(*can)).collect();
    let contact = role.contact.iter().map(|contact| format!("; {contact}"));
    let members = role.members.join(", ");
    format!(
        "`{}`: {members}; may {}{}",
        role.id,
        may.join(", "),
        contact.collect::<String>()
    )
}

fn permission(permission: Permission) -> &'static str {
    match permission {
        Permission::Advance => "advance",
        Permission::Waive => "waive",
        Permission::Rollback => "rollback",
        Permission::Sign => "sign",
        Permission::TakeOver => "take over",
    }
}

fn window_words(window: &Window) -> String {
    let spans = window.allow.iter().map(|span| {
        let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        format!(
            "{} {}-{}",
            day_words(&span.days),
            clock(span.from_minute),
            clock(span.to_minute)
        )
    });
    let scope = window.applies_to.iter().map(|scope| match scope {
        WindowScope::Advance => "advance",
        WindowScope::Ddl => "ddl",
    });
    let (spans, scope): (Vec<_>, Vec<_>) = (spans.collect(), scope.collect());
    let mut words = format!(
        "{} ({}), for {}",
        spans.join("; "),
        window.tz,
        scope.join(" and ")
    );
    for freeze in &window.freeze {
        words += &format!("; closed {} to {}: {}", freeze.from, freeze.to, freeze.why);
    }
    words
}

/// `Mon-Thu`, or each by its name where they are no run.
fn day_words(days: &[u8]) -> String {
    const NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let name = |day: &u8| NAMES[usize::from(day.clamp(&1, &7) - 1)];
    let is_run = days.windows(2).all(|pair| pair[0] + 1 == pair[1]);
    match days {
        [first, _, .., last] if is_run => format!("{}-{}", name(first), name(last)),
        _ => days.iter().map(name).collect::<Vec<_>>().join(" "),
    }
}

fn ddl_words(plan: &Plan) -> String {
    let ddl = &plan.body.ddl;
    format!(
        "locks: lock_timeout {}, deadline {}, {} retries every {}, given up behind {} waiters",
        format::duration(ddl.lock_timeout),
        format::duration(ddl.deadline),
        ddl.retry_max,
        format::duration(ddl.retry_every),
        ddl.max_waiters,
    )
}

fn guard_words(guard: &Guard) -> String {
    let unit = guard.signal.unit();
    let mut words = format!(
        "`{}`: {} every {}",
        guard.id,
        signal_words(&guard.signal),
        format::duration(guard.every)
    );
    if let Some(throttle) = &guard.throttle {
        words += &format!("; throttles {}", threshold_words(throttle, unit));
    }
    if let Some(stall) = &guard.stall {
        words += &format!(
            "; stalls {} until at or below {}",
            threshold_words(&stall.at, unit),
            unit.show(stall.until_below)
        );
    }
    if let Some(hold) = &guard.hold {
        words += &format!("; holds {}", threshold_words(hold, unit));
    }
    let (stall, hold) = (guard.no_data.stall, guard.no_data.hold);
    words
        + &format!(
            "; unknown stalls after {}, holds after {}",
            format::duration(stall),
            format::duration(hold)
        )
}

fn signal_words(signal: &Signal) -> String {
    match signal {
        Signal::ReplicationLag { standby: None } => "replication lag, the worst".into(),
        Signal::ReplicationLag { standby: Some(id) } => format!("replication lag of {id}"),
        Signal::WaitingBehindUs => "sessions that wait behind ours".into(),
        Signal::WalRate => "write-ahead log a second".into(),
        Signal::ArchiveQueue => "files that wait to be archived".into(),
        Signal::SlotRetention { slot: None } => "log that slots keep, the worst".into(),
        Signal::SlotRetention { slot: Some(slot) } => format!("log that slot {slot} keeps"),
        Signal::OldestXmin => "transactions since the oldest snapshot".into(),
        Signal::DeadTuples { table } => format!("dead tuples of {table}"),
        Signal::ActiveBackends => "active sessions of others".into(),
        Signal::Sql { query, on, timeout } => {
            format!("`{query}` on {on}, at most {},", format::duration(*timeout))
        }
    }
}

fn threshold_words(threshold: &Threshold, unit: Unit) -> String {
    let above = unit.show(threshold.above);
    match threshold.hold_for.is_zero() {
        true => format!("above {above}"),
        false => format!("above {above} for {}", format::duration(threshold.hold_for)),
    }
}
