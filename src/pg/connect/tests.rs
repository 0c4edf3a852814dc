//! Resolving, in surroundings made of tables.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::*;

/// Surroundings of a test: nothing but what it adds.
#[derive(Default)]
struct Surroundings {
    variables: BTreeMap<String, String>,
    files: BTreeMap<PathBuf, (String, u32)>,
}

impl Surroundings {
    fn with(variables: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self {
            variables: variables.iter().map(owned).collect(),
            files: BTreeMap::new(),
        }
    }

    fn file(mut self, path: &str, mode: u32, text: &str) -> Self {
        self.files
            .insert(PathBuf::from(path), (text.to_owned(), mode));
        self
    }

    fn resolve(&self) -> Result<Target, ResolveError> {
        resolve(&ConnectionSource::Environment, self)
    }

    fn resolve_url(&self) -> Result<Target, ResolveError> {
        resolve(&ConnectionSource::UrlEnv("URL".to_owned()), self)
    }
}

impl Env for Surroundings {
    fn var(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn home(&self) -> Option<PathBuf> {
        Some(PathBuf::from("/home/ana"))
    }

    fn user(&self) -> Option<String> {
        Some("ana".to_owned())
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let (text, _) = self.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(text.as_bytes().to_vec())
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        let (_, mode) = self.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Stat {
            is_file: true,
            mode: *mode,
            of_root: false,
        })
    }
}

fn password(target: &Target) -> Option<&str> {
    let password = target.hosts[0].config.get_password()?;
    Some(std::str::from_utf8(password).expect("passwords of these tests are text"))
}

fn refused(variables: &[(&str, &str)]) -> String {
    let error = Surroundings::with(variables).resolve_url();
    error.expect_err("it does not resolve").to_string()
}

#[test]
fn with_nothing_given_it_is_the_local_server_as_oneself() {
    let target = Surroundings::default().resolve().unwrap();
    assert_eq!(target.display(), "ana@localhost:5432/ana");
}

#[test]
fn the_socket_directory_that_has_the_port_is_the_default_host() {
    let target = Surroundings::with(&[("PGPORT", "5433")])
        .file("/var/run/postgresql/.s.PGSQL.5432", 0o777, "")
        .file("/tmp/.s.PGSQL.5433", 0o777, "")
        .resolve()
        .unwrap();
    assert_eq!(target.display(), "ana@/tmp:5433/ana");
}

#[test]
fn the_url_wins_over_the_service_and_the_service_over_variables() {
    let surroundings = Surroundings::with(&[
        ("URL", "postgresql://from-url/?service=shop"),
        ("PGHOST", "from-variable"),
        ("PGPORT", "1111"),
        ("PGUSER", "bo"),
        ("PGDATABASE", "from-variable"),
    ])
    .file(
        "/home/ana/.pg_service.conf",
        0o644,
        "[other]\nport=1\n\n[shop]\n# ours\nhost=from-service\nport=2222\ndbname=from-service\n[late]\nuser=x\n",
    );
    let target = surroundings.resolve_url().unwrap();
    assert_eq!(target.display(), "bo@from-url:2222/from-service");
}

#[test]
fn a_service_is_looked_for_in_the_users_file_then_in_the_systems() {
    let surroundings = Surroundings::with(&[("PGSERVICE", "shop"), ("PGSYSCONFDIR", "/etc/pg")])
        .file("/home/ana/.pg_service.conf", 0o644, "[other]\nhost=no\n")
        .file("/etc/pg/pg_service.conf", 0o644, "[shop]\nhost=db1\n");
    assert_eq!(
        surroundings.resolve().unwrap().display(),
        "ana@db1:5432/ana"
    );

    let source = ConnectionSource::Service("nowhere".to_owned());
    let error = resolve(&source, &surroundings).unwrap_err().to_string();
    assert!(
        error.contains("`nowhere`") && error.contains("/etc/pg/pg_service.conf"),
        "{error}"
    );
}

#[test]
fn a_broken_service_line_is_named_by_file_and_line() {
    for (line, word) in [
        ("host = db1", "space"),
        ("hots=db1", "hots"),
        ("service=other", "service"),
        ("password", "keyword=value"),
        ("sslcrl=x", "sslcrl"),
    ] {
        let text = format!("[shop]\nport=1\n{line}\n");
        let error = Surroundings::with(&[("PGSERVICE", "shop")])
            .file("/home/ana/.pg_service.conf", 0o644, &text)
            .resolve()
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("/home/ana/.pg_service.conf:3: "),
            "{error}"
        );
        assert!(error.contains(word) && error.contains("hint: "), "{error}");
    }
}

#[test]
fn a_key_value_string_serves_as_well_as_a_url() {
    let target = Surroundings::with(&[(
        "URL",
        "host=db1 port=5433 dbname='my app' user=bo password=pw",
    )])
    .resolve_url()
    .unwrap();
    assert_eq!(target.display(), "bo@db1:5433/my app");
    assert_eq!(password(&target), Some("pw"));
}

#[test]
fn an_unset_variable_is_named() {
    let error = Surroundings::default()
        .resolve_url()
        .unwrap_err()
        .to_string();
    assert!(error.contains("`URL` is not set"), "{error}");
}

#[test]
fn passwords_are_never_shown() {
    let target = Surroundings::with(&[("URL", "postgresql://bo:geheim@db1/app")])
        .resolve_url()
        .unwrap();
    assert_eq!(password(&target), Some("geheim"));
    for shown in [format!("{target:?}"), target.to_string(), target.display()] {
        assert!(!shown.contains("geheim"), "{shown}");
    }
    for url in [
        "postgresql://bo:geheim@db1:x/app",
        "postgresql://bo:geheim@db1/app?geheim",
        "password=geheim port=0",
    ] {
        let error = refused(&[("URL", url)]);
        assert!(!error.contains("geheim"), "{error}");
    }
}

#[test]
fn the_password_file_is_asked_for_each_host() {
    let target = Surroundings::with(&[("URL", "postgresql://bo@db1,db2:5433/app")])
        .file(
            "/home/ana/.pgpass",
            0o600,
            "db2:5433:app:bo:two\ndb1:*:*:*:one\n",
        )
        .resolve_url()
        .unwrap();
    let of = |i: usize| target.hosts[i].config.get_password().unwrap().to_vec();
    assert_eq!((of(0), of(1)), (b"one".to_vec(), b"two".to_vec()));
}

#[test]
fn sockets_in_the_usual_place_are_localhost_in_a_password_file() {
    let target = Surroundings::with(&[("PGHOST", "/var/run/postgresql")])
        .file("/home/ana/.pgpass", 0o600, "localhost:5432:*:ana:pw\n")
        .resolve()
        .unwrap();
    assert_eq!(password(&target), Some("pw"));
}

#[test]
fn a_password_file_that_others_may_read_is_ignored_and_said_so() {
    let target = Surroundings::with(&[("PGHOST", "db1")])
        .file("/home/ana/.pgpass", 0o644, "*:*:*:*:pw\n")
        .resolve()
        .unwrap();
    assert_eq!(password(&target), None);
    let note = target.hosts[0].password_note.clone().unwrap();
    assert!(
        note.contains("/home/ana/.pgpass") && note.contains("chmod 0600"),
        "{note}"
    );
}

#[test]
fn a_given_password_leaves_the_file_alone() {
    let target = Surroundings::with(&[
        ("PGHOST", "db1"),
        ("PGPASSWORD", "mine"),
        ("PGPASSFILE", "/p"),
    ])
    .file("/p", 0o600, "*:*:*:*:other\n")
    .resolve()
    .unwrap();
    assert_eq!(password(&target), Some("mine"));
}

#[test]
fn values_that_do_not_fit_are_named_with_what_fits() {
    for (parameter, expected) in [
        ("sslmode=verify", "verify-full"),
        ("port=70000", "65535"),
        ("port=1,2", "2 entries for 1 hosts"),
        ("hostaddr=db1", "IPv4"),
        ("connect_timeout=soon", "seconds"),
        ("target_session_attrs=master", "primary"),
        ("channel_binding=yes", "require"),
        ("gssencmode=require", "GSSAPI"),
        ("sslrootcert=system sslmode=require", "verify-full"),
        ("sslnegotiation=direct sslmode=prefer", "sslmode=require"),
        ("keepalives_idle=-1", "0 or more"),
        ("sslcrl=/x", "revocation"),
        ("replication=database", "remove it"),
        ("hots=db1", "libpq's"),
    ] {
        let error = refused(&[("URL", &format!("host=db1 {parameter}"))]);
        assert!(error.starts_with("$URL: "), "{error}");
        assert!(error.contains(expected), "{parameter}: {error}");
    }
}

#[test]
fn parameters_that_mean_nothing_here_are_let_through() {
    let url = "postgresql://db1/?application_name=x&fallback_application_name=y&client_encoding=auto&gssencmode=prefer&sslcrl=";
    Surroundings::with(&[("URL", url), ("PGAPPNAME", "z")])
        .resolve_url()
        .unwrap();
}

#[test]
fn verification_without_an_authority_is_refused() {
    let error = refused(&[("URL", "postgresql://db1/?sslmode=verify-full")]);
    assert!(error.contains("sslrootcert=FILE"), "{error}");
    let error = refused(&[(
        "URL",
        "postgresql://db1/?sslmode=verify-ca&sslrootcert=/none",
    )]);
    assert!(error.contains("`/none` does not exist"), "{error}");
}

#[test]
fn on_a_socket_nothing_of_tls_is_asked_for() {
    let url = "postgresql:///app?host=/tmp/s&sslmode=verify-full";
    let target = Surroundings::with(&[("URL", url)]).resolve_url().unwrap();
    use tokio_postgres::config::SslMode;
    assert_eq!(target.tls.attempts(&target.hosts[0]), [SslMode::Disable]);
}

#[test]
fn an_authority_that_is_none_is_refused() {
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (text, word) in [("", "no certificate"), (broken, "cannot be read")] {
        let error = Surroundings::with(&[("PGHOST", "db1"), ("PGSSLROOTCERT", "/root.crt")])
            .file("/root.crt", 0o644, text)
            .resolve()
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("$PGSSLROOTCERT: sslrootcert: `/root.crt`"),
            "{error}"
        );
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn a_client_key_that_others_may_read_is_refused() {
    let own = rcgen::generate_simple_self_signed(["ana".to_owned()]).unwrap();
    let surroundings = |mode| {
        Surroundings::with(&[("PGHOST", "db1")])
            .file(
                "/home/ana/.postgresql/postgresql.crt",
                0o644,
                &own.cert.pem(),
            )
            .file(
                "/home/ana/.postgresql/postgresql.key",
                mode,
                &own.signing_key.serialize_pem(),
            )
    };
    surroundings(0o600).resolve().unwrap();
    let error = surroundings(0o640).resolve().unwrap_err().to_string();
    assert!(
        error.contains("postgresql.key` has mode 0640") && error.contains("chmod 0600"),
        "{error}"
    );
}

#[test]
fn zero_does_not_wait_for_ever() {
    let timeout = |text: &str| {
        let target =
            Surroundings::with(&[("PGHOST", "db1"), ("PGCONNECT_TIMEOUT", text)]).resolve();
        target.unwrap().connect_timeout
    };
    assert_eq!(timeout("0"), Duration::from_secs(5));
    assert_eq!(timeout("7"), Duration::from_secs(7));
}

#[test]
fn an_address_without_a_name_is_the_host_that_certificates_are_checked_for() {
    let target = Surroundings::with(&[("PGHOSTADDR", "127.0.0.1,::1")])
        .resolve()
        .unwrap();
    assert_eq!(
        target.display(),
        "ana@127.0.0.1:5432/ana,ana@[::1]:5432/ana"
    );
}
