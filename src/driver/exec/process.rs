//! Owns one process and its group: how it starts, what it writes, how it ends;
//! never judges it.

use std::ffi::OsString;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::Surroundings;
use super::hidden::Hidden;
use crate::runbook::Exec;
use crate::text::clean_bounded;

/// Bytes of output that are kept, the newest.
pub(super) const KEPT: usize = 64 * 1024;
/// Longest line that is shown, in characters.
pub(super) const MAX_LINE: usize = 200;
/// How long output may still come once the command has ended: a process that it
/// left running may hold the pipe open for ever.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// Passed on besides what the runbook names.
const PASSED_ON: [&str; 4] = ["PATH", "HOME", "LANG", "TMPDIR"];

/// What a command that ended gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finished {
    /// Its exit code; none where a signal ended it.
    pub(super) exit: Option<i32>,
    /// Its standard output, the newest 64 KiB; as it came, not clean.
    pub(super) output: String,
    /// The last line of its output, or of its errors where it wrote any; clean.
    pub(super) last_line: String,
    /// How long it took.
    pub(super) took: Duration,
}

/// Why there is no exit code.
#[derive(Debug, thiserror::Error)]
pub(super) enum ExecError {
    /// It never ran: nothing has happened.
    #[error("`{program}` did not start: {reason}")]
    NotStarted {
        /// The program.
        program: String,
        /// The system's words.
        reason: String,
    },
    /// It took too long and was ended: what it did is not known.
    #[error("`{program}` did not end within {limit:?}, it was killed")]
    TimedOut {
        /// The program.
        program: String,
        /// What was allowed.
        limit: Duration,
    },
    /// The system lost it: what it did is not known.
    #[error("`{program}` could not be waited for: {reason}")]
    Lost {
        /// The program.
        program: String,
        /// The system's words.
        reason: String,
    },
}

/// Runs the command to its end. Dropping the future ends it and its group.
pub(super) async fn run(
    exec: &Exec,
    surroundings: &Surroundings,
    line: &(dyn Fn(String) + Send + Sync),
) -> Result<Finished, ExecError> {
    let began = Instant::now();
    let program = name(exec);
    let variables = variables(exec, surroundings);
    let given = variables
        .iter()
        .filter(|(name, _)| !PASSED_ON.contains(name));
    let hidden = Hidden::of(given.map(|(name, value)| (*name, value.as_os_str())));
    let mut child = match command(exec, surroundings, variables).spawn() {
        Ok(child) => child,
        Err(error) => {
            let reason = error.to_string();
            return Err(ExecError::NotStarted { program, reason });
        }
    };
    let group = Group(child.id());
    let Ok(ended) = timeout(exec.timeout, follow(&mut child, &hidden, line)).await else {
        drop(group);
        // Killed: it does not keep us waiting.
        let _ = child.wait().await;
        let limit = exec.timeout;
        return Err(ExecError::TimedOut { program, limit });
    };
    let (status, output, errors) = ended.map_err(|error| ExecError::Lost {
        program,
        reason: error.to_string(),
    })?;
    group.has_ended();
    Ok(Finished {
        exit: status.code(),
        last_line: last_line(&errors, &hidden)
            .or_else(|| last_line(&output, &hidden))
            .unwrap_or_default(),
        output: String::from_utf8_lossy(&output).into_owned(),
        took: began.elapsed(),
    })
}

/// What the command gets to know, by name.
fn variables<'e>(exec: &'e Exec, surroundings: &Surroundings) -> Vec<(&'e str, OsString)> {
    let passed_on = PASSED_ON
        .into_iter()
        .chain(exec.env.iter().map(String::as_str));
    let variables = passed_on.filter_map(|name| {
        let ours = surroundings.vars.get(name).map(OsString::from);
        Some((name, ours.or_else(|| std::env::var_os(name))?))
    });
    variables.collect()
}

fn command(exec: &Exec, surroundings: &Surroundings, variables: Vec<(&str, OsString)>) -> Command {
    let mut command = Command::new(program(exec, &surroundings.directory));
    command
        .args(exec.run.iter().skip(1))
        .current_dir(&surroundings.directory)
        .env_clear()
        .envs(variables)
        .env("PGCUTOVER_RUN", &surroundings.run.0)
        .env("PGCUTOVER_STEP", surroundings.step.as_str())
        .env("PGCUTOVER_IDEMPOTENCY_KEY", &surroundings.idempotency_key)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    command
}

/// A bare name is found through PATH; a path is relative to the runbook.
fn program(exec: &Exec, directory: &Path) -> OsString {
    let program = exec.run.first().map_or("", String::as_str);
    match program.contains('/') {
        true => directory.join(program).into(),
        false => program.into(),
    }
}

/// Reads both outputs until the command has ended.
async fn follow(
    child: &mut Child,
    hidden: &Hidden,
    line: &(dyn Fn(String) + Send + Sync),
) -> std::io::Result<(ExitStatus, Vec<u8>, Vec<u8>)> {
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let status = {
        let reading = async {
            tokio::join!(
                read(stdout, &mut output, hidden, line),
                read(stderr, &mut errors, hidden, line)
            )
        };
        let mut reading = std::pin::pin!(reading);
        tokio::select! {
            biased;
            _ = &mut reading => child.wait().await?,
            status = child.wait() => {
                let _ = timeout(LAST_WORDS, reading).await;
                status?
            }
        }
    };
    Ok((status, output, errors))
}

/// Reads to the end, keeps the newest part, tells each new last line. An error
/// ends the reading as the end does.
async fn read(
    pipe: Option<impl AsyncRead + Unpin>,
    kept: &mut Vec<u8>,
    hidden: &Hidden,
    line: &(dyn Fn(String) + Send + Sync),
) {
    let Some(mut pipe) = pipe else { return };
    let mut part = vec![0; 8 * 1024];
    while let Ok(count @ 1..) = pipe.read(&mut part).await {
        kept.extend_from_slice(&part[..count]);
        let over = kept.len().saturating_sub(KEPT);
        kept.drain(..over);
        if part[..count].contains(&b'\n')
            && let Some(newest) = last_line(kept, hidden)
        {
            line(newest);
        }
    }
}

/// The last line that is not blank, clean and without what is hidden.
fn last_line(output: &[u8], hidden: &Hidden) -> Option<String> {
    let line = output
        .rsplit(|byte| *byte == b'\n')
        .find(|line| !line.trim_ascii().is_empty())?;
    let text = String::from_utf8_lossy(line);
    Some(clean_bounded(hidden.out_of(&text).trim(), MAX_LINE))
}

/// The program's name alone: arguments may hold what nobody should read.
pub(super) fn name(exec: &Exec) -> String {
    clean_bounded(exec.run.first().map_or("", String::as_str), MAX_LINE)
}

/// A command's process group; dropping it kills everyone in it.
struct Group(Option<u32>);

impl Group {
    /// The command has been waited for: its id may be somebody else's soon.
    fn has_ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(id) = self.0 {
            // The standard library signals single processes only.
            let _ = std::process::Command::new("/bin/sh")
                .args(["-c", "kill -s KILL -- \"-$0\"", &id.to_string()])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
        }
    }
}
