//! Owns a primary with its standby and the directory that they live in; never
//! outlives this process unless it is kept.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::account::Account;
use super::binaries::Binaries;
use super::client;
use super::error::Error;
use super::server::Server;
use super::settings::{self, SLOT};
use super::template;
use super::undertaker::{Storage, Undertaker};

/// How long the standby may take for what it is asked to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// What kind of cluster to start.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the server binaries are; searched for when absent.
    pub pg_bin: Option<PathBuf>,
    /// Whether the primary gets a streaming standby.
    pub standby: bool,
    /// Server settings on both servers, over our own: `("work_mem", "8MB")`.
    /// With `port` the standby gets the number after it.
    pub settings: Vec<(String, String)>,
    /// Whether a commit reaches the disk before it is confirmed. Only tests do
    /// without.
    pub durable: bool,
}

impl Default for Options {
    /// A durable primary alone.
    fn default() -> Self {
        Self {
            pg_bin: None,
            standby: false,
            settings: Vec::new(),
            durable: true,
        }
    }
}

/// A private primary, perhaps with a standby. Dropping it stops both and
/// removes their directory; so does the end of this process, in any way.
#[derive(Debug)]
pub struct Cluster {
    // The order is that of dropping: the undertaker comes last.
    standby: Option<Server>,
    primary: Server,
    undertaker: Undertaker,
    account: Account,
}

/// What is left of a cluster that outlives this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Holds the servers' data, sockets and logs.
    pub directory: PathBuf,
    /// The command that stops the servers and removes the directory.
    pub stop_command: String,
}

impl Cluster {
    /// Starts the servers and waits until they take connections. Blocks; a
    /// first one takes half a second to a second, mostly `initdb`; with the standby
    /// it is more where files are slow to make.
    ///
    /// # Errors
    /// See [`Error`]; whatever was started is gone again.
    pub fn start(options: &Options) -> Result<Self, Error> {
        let binaries = Binaries::find(options.pg_bin.as_deref())?;
        let account = Account::for_servers()?;
        let storage = if options.durable {
            Storage::Disk
        } else {
            Storage::Memory
        };
        let undertaker = Undertaker::hire(account, storage)?;
        let directory = undertaker.directory();
        let port = settings::port(&options.settings)?;
        let primary = Server::new("primary", directory, port, account, &binaries);
        let data = primary.data_dir();
        if options.durable {
            template::create(&binaries, account, &data)?;
        } else {
            template::copy(&binaries, account, &data)?;
        }
        settings::configure(&data, directory, options, port)?;
        let standby = if options.standby {
            let standby = Server::new("standby", directory, port + 1, account, &binaries);
            settings::follow(account, &primary, &standby)?;
            Some(standby)
        } else {
            None
        };
        let cluster = Self {
            standby,
            primary,
            undertaker,
            account,
        };
        cluster.primary.start()?;
        if let Some(standby) = &cluster.standby {
            client::query(
                &cluster.primary.dsn("postgres"),
                "SELECT pg_create_physical_replication_slot($1, true)",
                &[&SLOT],
            )?;
            standby.start()?;
            cluster.catch_up()?;
        }
        Ok(cluster)
    }

    /// The primary.
    pub fn primary(&self) -> &Server {
        &self.primary
    }

    /// The standby, where one was asked for.
    pub fn standby(&self) -> Option<&Server> {
        self.standby.as_ref()
    }

    /// The directory of everything, sockets included.
    pub fn directory(&self) -> &Path {
        self.undertaker.directory()
    }

    /// Makes a directory that goes with the cluster.
    pub fn make_directory(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.directory().join(name);
        std::fs::create_dir(&path)
            .map_err(Error::io(format!("make directory `{}`", path.display())))?;
        // The undertaker has the servers' account, and has to empty it.
        self.account.own(&path)?;
        Ok(path)
    }

    /// Makes an empty database on the primary.
    pub fn create_database(&self, name: &str) -> Result<(), Error> {
        // The server quotes the name: here is no place for identifiers as SQL.
        let rows = client::query(
            &self.primary.dsn("postgres"),
            "SELECT format('CREATE DATABASE %I', $1::text)",
            &[&name],
        )?;
        let statement: String = rows[0].get(0);
        self.primary.query(&statement).map(drop)
    }

    /// Stops replay on the standby: its lag grows from here on, on demand. It
    /// goes on receiving WAL.
    pub fn pause_replay(&self) -> Result<(), Error> {
        self.expect_standby()
            .query("SELECT pg_wal_replay_pause()")?;
        Ok(())
    }

    /// Lets replay go on.
    pub fn resume_replay(&self) -> Result<(), Error> {
        self.expect_standby()
            .query("SELECT pg_wal_replay_resume()")?;
        Ok(())
    }

    /// Ends the standby's receiving of WAL, for good: what the primary writes from
    /// here on, a promoted standby never had.
    pub fn stop_receiving(&self) -> Result<(), Error> {
        let standby = self.expect_standby();
        standby.query("ALTER SYSTEM SET primary_conninfo = ''")?;
        standby.query("SELECT pg_reload_conf()")?;
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if standby
                .query("SELECT FROM pg_stat_wal_receiver")?
                .is_empty()
            {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err(Error::Behind {
            seconds: PATIENCE.as_secs(),
        })
    }

    /// Promotes the standby to a primary of its own, and waits for it.
    pub fn promote(&self) -> Result<(), Error> {
        self.expect_standby().query("SELECT pg_promote(true)")?;
        Ok(())
    }

    /// Waits until the standby has replayed what the primary has written now.
    ///
    /// # Errors
    /// [`Error::Behind`] after a minute.
    pub fn catch_up(&self) -> Result<(), Error> {
        let rows = self.primary.query("SELECT pg_current_wal_lsn()::text")?;
        let target: String = rows[0].get(0);
        let standby = self.expect_standby();
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let rows = client::query(
                &standby.dsn("postgres"),
                "SELECT coalesce(pg_last_wal_replay_lsn() >= $1::text::pg_lsn, false)",
                &[&target],
            )?;
            if rows[0].get(0) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err(Error::Behind {
            seconds: PATIENCE.as_secs(),
        })
    }

    /// Leaves the servers running and their directory in place, also after the
    /// end of this process.
    pub fn keep(self) -> Result<Kept, Error> {
        let directory = self.directory().to_owned();
        let script = self.undertaker.dismiss(self.account)?;
        self.primary.release();
        if let Some(standby) = &self.standby {
            standby.release();
        }
        Ok(Kept {
            directory,
            stop_command: format!("sh {}", script.display()),
        })
    }

    fn expect_standby(&self) -> &Server {
        self.standby
            .as_ref()
            .expect("the caller asked for a standby")
    }
}
