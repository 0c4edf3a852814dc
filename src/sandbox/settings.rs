//! Owns what is written into a server's configuration; never a running server.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use super::account::Account;
use super::cluster::Options;
use super::error::Error;
use super::server::{SUPERUSER, Server};
use super::template;

/// The physical replication slot that the standby streams from.
pub(super) const SLOT: &str = "standby";

/// The port is part of the socket's name; TCP is off unless a setting turns it on.
pub(super) fn port(settings: &[(String, String)]) -> Result<u16, Error> {
    match settings.iter().rfind(|(name, _)| name == "port") {
        None => Ok(5432),
        // The standby takes the next one.
        Some((_, value)) => match value.parse() {
            Ok(port @ 1..=65534) => Ok(port),
            _ => Err(Error::Program {
                program: "postgres".to_owned(),
                output: format!("`port` is not 1 to 65534: `{value}`"),
            }),
        },
    }
}

/// Appends the settings of the primary, which its copy, the standby, shares.
pub(super) fn configure(
    data: &Path,
    sockets: &Path,
    options: &Options,
    port: u16,
) -> Result<(), Error> {
    let sockets = sockets.display().to_string();
    let port = port.to_string();
    let mut settings = vec![
        ("listen_addresses", ""),
        ("unix_socket_directories", &sockets),
        ("unix_socket_permissions", "0700"),
        ("port", &port),
        // Inside the data directory, so that a killed server leaves none behind.
        ("dynamic_shared_memory_type", "mmap"),
        ("cluster_name", "pgcutover sandbox"),
        ("log_line_prefix", "%m [%p] %a "),
    ];
    if !options.durable {
        settings.extend([("fsync", "off"), ("full_page_writes", "off")]);
    }
    let asked = options.settings.iter();
    settings.extend(asked.map(|(name, value)| (name.as_str(), value.as_str())));
    append(data, &settings)
}

/// Makes the standby as a copy of a primary that has never run, so that no
/// `pg_basebackup` is needed: both start from the same shutdown checkpoint, and
/// the slot keeps the WAL from there on.
pub(super) fn follow(account: Account, primary: &Server, standby: &Server) -> Result<(), Error> {
    let data = standby.data_dir();
    template::clone(account, &primary.data_dir(), &data)?;
    let sockets = primary.socket_dir().display();
    let source = format!(
        "host={sockets} port={} user={SUPERUSER} application_name=standby",
        primary.port()
    );
    append(
        &data,
        &[
            ("port", &standby.port().to_string()),
            ("primary_conninfo", &source),
            ("primary_slot_name", SLOT),
        ],
    )?;
    account.write(&data.join("standby.signal"), "")
}

/// The last line for a setting wins.
fn append(data: &Path, settings: &[(&str, &str)]) -> Result<(), Error> {
    let path = data.join("postgresql.conf");
    let lines: String = settings
        .iter()
        .map(|(name, value)| {
            let value = value.replace('\\', "\\\\").replace('\'', "''");
            format!("{name} = '{value}'\n")
        })
        .collect();
    OpenOptions::new()
        .append(true)
        .open(&path)
        .and_then(|mut file| file.write_all(lines.as_bytes()))
        .map_err(Error::io(format!("write `{}`", path.display())))
}
