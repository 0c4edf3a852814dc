//! Commands: `exec` steps and `done_when` commands.
//!
//! Owns how a program is run: no shell, a bare environment, its own process
//! group, a time limit, and output that is read to the end but kept only in
//! part. What a command did is never guessed: a probe's exit code 0 is done,
//! 1 is not done, anything else is not known.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::pg::step::Stop;
use crate::run::event::{RunId, Summary};
use crate::run::fault::{Fault, Trouble};
use crate::runbook::{Exec, StepId};
use crate::text::clean_bounded;

/// Output that is kept of each stream, in bytes.
const KEPT: usize = 64 * 1024;
/// The last line of output that is shown, in characters.
const LINE: usize = 200;
/// Variables that every command gets.
const ALWAYS: &[&str] = &["PATH", "HOME", "LANG", "TMPDIR"];

/// What a command is told about where it runs.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The runbook's directory: a program with a slash is relative to it.
    pub directory: PathBuf,
    /// Variables that stand for the process's own.
    pub vars: Arc<BTreeMap<String, String>>,
    /// `PGCUTOVER_RUN`.
    pub run: RunId,
    /// `PGCUTOVER_STEP`.
    pub step: StepId,
    /// `PGCUTOVER_IDEMPOTENCY_KEY`: the same for every try of one task.
    pub idempotency_key: String,
}

/// How a command ended, and what it said.
struct Output {
    status: ExitStatus,
    stdout: String,
    last_line: String,
}

/// Runs a step's command; `line` gets the last line of its output.
///
/// # Errors
/// `Unexpected` where it does not give what the runbook expects or runs into
/// its time limit, `Interrupted` where it was stopped, `Other` where it cannot
/// be started.
pub async fn run(
    exec: &Exec,
    surroundings: &Surroundings,
    stop: watch::Receiver<Stop>,
    line: impl Fn(String),
) -> Result<Summary, Fault> {
    let began = Instant::now();
    let output = finish(exec, surroundings, stop).await?;
    line(output.last_line.clone());
    let exit = output.status.code();
    if exit != Some(exec.expect.exit) {
        return Err(unexpected(exec, &output));
    }
    if let Some(wanted) = &exec.expect.output
        && !output.stdout.contains(wanted)
    {
        let message = format!("the output does not contain `{wanted}`");
        return Err(Fault::new(Trouble::Unexpected, message));
    }
    Ok(Summary::Exec {
        exit: exec.expect.exit,
        took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
    })
}

/// Runs a `done_when` command: done, not done, or not known.
///
/// # Errors
/// As [`run`], except for exit codes.
pub async fn probe(exec: &Exec, surroundings: &Surroundings) -> Result<Option<bool>, Fault> {
    let (_keep, never) = watch::channel(Stop::No);
    let output = finish(exec, surroundings, never).await?;
    Ok(match output.status.code() {
        Some(0) => Some(true),
        Some(1) => Some(false),
        _ => None,
    })
}

fn unexpected(exec: &Exec, output: &Output) -> Fault {
    let how = match output.status.code() {
        Some(code) => format!("exit code {code}"),
        None => "ended by a signal".to_owned(),
    };
    let program = exec.run.first().map_or("", String::as_str);
    let message = format!("`{program}`: {how}, {} expected", exec.expect.exit);
    let mut fault = Fault::new(Trouble::Unexpected, message);
    fault.detail = Some(output.last_line.clone()).filter(|line| !line.is_empty());
    fault
}

async fn finish(
    exec: &Exec,
    surroundings: &Surroundings,
    mut stop: watch::Receiver<Stop>,
) -> Result<Output, Fault> {
    let mut child = start(exec, surroundings)?;
    let group = child.id();
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let work = async {
        let (stdout, stderr, status) = tokio::join!(drain(stdout), drain(stderr), child.wait());
        status.map(|status| (status, stdout, stderr))
    };
    let fault = tokio::select! {
        done = work => {
            let (status, stdout, stderr) = done.map_err(|error| {
                Fault::new(Trouble::Other, format!("waiting for the command: {error}"))
            })?;
            return Ok(Output { status, last_line: last_line(&stdout, &stderr), stdout });
        }
        () = tokio::time::sleep(exec.timeout) => {
            Fault::new(Trouble::Unexpected, format!("not done within {:?}; ended", exec.timeout))
        }
        _ = stop.wait_for(|stop| *stop == Stop::Now) => {
            Fault::new(Trouble::Interrupted, "the command was cancelled")
        }
    };
    kill_group(group).await;
    Err(fault)
}

fn start(exec: &Exec, surroundings: &Surroundings) -> Result<Child, Fault> {
    let (program, arguments) = exec
        .run
        .split_first()
        .ok_or_else(|| Fault::new(Trouble::Other, "the command is empty"))?;
    let path = match program.contains('/') {
        true => surroundings.directory.join(program),
        false => PathBuf::from(program),
    };
    let named = exec.env.iter().map(String::as_str);
    let passed = ALWAYS.iter().copied().chain(named).filter_map(|name| {
        let own = surroundings.vars.get(name).cloned();
        Some((name.to_owned(), own.or_else(|| std::env::var(name).ok())?))
    });
    Command::new(path)
        .args(arguments)
        .env_clear()
        .envs(passed)
        .env("PGCUTOVER_RUN", &surroundings.run.0)
        .env("PGCUTOVER_STEP", surroundings.step.as_str())
        .env("PGCUTOVER_IDEMPOTENCY_KEY", &surroundings.idempotency_key)
        .current_dir(&surroundings.directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| {
            Fault::new(Trouble::Other, format!("cannot run `{program}`: {error}"))
                .with_hint("a program without a slash is looked for on PATH, one with a slash beside the runbook")
        })
}

/// Reads to the end, so that the command never blocks on a full pipe; keeps
/// the first part.
async fn drain(stream: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut stream) = stream else {
        return String::new();
    };
    let mut kept = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        let room = KEPT.saturating_sub(kept.len()).min(read);
        kept.extend_from_slice(&buffer[..room]);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

fn last_line(stdout: &str, stderr: &str) -> String {
    let mut lines = stderr.lines().rev().chain(stdout.lines().rev());
    let line = lines.find(|line| !line.trim().is_empty());
    clean_bounded(line.unwrap_or_default(), LINE)
}

/// Ends the command and whatever it has started. The group's id is the
/// command's own, which is not reaped before we return.
async fn kill_group(group: Option<u32>) {
    let Some(group) = group else { return };
    let mut kill = Command::new("kill");
    kill.args(["-KILL", "--", &format!("-{group}")]);
    // Gone already is as good.
    let _ = kill
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .await;
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::runbook::ExecExpect;

    fn shell(script: &str) -> Exec {
        Exec {
            run: vec!["sh".into(), "-c".into(), script.into()],
            timeout: Duration::from_secs(20),
            env: vec!["NAMED".into()],
            expect: ExecExpect::default(),
        }
    }

    fn here() -> Surroundings {
        let vars = [
            ("NAMED".to_owned(), "yes".to_owned()),
            ("OTHER".into(), "no".into()),
        ];
        Surroundings {
            directory: std::env::temp_dir(),
            vars: Arc::new(vars.into()),
            run: RunId("r".into()),
            step: StepId::new("s"),
            idempotency_key: "key".into(),
        }
    }

    async fn fault(exec: &Exec) -> Fault {
        let (_keep, stop) = watch::channel(Stop::No);
        run(exec, &here(), stop, |_| {}).await.unwrap_err()
    }

    #[tokio::test]
    async fn the_environment_is_what_the_runbook_names() {
        let script = r#"test "$NAMED$OTHER$PGCUTOVER_IDEMPOTENCY_KEY" = yeskey"#;
        let (_keep, stop) = watch::channel(Stop::No);
        run(&shell(script), &here(), stop, |_| {}).await.unwrap();
    }

    #[tokio::test]
    async fn an_exit_code_tells_and_the_last_line_is_shown() {
        let fault = fault(&shell("echo first; echo broken >&2; exit 3")).await;
        assert_eq!(fault.trouble, Trouble::Unexpected);
        assert!(fault.message.contains("exit code 3"), "{}", fault.message);
        assert_eq!(fault.detail.as_deref(), Some("broken"));
    }

    #[tokio::test]
    async fn a_flood_is_read_to_the_end() {
        let mut flood = shell("head -c 3000000 /dev/zero | tr '\\0' x; echo; echo done");
        flood.expect.output = Some("x".into());
        let (_keep, stop) = watch::channel(Stop::No);
        run(&flood, &here(), stop, |_| {}).await.unwrap();
    }

    #[tokio::test]
    async fn a_command_that_hangs_is_ended_with_its_children() {
        let mut hang = shell("sleep 1000 & echo $!; wait");
        hang.timeout = Duration::from_millis(200);
        let began = Instant::now();
        assert!(fault(&hang).await.message.contains("not done within"));
        assert!(began.elapsed() < Duration::from_secs(10));
    }

    #[tokio::test]
    async fn a_probe_knows_only_zero_and_one() {
        for (code, known) in [(0, Some(true)), (1, Some(false)), (2, None), (127, None)] {
            let probed = probe(&shell(&format!("exit {code}")), &here())
                .await
                .unwrap();
            assert_eq!(probed, known, "exit code {code}");
        }
    }

    #[tokio::test]
    async fn a_missing_program_says_where_it_was_looked_for() {
        let mut missing = shell("");
        missing.run = vec!["no-such-program".into()];
        let fault = fault(&missing).await;
        assert!(fault.message.contains("no-such-program"));
        assert!(fault.hint.is_some());
    }
}
