//! Owns the reading of key-value connection strings, `host=db1 dbname='my app'`;
//! never what a value means.

use super::error::ResolveError;
use super::params::Params;

/// Reads `keyword = value` pairs as libpq does: spaces around `=` are allowed,
/// values with spaces stand in single quotes, `\` takes the next character as it is.
pub(super) fn parse(text: &str, place: &str) -> Result<Params, ResolveError> {
    let mut params = Params::default();
    let mut rest = Reader {
        chars: text.chars().peekable(),
        at: 0,
    };
    loop {
        rest.skip_spaces();
        let keyword = rest.take_while(|c| c != '=' && !c.is_ascii_whitespace());
        rest.skip_spaces();
        match rest.next() {
            None if keyword.is_empty() => return Ok(params),
            Some('=') if !keyword.is_empty() => {}
            // The keyword is not repeated: a stray word may be part of a password.
            _ => return Err(rest.malformed(place, "no `keyword=` before")),
        }
        rest.skip_spaces();
        let value = rest
            .value()
            .ok_or_else(|| rest.malformed(place, "unfinished quote before"))?;
        params.fill(&keyword, &value, place)?;
    }
}

struct Reader<'a> {
    chars: std::iter::Peekable<std::str::Chars<'a>>,
    at: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        self.at += 1;
        self.chars.next()
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while let Some(&c) = self.chars.peek()
            && wanted(c)
        {
            taken.push(c);
            self.next();
        }
        taken
    }

    fn skip_spaces(&mut self) {
        self.take_while(|c| c.is_ascii_whitespace());
    }

    /// `None` where a quote does not end.
    fn value(&mut self) -> Option<String> {
        let quoted = self.chars.peek() == Some(&'\'');
        if quoted {
            self.next();
        }
        let mut value = String::new();
        loop {
            match self.chars.peek() {
                None if quoted => return None,
                None => return Some(value),
                Some(c) if !quoted && c.is_ascii_whitespace() => return Some(value),
                Some('\'') if quoted => {
                    self.next();
                    return Some(value);
                }
                Some('\\') => {
                    self.next();
                    value.extend(self.next());
                }
                Some(&c) => {
                    value.push(c);
                    self.next();
                }
            }
        }
    }

    fn malformed(&self, place: &str, what: &str) -> ResolveError {
        ResolveError::Malformed {
            place: place.to_owned(),
            what: format!("{what} character {}", self.at),
            hint: "write keyword=value pairs, values with spaces in single quotes, \
                   or a URL that begins with postgresql://"
                .to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str, name: &'static str) -> Option<String> {
        let params = parse(text, "$DSN").expect("well-formed");
        params.get(name).map(|value| value.text.clone())
    }

    #[test]
    fn pairs_are_read_with_quotes_and_escapes() {
        let text = r" host = db1  password='it\'s \\ here' dbname=my\ app";
        assert_eq!(value(text, "host").as_deref(), Some("db1"));
        assert_eq!(value(text, "password").as_deref(), Some(r"it's \ here"));
        assert_eq!(value(text, "dbname").as_deref(), Some("my app"));
    }

    #[test]
    fn the_first_of_two_equal_keywords_wins() {
        assert_eq!(value("host=a host=b", "host").as_deref(), Some("a"));
    }

    #[test]
    fn a_broken_string_is_located_without_being_repeated() {
        for text in ["password='secret host=x", "password=my secret", "=secret"] {
            let error = parse(text, "$DSN").err().expect("malformed").to_string();
            assert!(
                error.starts_with("$DSN: ") && error.contains("character"),
                "{error}"
            );
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
