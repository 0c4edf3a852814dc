//! Owns the scalars that may be written in more than one way; never converts
//! units.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

use super::At;

/// A number, or a text such as `"10s"`.
#[derive(Debug, Clone, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Quantity {
    /// A plain number.
    Number(f64),
    /// A duration, or a variable of that type.
    Text(String),
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl Visitor<'_> for Either {
            type Value = Quantity;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or a duration such as \"10s\"")
            }

            fn visit_i64<E>(self, number: i64) -> Result<Quantity, E> {
                Ok(Quantity::Number(number as f64))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Quantity, E> {
                Ok(Quantity::Number(number))
            }

            fn visit_str<E>(self, text: &str) -> Result<Quantity, E> {
                Ok(Quantity::Text(text.into()))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// A boolean query, or a command as a list of program and arguments.
#[derive(Debug, Clone, JsonSchema)]
#[serde(untagged)]
pub(crate) enum DoneWhen {
    /// True means done.
    Query(String),
    /// Exit code 0 means done, 1 not done, anything else unknown.
    Command(Vec<At<String>>),
}

impl<'de> Deserialize<'de> for DoneWhen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = DoneWhen;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a boolean query, or a list of program and arguments")
            }

            fn visit_str<E>(self, text: &str) -> Result<DoneWhen, E> {
                Ok(DoneWhen::Query(text.into()))
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<DoneWhen, S::Error> {
                let mut words = Vec::new();
                while let Some(word) = seq.next_element()? {
                    words.push(word);
                }
                Ok(DoneWhen::Command(words))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// What an environment puts in place of a variable: the value alone keeps the type.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
#[allow(
    dead_code,
    reason = "read through the overlaid tree; the shape checks it here"
)]
pub(crate) enum VarOverride {
    /// For ident, text and duration.
    Text(String),
    /// For int.
    Int(i64),
    /// The whole variable.
    Whole(super::Var),
}

/// A day, written as a TOML date such as `2026-11-24`.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct Day(pub(crate) toml::value::Datetime);

impl JsonSchema for Day {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Day".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date" })
    }
}
