//! Owns variables: their types, and how `{{name}}` and `{{name:literal}}`
//! render; never lets one become SQL without quotes.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use super::{Lowering, scalar};
use crate::runbook::CHUNK_CALL;
use crate::runbook::diagnostic::Diagnostic;
use crate::runbook::ident;
use crate::runbook::raw::{self, At, Entries};
use crate::runbook::source::{Mapped, Place};

/// The name that stands for a chunk's condition.
const CHUNK: &str = "chunk";

/// What surrounds a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Render {
    /// SQL: identifiers are quoted, everything else is a literal.
    Sql,
    /// SQL over a chunk: `{{chunk}}` and `{{chunk:alias}}` become the call that
    /// stands for the chunk's condition.
    Chunk,
    /// Everything else: as it was written.
    Plain,
}

/// A variable's value.
#[derive(Debug, Clone)]
enum Value {
    Ident {
        parts: Vec<String>,
        written: String,
    },
    Text(String),
    Int(i64),
    Duration {
        span: Duration,
        written: String,
    },
    /// Faulty, and told already.
    Unknown,
}

/// The runbook's variables, by name.
#[derive(Debug, Default)]
pub(super) struct Vars(BTreeMap<String, Value>);

impl Value {
    fn render(&self, render: Render, literal: bool) -> String {
        let quoted = |parts: &[String]| {
            let parts: Vec<_> = parts.iter().map(|part| ident::quote_ident(part)).collect();
            parts.join(".")
        };
        match (self, render) {
            (Self::Ident { parts, .. }, _) if literal => ident::quote_literal(&quoted(parts)),
            (Self::Ident { parts, .. }, Render::Sql | Render::Chunk) => quoted(parts),
            (Self::Ident { written, .. }, Render::Plain) => written.clone(),
            (Self::Text(text), Render::Sql | Render::Chunk) => ident::quote_literal(text),
            (Self::Text(text), Render::Plain) if literal => ident::quote_literal(text),
            (Self::Text(text), Render::Plain) => text.clone(),
            (Self::Int(number), _) if literal => format!("'{number}'"),
            // In parentheses: a bare `- -1` would begin a comment.
            (Self::Int(number), Render::Sql | Render::Chunk) if *number < 0 => {
                format!("({number})")
            }
            (Self::Int(number), _) => number.to_string(),
            (Self::Duration { span, .. }, Render::Sql | Render::Chunk) => {
                format!("'{} milliseconds'", span.as_millis())
            }
            (Self::Duration { written, .. }, Render::Plain) => written.clone(),
            (Self::Unknown, _) => "unknown".into(),
        }
    }
}

impl Vars {
    /// Puts the values in, and keeps the way back to the file.
    pub(super) fn render(
        &self,
        from: &Mapped,
        render: Render,
        found: &mut Vec<Diagnostic>,
    ) -> Mapped {
        let mut rendered = Mapped::empty();
        let mut done = 0;
        for use_ in uses(&from.text) {
            let place = from.place(use_.range.clone());
            rendered.push_slice(from, done..use_.range.start);
            done = use_.range.end;
            if render == Render::Chunk && use_.name == CHUNK {
                let call = format!("{CHUNK_CALL}{})", use_.alias.unwrap_or_default());
                rendered.push(&call, place, false);
                continue;
            }
            match self.0.get(use_.name) {
                Some(value) => rendered.push(&value.render(render, use_.literal), place, false),
                None => {
                    found.push(self.unknown(use_.name, place));
                    rendered.push("unknown", place, false);
                }
            }
        }
        rendered.push_slice(from, done..from.text.len());
        rendered
    }

    fn unknown(&self, name: &str, place: Place) -> Diagnostic {
        let known: Vec<_> = self.0.keys().map(|name| format!("`{name}`")).collect();
        let hint = match known.is_empty() {
            true => "declare it under [vars]".into(),
            false => format!("declare it under [vars], which has: {}", known.join(", ")),
        };
        let message = format!("there is no variable `{name}`");
        Diagnostic::fault("unknown-variable", place, message).hint(hint)
    }
}

/// One `{{name}}` in a text.
struct Use<'t> {
    range: Range<usize>,
    name: &'t str,
    literal: bool,
    /// Of `{{chunk:alias}}`.
    alias: Option<&'t str>,
}

/// Every `{{name}}` and `{{name:literal}}`. Other double braces are SQL's own,
/// such as the array `'{{1,2},{3,4}}'`.
fn uses(text: &str) -> Vec<Use<'_>> {
    let mut uses = Vec::new();
    let mut from = 0;
    while let Some(open) = text[from..].find("{{").map(|at| from + at) {
        from = open + 2;
        let Some(close) = text[from..].find("}}").map(|at| from + at) else {
            break;
        };
        let inside = text[from..close].trim();
        let (name, literal, alias) = match inside.split_once(':') {
            Some((name, "literal")) => (name, true, None),
            Some((CHUNK, alias)) => (CHUNK, false, Some(alias)),
            _ => (inside, false, None),
        };
        if is_name(name) && alias.is_none_or(is_name) {
            let range = open..close + 2;
            from = range.end;
            uses.push(Use {
                range,
                name,
                literal,
                alias,
            });
        }
    }
    uses
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

impl Lowering<'_> {
    /// Reads `[vars]`.
    pub(super) fn read_vars(&mut self, raw: &Entries<raw::Var>) -> Vars {
        let mut vars = Vars::default();
        for (name, var) in raw.iter() {
            if !is_name(&name.value) {
                let message = format!("`{}` is not a variable's name", name.value);
                self.fault_with(
                    "bad-id",
                    &name.span,
                    message,
                    "letters, digits, `_` and `-`",
                );
            }
            vars.0.insert(name.value.clone(), self.value(var));
        }
        vars
    }

    fn value(&mut self, var: &At<raw::Var>) -> Value {
        let raw::Var {
            ident,
            text,
            int,
            duration,
        } = &var.value;
        match (ident, text, int, duration) {
            (Some(ident), None, None, None) => match ident::parse_ident(&ident.value) {
                Ok(parts) => Value::Ident {
                    parts,
                    written: ident.value.clone(),
                },
                Err(why) => {
                    let hint = "such as `public.users`, or `public.\"Users\"`";
                    self.fault_with("bad-ident", &ident.span, why, hint);
                    Value::Unknown
                }
            },
            (None, Some(text), None, None) => Value::Text(text.value.clone()),
            (None, None, Some(int), None) => Value::Int(int.value),
            (None, None, None, Some(duration)) => match scalar::parse_duration(&duration.value) {
                Ok(span) => Value::Duration {
                    span,
                    written: duration.value.clone(),
                },
                Err(why) => {
                    self.bad_duration(&duration.span, why);
                    Value::Unknown
                }
            },
            _ => {
                if !self.damage.touched(&var.span) {
                    let message = "a variable is exactly one of ident, text, int and duration";
                    let hint = "such as { ident = \"public.users\" }";
                    self.fault_with("exactly-one", &var.span, message, hint);
                }
                Value::Unknown
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<(&str, bool)> {
        uses(text)
            .iter()
            .map(|use_| (use_.name, use_.literal))
            .collect()
    }

    #[test]
    fn only_names_in_double_braces_are_variables() {
        assert_eq!(
            names("a {{x}} b {{ y:literal }}"),
            [("x", false), ("y", true)]
        );
        assert_eq!(names("'{{1,2},{3,4}}' {{x}}"), [("x", false)]);
        assert!(names("{{}} {{a b}} {{x").is_empty());
    }

    #[test]
    fn values_render_quoted_in_sql_and_plain_elsewhere() {
        let name = Value::Ident {
            parts: vec!["public".into(), "Us'ers".into()],
            written: "public.\"Us'ers\"".into(),
        };
        assert_eq!(name.render(Render::Sql, false), "public.\"Us'ers\"");
        assert_eq!(name.render(Render::Sql, true), "'public.\"Us''ers\"'");
        let text = Value::Text("it's".into());
        assert_eq!(text.render(Render::Sql, false), "'it''s'");
        assert_eq!(text.render(Render::Plain, false), "it's");
        assert_eq!(Value::Int(-1).render(Render::Sql, false), "(-1)");
    }
}
