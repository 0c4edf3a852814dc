//! Owns freshly made data directories; never a running server.
//!
//! `initdb` takes half a second, a copy of its result a tenth of that: a
//! process that starts several servers for tests runs `initdb` once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::account::{Account, run};
use super::binaries::Binaries;
use super::error::Error;
use super::server::SUPERUSER;
use super::undertaker::{self, Storage, Undertaker};

/// One template for each directory of binaries, for as long as this process
/// lives. Statics are not dropped: its undertaker hears of our end by itself.
static TEMPLATES: Mutex<BTreeMap<PathBuf, Undertaker>> = Mutex::new(BTreeMap::new());

/// Makes the data directory `to` by `initdb`.
///
/// Every connection is trusted: the way in is a socket inside a directory of
/// mode 0700. Nothing is synced to disk, a crash of the machine ends the whole
/// sandbox anyway.
pub(super) fn create(binaries: &Binaries, account: Account, to: &Path) -> Result<(), Error> {
    let mut command = undertaker::listed(account, to, &binaries.program("initdb"));
    command
        .args(["--no-sync", "--auth=trust", "--username", SUPERUSER])
        .args(["--encoding=UTF8", "--locale=C", "--pgdata"])
        .arg(to);
    let made = run(&mut command);
    undertaker::forget(to);
    made.map(drop)
}

/// Makes the data directory `to` as a copy of this process's template.
pub(super) fn copy(binaries: &Binaries, account: Account, to: &Path) -> Result<(), Error> {
    let template = {
        // Held over `initdb`: whoever starts at the same time waits for it.
        let mut templates = TEMPLATES.lock().unwrap_or_else(PoisonError::into_inner);
        match templates.get(binaries.directory()) {
            Some(undertaker) => undertaker.directory().join("template"),
            None => {
                let undertaker = Undertaker::hire(account, Storage::Memory)?;
                let template = undertaker.directory().join("template");
                create(binaries, account, &template)?;
                templates.insert(binaries.directory().to_owned(), undertaker);
                template
            }
        }
    };
    clone(account, &template, to)
}

/// Copies the data directory of a server that is not running.
pub(super) fn clone(account: Account, from: &Path, to: &Path) -> Result<(), Error> {
    let mut command = account.command("cp");
    command.arg("-a").args([from, to]).current_dir("/");
    run(&mut command).map(drop)
}
