//! Owns the promise that nothing is left behind; never speaks to a server.
//!
//! A small shell process makes the servers' directory and then blocks on its
//! standard input, a pipe whose other end only we hold. When that pipe closes,
//! because we dropped it or because we died in whatever way, it stops what
//! runs in the directory and removes it. No signal handler of ours could do
//! that after `kill -9`, and Linux's parent-death signal follows the thread,
//! not the process.
//!
//! It runs in its own process group and ignores INT, TERM and HUP, so that
//! what ends us does not end it. The pipe is close-on-exec: no server inherits
//! it and keeps it open.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use super::account::Account;
use super::error::Error;

/// Makes the directory, tells its path, waits for the end of its input.
const WATCH: &str = r#"
trap '' INT TERM HUP
dir=$(mktemp -d "$1/pgcutover-XXXXXX") || exit 1
uid=$2
if [ -n "$uid" ] && ! chown "$uid:$3" "$dir"; then
    rmdir "$dir"
    exit 1
fi
cd "$dir" || exit 1
echo "$dir"
exec >/dev/null
while read -r word; do
    [ "$word" = keep ] && exit 0
done
"#;

/// Finds the directory where a person runs the script by hand.
const HERE: &str = r#"#!/bin/sh
dir=$(cd "$(dirname "$0")" && pwd) || exit 1
uid=
"#;

/// Stops every server in `$dir` and removes it.
const BURY: &str = include_str!("bury.sh");

/// Becomes a program that the undertaker cannot miss: the process id is written
/// first and only then is the directory found open or closing, while the
/// undertaker closes it first and only then reads the ids. `exec` keeps the id.
const LAUNCH: &str = r#"
echo $$ > "$1.pid" && [ ! -e "$2/closing" ] && shift 2 && exec "$@"
"#;

/// A command for a program that works on the data directory `data`, entered
/// into the undertaker's list. The caller adds arguments, and calls [`forget`]
/// when the program has ended.
pub(super) fn listed(account: Account, data: &Path, program: &Path) -> Command {
    let directory = data.parent().expect("data lies in our directory");
    let mut command = account.command("/bin/sh");
    command
        .args(["-c", LAUNCH, "pgcutover-launch"])
        .args([data, directory, program])
        .current_dir(directory);
    command
}

/// Takes it off the list: the system may give its number to somebody else.
pub(super) fn forget(data: &Path) {
    let _ = std::fs::remove_file(data.with_extension("pid"));
}

/// What the directory is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Storage {
    /// Servers whose commits are to reach a disk.
    Disk,
    /// Servers for tests.
    Memory,
}

/// The process that cleans up behind us; dropping it waits until it has.
#[derive(Debug)]
pub(super) struct Undertaker {
    directory: PathBuf,
    process: Child,
    pipe: Option<ChildStdin>,
}

impl Undertaker {
    /// Starts one, which makes a directory of mode 0700 in the first place
    /// where `account` can and whose path leaves room for a socket.
    pub(super) fn hire(account: Account, storage: Storage) -> Result<Self, Error> {
        let tried = parents(storage);
        for parent in &tried {
            if let Some(undertaker) = Self::hire_under(account, parent)? {
                return Ok(undertaker);
            }
        }
        Err(Error::NoDirectory {
            tried,
            limit: PATH_LIMIT,
        })
    }

    fn hire_under(account: Account, parent: &Path) -> Result<Option<Self>, Error> {
        // As ourselves: what we put into the directory is ours, not the
        // servers', and has to go as well.
        let (uid, gid) = account.ids();
        let mut process = Account::our_own()
            .command("/bin/sh")
            .arg("-c")
            .arg(format!("{WATCH}{BURY}"))
            .arg("pgcutover-undertaker")
            .arg(parent)
            .args([uid, gid])
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(Error::io("run `/bin/sh`"))?;
        let pipe = process.stdin.take();
        let output = process.stdout.take().expect("its output was piped");
        let mut line = String::new();
        BufReader::new(output)
            .read_line(&mut line)
            .map_err(Error::io("hear from the undertaker"))?;
        let undertaker = Self {
            directory: PathBuf::from(line.trim_end()),
            process,
            pipe,
        };
        let length = undertaker.directory.as_os_str().len();
        Ok((1..=PATH_LIMIT).contains(&length).then_some(undertaker))
    }

    /// The directory that goes when we go.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Sends it home: from now on the directory stays, and with it the
    /// servers. Gives the script that does its work when a person runs it.
    pub(super) fn dismiss(mut self, account: Account) -> Result<PathBuf, Error> {
        let script = self.directory.join("stop");
        account.write(&script, &format!("{HERE}{BURY}"))?;
        let mut pipe = self.pipe.take().expect("only `drop` takes it otherwise");
        pipe.write_all(b"keep\n")
            .map_err(Error::io("dismiss the undertaker"))?;
        Ok(script)
    }
}

impl Drop for Undertaker {
    fn drop(&mut self) {
        drop(self.pipe.take());
        // An error leaves nothing to do: the process is gone already.
        let _ = self.process.wait();
    }
}

/// Bytes for the directory's path: macOS has 104 for a socket's path, its end
/// included, and `/.s.PGSQL.65535` and a lock's suffix take their part.
const PATH_LIMIT: usize = 80;

/// `TMPDIR`, where it is set, is obeyed. Else memory for what need not last: a
/// data directory is a thousand files, which an ordinary file system takes a
/// second to write.
fn parents(storage: Storage) -> Vec<PathBuf> {
    let disk = PathBuf::from("/tmp");
    match std::env::var_os("TMPDIR") {
        Some(named) => vec![PathBuf::from(named), disk],
        None if storage == Storage::Memory && is_roomy(MEMORY) => vec![MEMORY.into(), disk],
        None => vec![disk],
    }
}

const MEMORY: &str = "/dev/shm";

/// Whether there are 2 GiB left; containers often have 64 MB of shared memory.
fn is_roomy(directory: &str) -> bool {
    let output = Command::new("df").args(["-Pk", directory]).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.is_ok_and(|text| {
        let line = text.lines().nth(1).unwrap_or_default();
        let available = line.split_whitespace().nth(3).unwrap_or_default();
        available.parse::<u64>().is_ok_and(|kib| kib >= 2 << 20)
    })
}
