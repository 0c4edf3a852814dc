//! Owns whether the window is open, and when it opens. Pure: time and zone come
//! from the input.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan, Zoned};

use crate::runbook::{Freeze, WeeklySpan, Window, WindowScope};

/// Days that are looked through for an opening.
const DAYS: usize = 366;

/// Why the window is closed, in a few words; `None` when it is open, or does
/// not apply.
pub fn closed(window: Option<&Window>, scope: WindowScope, now: Timestamp) -> Option<String> {
    let window = window.filter(|window| window.applies_to.contains(&scope))?;
    closed_at(window, now)
}

/// The same for a gate, whatever the window applies to.
pub fn closed_at(window: &Window, now: Timestamp) -> Option<String> {
    let Ok(zone) = TimeZone::get(&window.tz) else {
        return Some(format!("time zone `{}` is not known here", window.tz));
    };
    let local = now.to_zoned(zone);
    if let Some(freeze) = frozen(window, local.date()) {
        return Some(format!("frozen until {}: {}", freeze.to, freeze.why));
    }
    let open = window.allow.iter().any(|span| {
        let minute = minute_of_day(&local);
        let minutes = span.from_minute..span.to_minute;
        applies(span, local.date()) && minutes.contains(&minute)
    });
    (!open).then(|| match opens(window, &local) {
        Some(at) => {
            let here = at.strftime("%a %H:%M");
            // In UTC as well, with the date: people elsewhere watch too.
            let utc = local.time_zone().to_ambiguous_zoned(at).compatible();
            let utc = utc.map(|at| at.timestamp().strftime("%b %-d %H:%MZ, ").to_string());
            format!("opens {}{here} {}", utc.unwrap_or_default(), window.tz)
        }
        None => "does not open for a year".to_owned(),
    })
}

/// When it opens next, by the local clock.
fn opens(window: &Window, local: &Zoned) -> Option<DateTime> {
    let begins = |date: Date| {
        let spans = window.allow.iter().filter(|span| applies(span, date));
        let starts = spans.map(|span| date.at(0, 0, 0, 0) + minutes(span.from_minute));
        starts.filter(|at| *at > local.datetime()).min()
    };
    let days = local.date().series(1.day()).take(DAYS);
    days.filter(|date| frozen(window, *date).is_none())
        .find_map(begins)
}

fn minutes(since_midnight: u16) -> Span {
    Span::new().minutes(i64::from(since_midnight))
}

fn frozen(window: &Window, date: Date) -> Option<&Freeze> {
    let mut freezes = window.freeze.iter();
    freezes.find(|freeze| freeze.from <= date && date <= freeze.to)
}

fn applies(span: &WeeklySpan, date: Date) -> bool {
    let day = date.weekday().to_monday_one_offset().unsigned_abs();
    span.days.contains(&day)
}

fn minute_of_day(local: &Zoned) -> u16 {
    let hour = u16::from(local.hour().unsigned_abs());
    hour * 60 + u16::from(local.minute().unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(freeze: Vec<Freeze>) -> Window {
        Window {
            allow: vec![WeeklySpan {
                days: vec![2, 3, 4],
                from_minute: 9 * 60,
                to_minute: 16 * 60,
            }],
            tz: "Europe/Berlin".into(),
            applies_to: vec![WindowScope::Advance],
            freeze,
        }
    }

    fn says(window: &Window, at: &str) -> Option<String> {
        closed_at(window, at.parse().expect("a timestamp"))
    }

    /// 2026-03-03 is a Tuesday; Berlin is an hour ahead of UTC.
    #[test]
    fn a_closed_window_says_when_it_opens() {
        let window = window(Vec::new());
        let opens = |text: &str| Some(format!("opens {text} Europe/Berlin"));
        assert_eq!(
            says(&window, "2026-03-03T07:59:59Z"),
            opens("Mar 3 08:00Z, Tue 09:00")
        );
        assert_eq!(says(&window, "2026-03-03T08:00:00Z"), None);
        assert_eq!(
            says(&window, "2026-03-03T15:00:00Z"),
            opens("Mar 4 08:00Z, Wed 09:00")
        );
        assert_eq!(
            says(&window, "2026-03-05T15:00:00Z"),
            opens("Mar 10 08:00Z, Tue 09:00")
        );
    }

    #[test]
    fn it_does_not_open_on_a_frozen_day() {
        let day = |text: &str| text.parse().expect("a date");
        let peak = Freeze {
            from: day("2026-03-04"),
            to: day("2026-03-10"),
            why: "peak".into(),
        };
        let window = window(vec![peak]);
        let frozen = Some("frozen until 2026-03-10: peak".to_owned());
        assert_eq!(says(&window, "2026-03-04T08:30:00Z"), frozen);
        let opens = Some("opens Mar 11 08:00Z, Wed 09:00 Europe/Berlin".to_owned());
        assert_eq!(says(&window, "2026-03-03T15:00:00Z"), opens);
    }
}
