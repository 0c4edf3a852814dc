//! Owns the reading of service files (`pg_service.conf`); never what a value means.

use std::io;
use std::path::{Path, PathBuf};

use super::env::Env;
use super::error::ResolveError;
use super::params::Params;
use crate::text::clean_bounded;

/// Where builds of libpq have their system-wide file: Debian's, Red Hat's, the source's.
const SYSTEM_DIRECTORIES: &[&str] = &[
    "/etc/postgresql-common",
    "/etc/sysconfig/pgsql",
    "/usr/local/pgsql/etc",
];

/// Fills in what the section of the service says, where `params` or `PGSERVICE`
/// name one. The user's file wins as a whole over the system's.
pub(super) fn fill(params: &mut Params, env: &dyn Env) -> Result<(), ResolveError> {
    let Some(service) = params
        .get("service")
        .map(|value| value.text.clone())
        .or_else(|| env.var("PGSERVICE").filter(|name| !name.is_empty()))
    else {
        return Ok(());
    };
    let files = files(params, env);
    for path in &files {
        let text = match env.read(path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(unreadable(path, &error)),
        };
        if fill_from(params, &text, path, &service)? {
            return Ok(());
        }
    }
    Err(ResolveError::NoService {
        service: clean_bounded(&service, 60),
        searched: files
            .iter()
            .map(|path| shown(path))
            .collect::<Vec<_>>()
            .join(", "),
    })
}

/// The user's file, then the system's.
fn files(params: &Params, env: &dyn Env) -> Vec<PathBuf> {
    let users = params
        .get("servicefile")
        .map(|value| value.text.clone())
        .or_else(|| env.var("PGSERVICEFILE").filter(|path| !path.is_empty()))
        .map(PathBuf::from)
        .or_else(|| Some(env.home()?.join(".pg_service.conf")));
    let systems = match env.var("PGSYSCONFDIR").filter(|path| !path.is_empty()) {
        Some(directory) => vec![PathBuf::from(directory)],
        None => SYSTEM_DIRECTORIES.iter().map(PathBuf::from).collect(),
    };
    users
        .into_iter()
        .chain(
            systems
                .into_iter()
                .map(|directory| directory.join("pg_service.conf")),
        )
        .collect()
}

/// Whether the file has the section; its values go where none is yet. As in
/// libpq, only the lines of that section are judged.
fn fill_from(
    params: &mut Params,
    text: &str,
    path: &Path,
    service: &str,
) -> Result<bool, ResolveError> {
    let mut found = false;
    for (line, number) in text.lines().map(str::trim).zip(1..) {
        let header = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        match header {
            // A second section of that name is another's.
            Some(_) if found => break,
            Some(name) => found = name == service,
            None if !found || line.is_empty() || line.starts_with('#') => {}
            None => setting(params, line, &format!("{}:{number}", shown(path)))?,
        }
    }
    Ok(found)
}

fn setting(params: &mut Params, line: &str, place: &str) -> Result<(), ResolveError> {
    let malformed = |what: &str, hint: &str| ResolveError::Malformed {
        place: place.to_owned(),
        what: what.to_owned(),
        hint: hint.to_owned(),
    };
    if line.starts_with("ldap") {
        let hint = "write the parameters into the file themselves";
        return Err(malformed("LDAP lookup is not supported", hint));
    }
    match line.split_once('=') {
        None => Err(malformed("no `keyword=value`", "comments begin with #")),
        Some((keyword, _)) if keyword != keyword.trim_end() => Err(malformed(
            "a space before `=`",
            "write keyword=value, as libpq wants it",
        )),
        Some(("service" | "servicefile", _)) => {
            let hint = "write that service's parameters here";
            Err(malformed("a service inside of a service", hint))
        }
        Some((keyword, value)) => params.fill(keyword, value, place),
    }
}

fn unreadable(path: &Path, error: &io::Error) -> ResolveError {
    ResolveError::File {
        place: "the service file".to_owned(),
        path: shown(path),
        what: format!("cannot be read: {error}"),
        hint: "name another one with PGSERVICEFILE".to_owned(),
    }
}

fn shown(path: &Path) -> String {
    clean_bounded(&path.display().to_string(), 200)
}
