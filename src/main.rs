//! The binary: exit code and panic hook, nothing else.

use std::process::ExitCode;

use clap::Parser;
use pgcutover::app;
use pgcutover::cli::Cli;

fn main() -> color_eyre::Result<ExitCode> {
    // Before any terminal is touched: its hook has to be the outer one.
    color_eyre::config::HookBuilder::default()
        .display_env_section(false)
        .install()?;
    app::main(Cli::parse())
}
