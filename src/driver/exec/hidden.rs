//! Owns what of a command's words is not repeated: passwords, and the values of
//! variables that were passed on to it and whose names say that they are secret.
//! A script that is traced (`set -x`) prints them.

use std::ffi::OsStr;

use crate::secret::{hide, passwords, without_passwords};

/// Parts of a variable's name that say so.
const SECRET_NAMES: [&str; 5] = ["PASS", "SECRET", "TOKEN", "KEY", "CREDENTIAL"];
/// A shorter value would be found in any word.
const SHORTEST: usize = 3;

/// What one command was given and may not be heard saying.
#[derive(Default)]
pub(super) struct Hidden(Vec<String>);

impl Hidden {
    /// Of the variables that the runbook passes on.
    pub(super) fn of<'v>(variables: impl Iterator<Item = (&'v str, &'v OsStr)>) -> Self {
        let mut values = Vec::new();
        for (name, value) in variables {
            let value = value.to_string_lossy();
            let name = name.to_ascii_uppercase();
            if SECRET_NAMES.iter().any(|part| name.contains(part)) {
                values.push(value.clone().into_owned());
            }
            let inside = passwords(&value).into_iter();
            values.extend(inside.map(|span| value[span].to_owned()));
        }
        values.retain(|value| value.len() >= SHORTEST);
        Self(values)
    }

    /// The text, stars in the place of what is hidden.
    pub(super) fn out_of(&self, text: &str) -> String {
        let mut shown = without_passwords(text);
        for value in &self.0 {
            while let Some(at) = shown.find(value.as_str()) {
                hide(&mut shown, at..at + value.len());
                if value.bytes().all(|byte| byte == b'*') {
                    break;
                }
            }
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_passed_on_in_confidence_is_not_repeated() {
        let variables = [
            ("DATABASE_URL", "postgresql://ana:hunter2@db/app"),
            ("NOTIFY_TOKEN", "tok-91"),
            ("PGCUTOVER_FLAGS", "/srv/flags"),
            ("API_KEY", "7"),
        ];
        let hidden = Hidden::of(variables.map(|(n, v)| (n, OsStr::new(v))).into_iter());
        let text = "curl -H tok-91 tok-91 /srv/flags/7 as hunter2, password=other";
        let shown = "curl -H ****** ****** /srv/flags/7 as *******, password=*****";
        assert_eq!(hidden.out_of(text), shown);
        let stars = Hidden::of([("TOKEN", OsStr::new("****"))].into_iter());
        assert_eq!(stars.out_of("a **** b"), "a **** b");
    }
}
