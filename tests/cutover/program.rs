//! The program as a process: the lead that lasts, verbs that answer.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::PATIENCE;

pub(crate) use pgcutover::report::status::Status;

/// How a process ended, and what it wrote.
#[derive(Debug)]
pub(crate) struct Answer {
    /// None where a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Answer {
    /// Runs to the end.
    pub(crate) async fn of(mut command: Command) -> Self {
        let output = timeout(PATIENCE, command.output()).await;
        let output = output.expect("a verb comes to an end").unwrap();
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// A lead at work. Killed when it is dropped.
pub(crate) struct Lead {
    child: Child,
    log: PathBuf,
}

impl Lead {
    /// Starts it; what it writes goes to a file in `home`.
    pub(crate) fn start(mut command: Command, home: &Path) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let log = home.join(format!("lead-{}.log", NEXT.fetch_add(1, Ordering::Relaxed)));
        let file = std::fs::File::create(&log).unwrap();
        command.stdout(Stdio::from(file.try_clone().unwrap()));
        command.stderr(Stdio::from(file));
        let child = command.spawn().unwrap();
        Self { child, log }
    }

    /// What it has written up to now, errors included.
    pub(crate) fn written(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until it has written that.
    pub(crate) async fn writes(&self, text: &str) {
        let what = format!("`{text}` of the lead");
        crate::until(&what, async || self.written().contains(text).then_some(())).await;
    }

    /// Whether it is still there.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits until it is stopped, as by SIGSTOP.
    pub(crate) async fn stops(&self) {
        let stat = format!("/proc/{}/stat", self.child.id().expect("it has not ended"));
        crate::until("the lead to be stopped", async || {
            let stat = std::fs::read_to_string(&stat).unwrap();
            // The name may hold anything; the state stands behind it. See proc(5).
            stat.rsplit_once(") ")?.1.starts_with('T').then_some(())
        })
        .await;
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().expect("it has not ended");
        let sent = std::process::Command::new("/bin/sh")
            .args(["-c", "kill -s $0 $1", name, &pid.to_string()])
            .status();
        assert!(sent.unwrap().success(), "{name} to the lead");
    }

    /// `kill -9`, and gone. Until then it was at work, or had finished.
    pub(crate) async fn kill(mut self) {
        self.child.start_kill().unwrap();
        let status = self.child.wait().await.unwrap();
        let fine = status.signal().is_some() || status.success();
        assert!(fine, "it had given up: {status}:\n{}", self.written());
    }

    /// Waits for its end: status, and all that it wrote.
    pub(crate) async fn ended(mut self) -> (ExitStatus, String) {
        let ended = timeout(PATIENCE, self.child.wait()).await;
        let written = self.written();
        let status = ended.unwrap_or_else(|_| panic!("the lead does not end:\n{written}"));
        (status.unwrap(), written)
    }

    /// Waits for its end with this exit code; what it wrote.
    pub(crate) async fn exits_with(self, code: i32) -> String {
        let (status, written) = self.ended().await;
        assert_eq!(status.code(), Some(code), "{status}:\n{written}");
        written
    }

    /// Waits until it has died at a seam.
    pub(crate) async fn dies(self) {
        let (status, written) = self.ended().await;
        let aborted = status.signal().is_some();
        assert!(aborted, "it did not die at the seam: {status}:\n{written}");
    }
}
