//! Owns the reading of connection URLs, `postgresql://user@host:5432/db?sslmode=require`;
//! never what a value means.

use super::error::ResolveError;
use super::params::Params;

/// Whether it begins as a URL does; anything else is key-value pairs.
pub(super) fn is_uri(text: &str) -> bool {
    remainder(text).is_some()
}

fn remainder(text: &str) -> Option<&str> {
    ["postgresql://", "postgres://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme))
}

/// Reads a URL as libpq does: several `host:port` separated by commas, IPv6
/// addresses in brackets, everything percent-decoded; parts left out are left
/// to the other sources.
pub(super) fn parse(text: &str, place: &str) -> Result<Params, ResolveError> {
    let reader = Reader { place };
    let rest = remainder(text).ok_or_else(|| reader.malformed("no postgresql:// at the start"))?;
    // As libpq does: the first `@` ends the login, unless a `/` comes before it.
    let (login, rest) = match rest.find(['@', '/']) {
        Some(at) if rest[at..].starts_with('@') => (&rest[..at], &rest[at + 1..]),
        _ => ("", rest),
    };
    let (rest, query) = split(rest, '?');
    if rest.contains('@') {
        // Half of a password would stand in the host's place, on the screen.
        return Err(reader.malformed("an `@` or `/` in its user or password that is not encoded"));
    }
    let (hosts, database) = split(rest, '/');
    let (user, password) = split(login, ':');
    let (names, ports) = reader.hosts(hosts)?;

    let mut params = Params::default();
    let mut put = |name: &str, value: &str| match value {
        "" => Ok(()),
        value => params.fill(name, &reader.decoded(value)?, place),
    };
    put("user", user)?;
    put("password", password)?;
    put("host", &names)?;
    put("port", &ports)?;
    put("dbname", database)?;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair
            .split_once('=')
            .ok_or_else(|| reader.malformed("a parameter after `?` without `=`"))?;
        let (name, value) = (reader.decoded(name)?, reader.decoded(value)?);
        match (name.as_str(), value.as_str()) {
            // What JDBC calls it; libpq takes it too.
            ("ssl", "true") => params.fill("sslmode", "require", place)?,
            (name, value) => params.fill(name, value, place)?,
        }
    }
    Ok(params)
}

fn split(text: &str, at: char) -> (&str, &str) {
    text.split_once(at).unwrap_or((text, ""))
}

struct Reader<'a> {
    place: &'a str,
}

impl Reader<'_> {
    /// The names and the ports, each separated by commas; both empty where none is given.
    fn hosts(&self, hosts: &str) -> Result<(String, String), ResolveError> {
        let (mut names, mut ports) = (Vec::new(), Vec::new());
        for host in hosts.split(',') {
            let (name, port) = match host.strip_prefix('[') {
                Some(bracketed) => {
                    let (address, rest) = bracketed
                        .split_once(']')
                        .ok_or_else(|| self.malformed("an IPv6 address without its `]`"))?;
                    let port = match rest {
                        "" => "",
                        rest => rest.strip_prefix(':').ok_or_else(|| {
                            self.malformed("something else than a port after `]`")
                        })?,
                    };
                    (address, port)
                }
                None => split(host, ':'),
            };
            names.push(name);
            ports.push(port);
        }
        let joined = |parts: Vec<&str>| match parts.iter().all(|part| part.is_empty()) {
            true => String::new(),
            false => parts.join(","),
        };
        Ok((joined(names), joined(ports)))
    }

    fn decoded(&self, text: &str) -> Result<String, ResolveError> {
        let broken = || self.malformed("a `%` that is not followed by two hexadecimal digits");
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text.as_bytes().iter();
        while let Some(&byte) = rest.next() {
            if byte != b'%' {
                bytes.push(byte);
                continue;
            }
            let mut digit = || {
                let byte = *rest.next()?;
                char::from(byte).to_digit(16)
            };
            let (Some(high), Some(low)) = (digit(), digit()) else {
                return Err(broken());
            };
            bytes.push(u8::try_from(high * 16 + low).expect("two hexadecimal digits are a byte"));
        }
        match String::from_utf8(bytes) {
            Ok(decoded) if !decoded.contains('\0') => Ok(decoded),
            _ => Err(self.malformed("percent-encoding that gives no text")),
        }
    }

    fn malformed(&self, what: &str) -> ResolveError {
        ResolveError::Malformed {
            place: self.place.to_owned(),
            what: format!("the URL has {what}"),
            hint: "write postgresql://user@host:5432/database, and : / @ % ? in a part as %3A %2F %40 %25 %3F"
                .to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str, name: &'static str) -> Option<String> {
        let params = parse(text, "$URL").expect("well-formed");
        params.get(name).map(|value| value.text.clone())
    }

    #[test]
    fn the_parts_are_read_and_decoded() {
        let url = "postgresql://ana:p%40ss%2Fword@db1:5433/my%20app?sslmode=verify-full&connect_timeout=3";
        for (name, expected) in [
            ("user", "ana"),
            ("password", "p@ss/word"),
            ("host", "db1"),
            ("port", "5433"),
            ("dbname", "my app"),
            ("sslmode", "verify-full"),
            ("connect_timeout", "3"),
        ] {
            assert_eq!(value(url, name).as_deref(), Some(expected), "{name}");
        }
    }

    #[test]
    fn several_hosts_keep_their_ports() {
        let url = "postgres://db1:1,[2001:db8::1]:2,db3/app";
        assert_eq!(value(url, "host").as_deref(), Some("db1,2001:db8::1,db3"));
        assert_eq!(value(url, "port").as_deref(), Some("1,2,"));
    }

    #[test]
    fn socket_directories_come_encoded_or_as_a_parameter() {
        assert_eq!(
            value("postgresql://%2Ftmp%2Fs/app", "host").as_deref(),
            Some("/tmp/s")
        );
        assert_eq!(
            value("postgresql:///app?host=/tmp/s", "host").as_deref(),
            Some("/tmp/s")
        );
    }

    #[test]
    fn parts_left_out_are_left_to_other_sources() {
        for name in ["user", "password", "host", "port", "dbname"] {
            assert_eq!(value("postgresql://", name), None, "{name}");
        }
    }

    #[test]
    fn a_broken_url_is_told_without_its_password() {
        for url in [
            "postgresql://ana:secret@[::1/app",
            "postgresql://ana:secret%4@db/app",
            "postgresql://ana:secret%zz@db/app",
            "postgresql://ana:secret%00@db/app",
            "postgresql://ana:secret@db/app?sslmode",
            "postgresql://ana:my@secret@db/app",
            "postgresql://ana:secret/1@db/app",
        ] {
            let error = parse(url, "$URL").err().expect("malformed").to_string();
            assert!(error.starts_with("$URL: "), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
