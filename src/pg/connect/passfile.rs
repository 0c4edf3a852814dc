//! Owns the reading of password files (`~/.pgpass`); never shows a password.

use std::path::{Path, PathBuf};

use super::env::Env;
use super::params::Params;

/// What is looked for: one host's login.
pub(super) struct Key<'a> {
    /// The host's name, or `localhost` for a socket in a usual place.
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) database: &'a str,
    pub(super) user: &'a str,
}

/// A password file, read or not. No `Debug`: it holds passwords.
#[derive(Default)]
pub(super) struct PassFile {
    /// How messages call it.
    name: String,
    content: Content,
}

#[derive(Default)]
enum Content {
    /// Nothing there.
    #[default]
    Absent,
    /// There, and not to be used, as libpq does; the reason, with a hint.
    Ignored(String),
    Text(String),
}

impl PassFile {
    /// The file that `passfile` or `PGPASSFILE` names, else `~/.pgpass`. Like
    /// libpq, one that others may read is passed over with a warning: the
    /// connection may not need a password, and if it does, its fault says why
    /// there was none.
    pub(super) fn open(params: &Params, env: &dyn Env) -> Self {
        let path = match params.get("passfile") {
            Some(value) => PathBuf::from(&value.text),
            None => match env.home() {
                Some(home) => home.join(".pgpass"),
                None => return Self::default(),
            },
        };
        let name = crate::text::clean(&path.display().to_string()).into_owned();
        let content = read(&path, env);
        if let Content::Ignored(why) = &content {
            tracing::warn!("password file `{name}` is ignored: {why}");
        }
        Self { name, content }
    }

    /// The password, and a note for the fault of a login that is refused.
    pub(super) fn password(&self, key: &Key<'_>) -> (Option<String>, String) {
        let name = &self.name;
        let text = match &self.content {
            Content::Absent => {
                let note = "no password was given; set PGPASSWORD, or write \
                            host:port:database:user:password into ~/.pgpass (mode 0600)";
                return (None, note.to_owned());
            }
            Content::Ignored(why) => {
                return (None, format!("password file `{name}` was ignored: {why}"));
            }
            Content::Text(text) => text,
        };
        let found = text.lines().zip(1..).find_map(|(line, number)| {
            let password = line.strip_suffix('\r').unwrap_or(line);
            Some((matching(password, key)?, number))
        });
        match found {
            Some((password, line)) => (
                Some(password),
                format!("the password came from `{name}`, line {line}"),
            ),
            None => (
                None,
                format!("no line of `{name}` matches this host, port, database and user"),
            ),
        }
    }
}

fn read(path: &Path, env: &dyn Env) -> Content {
    match env.stat(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Content::Absent,
        Err(error) => return Content::Ignored(error.to_string()),
        Ok(stat) if !stat.is_file => return Content::Ignored("it is not a plain file".to_owned()),
        Ok(stat) if stat.mode & 0o077 != 0 => {
            let why = format!("mode {:04o} lets others read it; chmod 0600 it", stat.mode);
            return Content::Ignored(why);
        }
        Ok(_) => {}
    }
    match env.read(path) {
        Ok(bytes) => Content::Text(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) => Content::Ignored(error.to_string()),
    }
}

/// The password of the line if its first four fields match.
fn matching(line: &str, key: &Key<'_>) -> Option<String> {
    if line.starts_with('#') {
        return None;
    }
    let port = key.port.to_string();
    let mut rest = line;
    for wanted in [key.host, &port, key.database, key.user] {
        let (field, wild, after) = field(rest);
        if !(wild || field == wanted) {
            return None;
        }
        rest = after?;
    }
    let (password, _, _) = field(rest);
    Some(password).filter(|password| !password.is_empty())
}

/// The first field without its escapes, whether it is a bare `*`, and what
/// follows its colon.
fn field(text: &str) -> (String, bool, Option<&str>) {
    let mut field = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            ':' => return (field, text.starts_with("*:"), Some(&text[at + 1..])),
            '\\' => field.push(chars.next().map_or('\\', |(_, escaped)| escaped)),
            c => field.push(c),
        }
    }
    (field, false, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key<'_> = Key {
        host: "db:1",
        port: 5432,
        database: "app",
        user: "ana",
    };

    #[test]
    fn escaped_colons_and_backslashes_are_part_of_a_field() {
        let password = matching(r"db\:1:5432:app:ana:a\:b\\c", &KEY);
        assert_eq!(password.as_deref(), Some(r"a:b\c"));
    }

    #[test]
    fn a_bare_star_matches_anything_and_an_escaped_one_itself() {
        assert_eq!(matching("*:*:*:*:pw", &KEY).as_deref(), Some("pw"));
        assert_eq!(matching(r"\*:*:*:*:pw", &KEY), None);
        assert_eq!(matching("d*:*:*:*:pw", &KEY), None);
    }

    #[test]
    fn comments_other_logins_and_short_lines_do_not_match() {
        for line in [
            "#*:*:*:*:pw",
            "*:5433:*:*:pw",
            "*:*:app2:*:pw",
            "*:*:*:bo:pw",
            "*:*:*:ana",
            "*:*:*:ana:",
            "",
        ] {
            assert_eq!(matching(line, &KEY), None, "{line}");
        }
    }

    #[test]
    fn the_first_line_that_matches_wins() {
        let file = PassFile {
            name: "pgpass".to_owned(),
            content: Content::Text(
                "# mine\n*:*:*:bo:no\n*:*:*:ana:first\r\n*:*:*:*:second\n".to_owned(),
            ),
        };
        let (password, note) = file.password(&KEY);
        assert_eq!(password.as_deref(), Some("first"));
        assert_eq!(note, "the password came from `pgpass`, line 3");
    }
}
