//! Owns the one language of thresholds: a value in its signal's unit, a
//! stretch of time, and where a stall ends; never knows the signal.

use std::time::Duration;

use super::Lowering;
use crate::runbook::raw::{self, At, Quantity};
use crate::runbook::unit::Unit;
use crate::runbook::{Stall, Threshold};

impl Lowering<'_> {
    /// `{ above, for }`.
    pub(super) fn threshold(&mut self, raw: &raw::Threshold, unit: Unit) -> Threshold {
        self.above(&raw.above, raw.hold_for.as_ref(), unit)
    }

    /// `{ above, for, until_below }`.
    pub(super) fn stall(&mut self, raw: &raw::StallAt, unit: Unit) -> Stall {
        let at = self.above(&raw.above, raw.hold_for.as_ref(), unit);
        let until_below = match &raw.until_below {
            Some(until) => {
                let value = self.measure(until, unit);
                if value > at.above {
                    let message = "a stall has to end at or below where it begins";
                    self.fault("bad-threshold", &until.span, message);
                }
                value
            }
            None => at.above,
        };
        Stall { at, until_below }
    }

    fn above(
        &mut self,
        above: &At<Quantity>,
        hold_for: Option<&At<String>>,
        unit: Unit,
    ) -> Threshold {
        Threshold {
            above: self.measure(above, unit),
            hold_for: self.duration_or(hold_for, Duration::ZERO),
        }
    }

    /// A value in a unit; 0 where a fault was told.
    pub(super) fn measure(&mut self, raw: &At<Quantity>, unit: Unit) -> f64 {
        let before = self.found.len();
        let value = match (&raw.value, unit) {
            (Quantity::Text(text), Unit::Seconds) => {
                let text = At {
                    value: text.clone(),
                    span: raw.span.clone(),
                };
                return self.duration(&text).as_secs_f64();
            }
            (Quantity::Text(text), _) => {
                let text = At {
                    value: text.clone(),
                    span: raw.span.clone(),
                };
                parse(&self.plain(&text), unit)
            }
            (Quantity::Number(number), Unit::Count | Unit::Share | Unit::Plain) => Ok(*number),
            (Quantity::Number(number), _) => Err(format!("`{number}` has no unit")),
        };
        // A variable that is not there was told by itself.
        let told = self.found.len() > before;
        match value.and_then(|value| within(value, unit)) {
            Ok(value) => value,
            Err(_) if told => 0.0,
            Err(why) => {
                self.fault_with("bad-threshold", &raw.span, why, hint(unit));
                0.0
            }
        }
    }
}

/// Reads a text in a unit other than seconds.
fn parse(text: &str, unit: Unit) -> Result<f64, String> {
    let text = text.trim();
    let wrong = || format!("`{text}` is not {}", noun(unit));
    match unit {
        Unit::Bytes => bytes(text),
        Unit::BytesPerSecond => bytes(text.strip_suffix("/s").unwrap_or(text)),
        Unit::Share => {
            let percent = text.strip_suffix('%').and_then(number);
            percent.map(|percent| percent / 100.0)
        }
        // A number in quotes: by way of a variable.
        Unit::Count | Unit::Plain => number(text),
        Unit::Seconds => None,
    }
    .ok_or_else(wrong)
}

/// `64 MB`: powers of 1024, with Postgres' names.
fn bytes(text: &str) -> Option<f64> {
    let text = text.trim();
    let digits = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (amount, name) = text.split_at(digits);
    let names = ["B", "kB", "MB", "GB", "TB"];
    let power = names.iter().position(|known| *known == name)?;
    Some(number(amount)? * 1024_f64.powi(i32::try_from(power).ok()?))
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|n: &f64| n.is_finite())
}

/// Only what a query measures may be below nothing.
fn within(value: f64, unit: Unit) -> Result<f64, String> {
    match unit {
        _ if !value.is_finite() => Err(format!("`{value}` is not a number")),
        Unit::Share if !(0.0..=1.0).contains(&value) => {
            Err(format!("`{value}` is not a share from 0 to 1"))
        }
        Unit::Plain => Ok(value),
        _ if value < 0.0 => Err(format!("`{value}` is negative")),
        _ => Ok(value),
    }
}

fn noun(unit: Unit) -> &'static str {
    match unit {
        Unit::Seconds => "a duration",
        Unit::Bytes => "a size",
        Unit::BytesPerSecond => "a size a second",
        Unit::Count | Unit::Plain => "a number",
        Unit::Share => "a share",
    }
}

fn hint(unit: Unit) -> &'static str {
    match unit {
        Unit::Seconds => "write a duration such as \"10s\"",
        Unit::Bytes => "write a size such as \"64 MB\"; there are B, kB, MB, GB, TB",
        Unit::BytesPerSecond => "write a size a second such as \"16 MB/s\"",
        Unit::Count | Unit::Plain => "write a number such as 40",
        Unit::Share => "write a share such as 0.2 or \"20%\"",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_postgres_writes_them() {
        for (text, wanted) in [
            ("64 MB", 64.0 * 1024.0 * 1024.0),
            ("64MB", 64.0 * 1024.0 * 1024.0),
            ("1.5 kB", 1536.0),
            ("10 B", 10.0),
        ] {
            assert_eq!(parse(text, Unit::Bytes), Ok(wanted), "{text}");
        }
        assert_eq!(parse("1 MB/s", Unit::BytesPerSecond), Ok(1_048_576.0));
        for bad in ["64", "64 mb", "MB", "64 MB/s", "", "inf MB", "1e400 MB"] {
            assert!(parse(bad, Unit::Bytes).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_share_is_a_number_or_a_percentage() {
        assert_eq!(parse("20%", Unit::Share), Ok(0.2));
        assert!(parse("0.2", Unit::Share).is_err());
        assert!(within(1.5, Unit::Share).is_err());
        assert!(within(-1.0, Unit::Count).is_err());
        assert_eq!(within(-1.0, Unit::Plain), Ok(-1.0));
    }
}
