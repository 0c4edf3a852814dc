//! Owns how a step and its way back read in the printed plan.

use super::notices;
use super::page::Page;
use crate::plan::{Forecast, LockMode, Plan, PlannedStep, Table, TableSize, Work};
use crate::report::{format, preflight};
use crate::runbook::{
    Action, Backfill, Chunking, Exec, Parity, Probe, Reversal, SqlAction, SqlExpect, StepId, Wait,
    Walk, Writes,
};

/// Writes a step under its number.
pub(super) fn write(page: &mut Page, plan: &Plan, number: &str, step: &PlannedStep) {
    let on = match plan.body.connections.len() {
        0 | 1 => String::new(),
        _ => format!(" on {}", step.step.on),
    };
    let kind = step.action().kind();
    page.line(2, &format!("{number} {}  {kind}{on}", step.id()));
    action(
        page,
        plan,
        (6, step.id()),
        step.action(),
        &step.forecast,
        step.table.as_ref(),
    );
    if let Some(probe) = step.done_when() {
        page.prose(6, &format!("done when {}", probe_words(probe)));
    }
    reversal(page, plan, step);
    notices(page, plan, 6, Some(step.id()));
}

fn reversal(page: &mut Page, plan: &Plan, step: &PlannedStep) {
    match step.reversal() {
        Reversal::Undo(undo) => {
            page.line(4, "undo");
            action(page, plan, (6, step.id()), undo, &step.undo_forecast, None);
        }
        Reversal::Derived(undo) => {
            page.line(4, "undo, derived");
            action(page, plan, (6, step.id()), undo, &step.undo_forecast, None);
        }
        Reversal::Keep(reason) => page.prose(4, &format!("stays on the way back: {reason}")),
        Reversal::Irreversible(lost) => page.prose(4, &format!("IRREVERSIBLE: {lost}")),
        Reversal::Nothing => {}
    }
}

fn action(
    page: &mut Page,
    plan: &Plan,
    (indent, step): (usize, &StepId),
    action: &Action,
    forecast: &[Forecast],
    table: Option<&Table>,
) {
    match action {
        Action::Sql(sql) => {
            page.prose(indent, &sql_words(sql));
            forecasts(page, plan, indent, forecast);
        }
        Action::Backfill(backfill) => {
            page.prose(indent, &backfill_words(backfill, table));
            let cost = plan.observed.costs.get(step);
            for line in cost.iter().flat_map(|cost| preflight::lines(cost)) {
                page.prose(indent, &format!("-- {line}"));
            }
            forecasts(page, plan, indent, forecast);
        }
        Action::Parity(parity) => {
            page.prose(indent, &parity_words(parity, table));
            size(page, plan, indent, forecast);
        }
        Action::Exec(exec) => page.prose(indent, &exec_words(exec)),
        Action::Manual(manual) => page.prose(indent, &format!("asks: {}", manual.ask)),
        Action::Wait(wait) => page.prose(indent, &wait_words(wait)),
    }
}

/// Each statement with what it does to others.
fn forecasts(page: &mut Page, plan: &Plan, indent: usize, forecasts: &[Forecast]) {
    for forecast in forecasts {
        page.verbatim(indent, &format!("{};", forecast.sql));
        page.prose(indent, &format!("-- {}", forecast_words(plan, forecast)));
    }
}

fn forecast_words(plan: &Plan, forecast: &Forecast) -> String {
    let work = match forecast.work {
        Work::Catalog => "catalog only",
        Work::Scan => "reads the whole table",
        Work::Rewrite => "writes the whole table anew",
        Work::Rows => "touches rows",
        Work::Unknown => return "its locks and its work cannot be told from its text".into(),
    };
    let Some(lock) = forecast.lock else {
        return format!("no table lock; {work}");
    };
    let relation = forecast.relation.iter().map(|relation| {
        let size = plan.observed.tables.get(&relation.to_string());
        let size = size.map_or_else(String::new, |size| format!(" ({})", size_words(*size)));
        format!(" on {relation}{size}")
    });
    let relation: String = relation.collect();
    format!("{}{relation}: {}; {work}", lock.word(), blocks_words(lock))
}

/// What a lock keeps others from, by the manual's table of conflicts.
fn blocks_words(lock: LockMode) -> &'static str {
    match lock {
        LockMode::AccessShare | LockMode::RowShare | LockMode::RowExclusive => "blocks DDL",
        LockMode::ShareUpdateExclusive => "blocks DDL and vacuum",
        LockMode::Share | LockMode::ShareRowExclusive | LockMode::Exclusive => "blocks writes",
        LockMode::AccessExclusive => "blocks reads and writes",
    }
}

fn size(page: &mut Page, plan: &Plan, indent: usize, forecasts: &[Forecast]) {
    let tables = forecasts
        .iter()
        .filter_map(|forecast| forecast.relation.as_ref());
    for table in tables {
        if let Some(size) = plan.observed.tables.get(&table.to_string()) {
            page.line(indent, &format!("-- {table}: {}", size_words(*size)));
        }
    }
}

fn size_words(size: TableSize) -> String {
    let rows = match size.rows {
        Some(rows) => format!("{} rows", format::count(rows)),
        None => "not analyzed".into(),
    };
    format!("{rows}, {}", format::bytes(size.bytes as f64))
}

fn sql_words(sql: &SqlAction) -> String {
    let mut words = match sql.transaction {
        true => "in one transaction with its event".to_owned(),
        false => "each statement by itself".to_owned(),
    };
    if let Some(file) = &sql.file {
        words += &format!(", from {file}");
    }
    if let Some(timeout) = sql.lock_timeout {
        words += &format!(", lock_timeout {}", format::duration(timeout));
    }
    if let Some(timeout) = sql.statement_timeout {
        words += &format!(", statement_timeout {}", format::duration(timeout));
    }
    match &sql.expect {
        Some(SqlExpect::Rows(rows)) => words += &format!(", expects {rows} rows"),
        Some(SqlExpect::Value(value)) => words += &format!(", expects the value `{value}`"),
        None => {}
    }
    words
}

fn backfill_words(backfill: &Backfill, table: Option<&Table>) -> String {
    let workers = match backfill.workers {
        1 => "1 worker".to_owned(),
        several => format!("{several} workers"),
    };
    let only = match backfill.walk {
        Walk::Table => "",
        Walk::Rows => ", the rows that match alone",
    };
    let proof = match &backfill.writes {
        Writes::Set(_) => "then one pass that proves no row escaped".to_owned(),
        Writes::Into(_) => {
            "then one pass that proves each row is where it belongs, and nowhere else".to_owned()
        }
        Writes::Custom(custom) => {
            format!(
                "then one pass that proves no row is left of which holds: {}",
                custom.escaped
            )
        }
    };
    let vacuum = backfill.vacuum.map_or(String::new(), |vacuum| {
        format!(
            "; vacuumed between chunks above {} dead",
            format::share(vacuum.dead_tuples)
        )
    });
    format!(
        "{}{only}; {}; {workers}; at most {} rows in quarantine{vacuum}; {proof}",
        walk_words(&backfill.table.to_string(), table),
        chunk_words(&backfill.chunk),
        backfill.max_quarantined,
    )
}

fn parity_words(parity: &Parity, table: Option<&Table>) -> String {
    let filter = parity
        .filter
        .iter()
        .map(|filter| format!(" where {filter}"));
    format!(
        "compares `{}` with `{}` byte by byte{}; {}; {}",
        parity.left,
        parity.right,
        filter.collect::<String>(),
        walk_words(&parity.table.to_string(), table),
        chunk_words(&parity.chunk),
    )
}

fn walk_words(name: &str, table: Option<&Table>) -> String {
    let Some(table) = table else {
        return format!("walks {name}");
    };
    let key = table
        .key
        .iter()
        .map(|column| format!("{} {}", column.name, column.data_type));
    let key = key.collect::<Vec<_>>().join(", ");
    format!("walks {}.{} by ({key})", table.schema, table.name)
}

fn chunk_words(chunk: &Chunking) -> String {
    format!(
        "chunks of {} to {} rows, {} each",
        chunk.min,
        chunk.max,
        format::duration(chunk.target)
    )
}

fn exec_words(exec: &Exec) -> String {
    let mut words = format!(
        "runs {}, at most {}",
        command(exec),
        format::duration(exec.timeout)
    );
    if !exec.env.is_empty() {
        words += &format!(", with {}", exec.env.join(", "));
    }
    if exec.expect.exit != 0 {
        words += &format!(", expects exit code {}", exec.expect.exit);
    }
    if let Some(output) = &exec.expect.output {
        words += &format!(", expects the output `{output}`");
    }
    words
}

fn command(exec: &Exec) -> String {
    let words =
        exec.run.iter().map(
            |word| match word.contains(char::is_whitespace) || word.is_empty() {
                true => format!("{word:?}"),
                false => word.clone(),
            },
        );
    format!("`{}`", words.collect::<Vec<_>>().join(" "))
}

fn probe_words(probe: &Probe) -> String {
    match probe {
        Probe::Query(query) => format!("this is true: {query}"),
        Probe::Command(exec) => format!("{} exits with 0", command(exec)),
    }
}

fn wait_words(wait: &Wait) -> String {
    match wait {
        Wait::For(time) => format!("waits for {}", format::duration(*time)),
        Wait::Until {
            query,
            every,
            timeout,
        } => format!(
            "waits until this is true, asked every {}, at most {}: {query}",
            format::duration(*every),
            format::duration(*timeout),
        ),
    }
}
