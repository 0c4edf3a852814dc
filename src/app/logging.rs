//! Where the program's own debug log goes: to the screen's log page, or to
//! standard error. The operators' events come from the journal, not from here.

use std::io::{self, IsTerminal};

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt, registry};

use crate::tui;

/// What a variable like `PGCUTOVER_LOG=debug` says; warnings otherwise.
const VARIABLE: &str = "PGCUTOVER_LOG";

/// For a process with a screen: kept for its log page.
pub(super) fn on_screen() {
    let filter = EnvFilter::new("pgcutover=debug");
    // A second subscriber in one process would be a mistake in here, and costs
    // only the log.
    let _ = registry()
        .with(filter)
        .with(tui::log::layer(tui_logger::LevelFilter::Debug))
        .try_init();
}

/// For a process without one.
pub(super) fn on_stderr() {
    let filter = EnvFilter::try_from_env(VARIABLE).unwrap_or_else(|_| EnvFilter::new("warn"));
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let lines = fmt::layer().with_writer(io::stderr).with_target(false);
    let lines = lines.with_ansi(colour);
    let _ = registry().with(filter).with(lines).try_init();
}
