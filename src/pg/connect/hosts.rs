//! Owns the list of hosts: names, addresses, ports and defaults, and what the
//! driver has to know of each.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, SslNegotiation};

use super::env::Env;
use super::error::ResolveError;
use super::params::Params;
use super::passfile::{Key, PassFile};

/// The port where none is given.
const PORT: &str = "5432";
/// Where libpq builds look for the socket: Debian's and Red Hat's, then the source's.
const SOCKET_DIRECTORIES: &[&str] = &["/var/run/postgresql", "/tmp"];

/// One host of a target, ready for the driver but for TLS and the application's name.
#[derive(Clone)]
pub struct Candidate {
    /// `user@host:port/database`, clean.
    pub(in crate::pg) place: String,
    /// Everything but `ssl_mode` and `application_name`.
    pub(in crate::pg) config: Config,
    /// Not a Unix socket: TLS applies.
    pub(in crate::pg) over_tcp: bool,
    /// Where the password came from, or why there is none; for a refused login.
    pub(in crate::pg) password_note: Option<String>,
}

/// Where a host is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Address {
    /// The name, the socket directory, or the address where no name is given.
    host: String,
    hostaddr: Option<IpAddr>,
    port: u16,
}

/// What all hosts of a target share.
pub(super) struct Login {
    pub(super) user: String,
    pub(super) database: String,
}

impl Address {
    fn over_tcp(&self) -> bool {
        !is_socket(&self.host)
    }

    /// What a password file calls it: sockets in a usual place are `localhost`.
    fn in_passfile(&self) -> &str {
        match SOCKET_DIRECTORIES.contains(&self.host.as_str()) {
            true => "localhost",
            false => &self.host,
        }
    }

    fn place(&self, login: &Login) -> String {
        let host = match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        };
        let place = format!("{}@{host}:{}/{}", login.user, self.port, login.database);
        crate::text::clean_bounded(&place, 200)
    }
}

fn is_socket(host: &str) -> bool {
    // `@` is the abstract namespace, which the driver cannot reach; it says so.
    host.starts_with('/')
}

/// The hosts, in order.
pub(super) fn candidates(
    params: &Params,
    login: &Login,
    env: &dyn Env,
) -> Result<Vec<Candidate>, ResolveError> {
    let shared = shared_config(params, login)?;
    let passwords = Passwords::new(params, env);
    addresses(params, env)?
        .into_iter()
        .map(|address| {
            let mut config = shared.clone();
            config.host(&address.host).port(address.port);
            if let Some(hostaddr) = address.hostaddr {
                config.hostaddr(hostaddr);
            }
            let (password, password_note) = passwords.of(&address, login);
            if let Some(password) = password {
                config.password(password);
            }
            Ok(Candidate {
                place: address.place(login),
                over_tcp: address.over_tcp(),
                config,
                password_note,
            })
        })
        .collect()
}

fn addresses(params: &Params, env: &dyn Env) -> Result<Vec<Address>, ResolveError> {
    let list = |name| -> Vec<&str> {
        match params.get(name) {
            Some(value) => value.text.split(',').map(str::trim).collect(),
            None => Vec::new(),
        }
    };
    let (hosts, hostaddrs, ports) = (list("host"), list("hostaddr"), list("port"));
    let count = hosts.len().max(hostaddrs.len()).max(1);
    for (name, found, allowed_one) in [
        ("host", hosts.len(), false),
        ("hostaddr", hostaddrs.len(), false),
        ("port", ports.len(), true),
    ] {
        let fits = found == 0 || found == count || (allowed_one && found == 1);
        if let (false, Some(value)) = (fits, params.get(name)) {
            let expected = format!("it has {found} entries for {count} hosts; give one for each");
            return Err(value.refused(name, &expected));
        }
    }
    (0..count)
        .map(|i| {
            let port = port(
                params,
                ports.get(i).or(ports.first()).copied().unwrap_or(""),
            )?;
            let hostaddr = hostaddr(params, hostaddrs.get(i).copied().unwrap_or(""))?;
            let host = match (hosts.get(i).copied().unwrap_or(""), hostaddr) {
                ("", Some(address)) => address.to_string(),
                ("", None) => default_host(env, port),
                (host, _) => host.to_owned(),
            };
            Ok(Address {
                host,
                hostaddr,
                port,
            })
        })
        .collect()
}

fn port(params: &Params, text: &str) -> Result<u16, ResolveError> {
    let text = if text.is_empty() { PORT } else { text };
    match text.parse() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(params
            .get("port")
            .expect("the default is a port")
            .refused("port", "a number from 1 to 65535")),
    }
}

fn hostaddr(params: &Params, text: &str) -> Result<Option<IpAddr>, ResolveError> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        params
            .get("hostaddr")
            .expect("the text comes from there")
            .refused("hostaddr", "an IPv4 or IPv6 address; names go into `host`")
    })
}

/// The first usual place with a socket of that port, else `localhost`.
fn default_host(env: &dyn Env, port: u16) -> String {
    SOCKET_DIRECTORIES
        .iter()
        .find(|directory| {
            let socket = Path::new(directory).join(format!(".s.PGSQL.{port}"));
            env.stat(&socket).is_ok()
        })
        .copied()
        .unwrap_or("localhost")
        .to_owned()
}

/// What does not differ between hosts.
fn shared_config(params: &Params, login: &Login) -> Result<Config, ResolveError> {
    let mut config = Config::new();
    config.user(&login.user).dbname(&login.database);
    if let Some(options) = params.get("options") {
        config.options(&options.text);
    }
    let binding = params.parsed(
        "channel_binding",
        "one of disable, prefer, require",
        |text| {
            Some(match text {
                "disable" => ChannelBinding::Disable,
                "prefer" => ChannelBinding::Prefer,
                "require" => ChannelBinding::Require,
                _ => return None,
            })
        },
    )?;
    config.channel_binding(binding.unwrap_or(ChannelBinding::Prefer));
    let negotiation = params.parsed("sslnegotiation", "postgres or direct", |text| {
        Some(match text {
            "postgres" => SslNegotiation::Postgres,
            "direct" => SslNegotiation::Direct,
            _ => return None,
        })
    })?;
    config.ssl_negotiation(negotiation.unwrap_or_default());
    keepalives(params, &mut config)?;
    Ok(config)
}

/// Ours are far shorter than the system's two hours: an engine whose link died
/// has to know it while its locks still matter.
fn keepalives(params: &Params, config: &mut Config) -> Result<(), ResolveError> {
    let count = |name| {
        params.parsed(name, "a number of 0 or more", |text| {
            text.parse::<u32>().ok()
        })
    };
    // Zero is the system's own, as with libpq.
    let given =
        |value: Option<u32>, default: u32| Some(value.unwrap_or(default)).filter(|v| *v > 0);
    let seconds = |value: u32| Duration::from_secs(value.into());

    config.keepalives(count("keepalives")? != Some(0));
    if let Some(idle) = given(count("keepalives_idle")?, 10) {
        config.keepalives_idle(seconds(idle));
    }
    if let Some(interval) = given(count("keepalives_interval")?, 5) {
        config.keepalives_interval(seconds(interval));
    }
    if let Some(retries) = given(count("keepalives_count")?, 3) {
        config.keepalives_retries(retries);
    }
    if let Some(milliseconds) = given(count("tcp_user_timeout")?, 30_000) {
        config.tcp_user_timeout(Duration::from_millis(milliseconds.into()));
    }
    Ok(())
}

/// Where the passwords of a target come from.
struct Passwords<'a> {
    params: &'a Params,
    file: PassFile,
}

impl<'a> Passwords<'a> {
    fn new(params: &'a Params, env: &dyn Env) -> Self {
        let file = match params.get("password") {
            Some(_) => PassFile::default(),
            None => PassFile::open(params, env),
        };
        Self { params, file }
    }

    /// The password for that host, and what to say where it is refused or missing.
    fn of(&self, address: &Address, login: &Login) -> (Option<String>, Option<String>) {
        if let Some(password) = self.params.get("password") {
            let note = format!("the password came from {}", password.place);
            return (Some(password.text.clone()), Some(note));
        }
        let (password, note) = self.file.password(&Key {
            host: address.in_passfile(),
            port: address.port,
            database: &login.database,
            user: &login.user,
        });
        (password, Some(note))
    }
}
