//! Owns the small values: durations, thresholds, weekly spans, dates, tables
//! and ids; never knows which field wants one.

use std::ops::Range;
use std::time::Duration;

use jiff::{Span, SpanRelativeTo};

use super::Lowering;
use super::vars::Render;
use crate::runbook::ident;
use crate::runbook::raw::{At, Day};
use crate::runbook::{TableName, WeeklySpan};

/// Longest duration, ten years: anything above is a slip of the pen, and
/// arithmetic on it might overflow.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

/// Reads `300ms`, `3s`, `1h 30m`, `7d`. A day is 24 hours; ten years are too long.
///
/// # Errors
/// What the text is instead, in words.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let not = |_| format!("`{text}` is not a duration");
    let span: Span = text.trim().parse().map_err(not)?;
    let signed = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(not)?;
    let duration = Duration::try_from(signed).map_err(|_| format!("`{text}` is negative"))?;
    if duration > LONGEST {
        return Err(format!("`{text}` is longer than ten years"));
    }
    Ok(duration)
}

/// Reads `Tue-Thu 09:00-16:00`, `Mon,Wed 22:00-24:00`.
pub(super) fn parse_weekly(text: &str) -> Option<WeeklySpan> {
    let (days, hours) = text.trim().split_once(char::is_whitespace)?;
    let (from, to) = hours.trim().split_once('-')?;
    let (from_minute, to_minute) = (minute(from)?, minute(to)?);
    let mut all = Vec::new();
    for part in days.split(',') {
        match part.split_once('-') {
            Some((first, last)) => {
                let (first, last) = (day(first)?, day(last)?);
                // Fri-Mon goes over the weekend.
                let length = (last + 7 - first) % 7;
                all.extend((0..=length).map(|i| (first - 1 + i) % 7 + 1));
            }
            None => all.push(day(part)?),
        }
    }
    all.sort_unstable();
    all.dedup();
    (from_minute < to_minute).then_some(WeeklySpan {
        days: all,
        from_minute,
        to_minute,
    })
}

/// Monday is 1.
fn day(text: &str) -> Option<u8> {
    let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let at = names
        .iter()
        .position(|name| text.trim().eq_ignore_ascii_case(name))?;
    u8::try_from(at + 1).ok()
}

/// Minutes since midnight; 24:00 is the end of the day.
fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let two_digits = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
    if !(two_digits(hours) && two_digits(minutes)) {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let total = hours * 60 + minutes;
    (minutes < 60 && total <= 24 * 60).then_some(total)
}

impl Lowering<'_> {
    /// A duration, with its variables.
    pub(super) fn duration(&mut self, raw: &At<String>) -> Duration {
        let text = self.plain(raw);
        parse_duration(&text).unwrap_or_else(|why| {
            self.bad_duration(&raw.span, why);
            Duration::ZERO
        })
    }

    /// A duration or its default.
    pub(super) fn duration_or(&mut self, raw: Option<&At<String>>, default: Duration) -> Duration {
        raw.map_or(default, |raw| self.duration(raw))
    }

    /// A duration that would mean a busy loop, or no time at all, when zero.
    pub(super) fn positive(&mut self, raw: Option<&At<String>>, default: Duration) -> Duration {
        let Some(raw) = raw else {
            return default;
        };
        let before = self.found.len();
        let duration = self.duration(raw);
        if duration.is_zero() && self.found.len() == before {
            self.bad_duration(&raw.span, "this has to be longer than nothing".into());
        }
        duration
    }

    /// Tells a bad duration, unless the variable that it came from was told.
    pub(super) fn bad_duration(&mut self, span: &Range<usize>, why: String) {
        if self.found.iter().any(|told| {
            told.code == "unknown-variable"
                && told.place.start >= span.start
                && told.place.end <= span.end
        }) {
            return;
        }
        self.fault_with(
            "bad-duration",
            span,
            why,
            "such as \"300ms\", \"3s\", \"1h 30m\", \"7d\"",
        );
    }

    /// A table's name, with its variables.
    pub(super) fn table(&mut self, raw: &At<String>) -> TableName {
        let text = self.plain(raw);
        ident::parse_table(&text).unwrap_or_else(|why| {
            self.bad_ident(&raw.span, why);
            TableName {
                schema: None,
                name: text,
            }
        })
    }

    /// Names of columns.
    pub(super) fn columns(&mut self, raw: &[At<String>], within: &Range<usize>) -> Vec<String> {
        if raw.is_empty() {
            self.fault("bad-value", within, "the key has no column");
        }
        raw.iter().map(|name| self.column(name)).collect()
    }

    /// A column's name.
    pub(super) fn column(&mut self, raw: &At<String>) -> String {
        let text = self.mapped(raw, Render::Plain).text;
        match ident::parse_ident(&text).as_deref() {
            Ok([name]) => name.clone(),
            Ok(_) => {
                self.bad_ident(&raw.span, format!("`{text}` is not a column's name"));
                text
            }
            Err(why) => {
                self.bad_ident(&raw.span, why.clone());
                text
            }
        }
    }

    fn bad_ident(&mut self, span: &Range<usize>, why: String) {
        self.fault_with(
            "bad-ident",
            span,
            why,
            "quote a name that is not plain: \"\\\"User Id\\\"\"",
        );
    }

    /// Tells an id that would be awkward to type or to show.
    pub(super) fn check_id(&mut self, raw: &At<String>) {
        let id = &raw.value;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !id.starts_with(|c: char| c.is_ascii_alphanumeric())
            || !id.chars().all(plain)
            || id.len() > 64
        {
            let hint = "letters, digits, `-`, `_` and `.`, at most 64, first a letter or digit";
            self.fault_with("bad-id", &raw.span, "this is not an id", hint);
        }
    }

    /// A day without a time.
    pub(super) fn day(&mut self, raw: &At<Day>) -> jiff::civil::Date {
        let Day(written) = &raw.value;
        let date = written
            .date
            .filter(|_| written.time.is_none())
            .and_then(|date| {
                let (year, month, day) = (date.year.cast_signed(), date.month, date.day);
                jiff::civil::Date::new(year, month.cast_signed(), day.cast_signed()).ok()
            });
        date.unwrap_or_else(|| {
            self.fault_with(
                "bad-value",
                &raw.span,
                "this is not a day",
                "such as 2026-11-24",
            );
            jiff::civil::Date::MIN
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_write_them() {
        for (text, millis) in [
            ("300ms", 300),
            ("3s", 3000),
            ("1h 30m", 5_400_000),
            ("7d", 604_800_000),
            ("0s", 0),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for bad in ["", "3", "3 bananas", "-3s", "1mo", "99999d", "1e9s"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn weekly_spans_wrap_over_the_weekend_but_not_over_midnight() {
        let span = parse_weekly("Fri-Mon 09:00-24:00").unwrap();
        assert_eq!(
            (span.days, span.from_minute, span.to_minute),
            (vec![1, 5, 6, 7], 540, 1440)
        );
        assert_eq!(parse_weekly("mon,wed 00:00-00:30").unwrap().days, [1, 3]);
        for bad in [
            "Tue",
            "Tue 9:00-16:00",
            "Tue 16:00-09:00",
            "Foo 09:00-10:00",
            "Tue 09:60-10:00",
            "Tue 09:00-24:01",
        ] {
            assert!(parse_weekly(bad).is_none(), "{bad}");
        }
    }
}
