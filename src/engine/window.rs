//! Whether the window is open. Pure: time and zone come from the input.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::runbook::{Window, WindowScope};

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
    let date = local.date();
    let frozen = window
        .freeze
        .iter()
        .find(|f| f.from <= date && date <= f.to);
    if let Some(freeze) = frozen {
        return Some(format!("frozen until {}: {}", freeze.to, freeze.why));
    }
    let open = window.allow.iter().any(|span| {
        let minute = minute_of_day(&local);
        let day = local.weekday().to_monday_one_offset().unsigned_abs();
        span.days.contains(&day) && (span.from_minute..span.to_minute).contains(&minute)
    });
    (!open).then(|| format!("closed at {} {}", local.strftime("%a %H:%M"), window.tz))
}

fn minute_of_day(local: &Zoned) -> u16 {
    let hour = u16::from(local.hour().unsigned_abs());
    hour * 60 + u16::from(local.minute().unsigned_abs())
}
