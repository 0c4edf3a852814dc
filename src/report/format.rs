//! Owns how numbers, times and sizes read; never decides what they mean.
//!
//! Every form has a bounded width, so that columns of them stay in line.

use std::time::Duration;

use jiff::Timestamp;

use crate::engine::snapshot::Eta;

pub use crate::run::words::duration;

/// An age in whole units, which changes once a second at most: `now`, `4s`, `2m`, `3h`.
pub fn age(time: Duration) -> String {
    match time.as_secs() {
        0 => "now".into(),
        s @ 1..120 => format!("{s}s"),
        s @ 120..7200 => format!("{}m", s / 60),
        s @ 7200..172_800 => format!("{}h", s / 3600),
        s => format!("{}d", s / 86_400),
    }
}

/// At most six characters: `999`, `4.1k`, `12.6M`, `1.2G`.
pub fn count(count: u64) -> String {
    scaled(count as f64, 1000.0, &["", "k", "M", "G", "T"])
}

/// Like [`count`], for a value that was computed.
pub fn quantity(value: f64) -> String {
    scaled(value, 1000.0, &["", "k", "M", "G", "T"])
}

/// Powers of 1024, with Postgres' names: `18 MB`, `1.2 GB`.
pub fn bytes(bytes: f64) -> String {
    scaled(bytes, 1024.0, &[" B", " kB", " MB", " GB", " TB"])
}

fn scaled(value: f64, base: f64, units: &[&str]) -> String {
    let mut value = value.max(0.0);
    let mut unit = 0;
    // 999.95 would print as 1000.0 of the smaller unit.
    while value >= base - 0.05 && unit + 1 < units.len() {
        value /= base;
        unit += 1;
    }
    if unit == 0 || value >= 100.0 {
        format!("{value:.0}{}", units[unit])
    } else {
        format!("{value:.1}{}", units[unit])
    }
}

/// A share of 0 to 1, rounded down: only all of it reads `100%`.
pub fn share(share: f64) -> String {
    let tenths = (share.clamp(0.0, 1.0) * 1000.0 + 1e-9).floor() as u32;
    if tenths == 1000 {
        "100%".into()
    } else {
        format!("{}.{}%", tenths / 10, tenths % 10)
    }
}

/// A range in the larger end's unit: `35-55m`, `4-9s`; one number where both
/// agree, two units where the smaller end is less than one: `40m-5h`.
pub fn eta(eta: Eta) -> String {
    let (unit, word) = match eta.high.as_secs() {
        0..120 => (1, "s"),
        120..7200 => (60, "m"),
        7200..172_800 => (3600, "h"),
        _ => (86_400, "d"),
    };
    let (low, high) = (eta.low.as_secs() / unit, eta.high.as_secs().div_ceil(unit));
    if low == high {
        format!("{high}{word}")
    } else if low == 0 && eta.low.as_secs() > 0 {
        format!("{}-{high}{word}", age(eta.low))
    } else {
        format!("{low}-{high}{word}")
    }
}

/// Time of day in UTC: `14:02:11`.
pub fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}

/// `1 session`, `2 sessions`.
pub fn plural(count: u64, one: &str) -> String {
    if count == 1 {
        format!("1 {one}")
    } else {
        format!("{count} {one}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_do_not_overflow_their_unit() {
        assert_eq!(count(999), "999");
        assert_eq!(count(4_123), "4.1k");
        assert_eq!(count(999_960), "1.0M");
        assert_eq!(count(12_600_000), "12.6M");
        assert_eq!(bytes(18.0 * 1024.0 * 1024.0), "18.0 MB");
        assert_eq!(bytes(0.0), "0 B");
    }

    #[test]
    fn only_all_of_it_is_a_hundred_percent() {
        assert_eq!(share(0.631), "63.1%");
        assert_eq!(share(0.99999), "99.9%");
        assert_eq!(share(1.0), "100%");
    }

    #[test]
    fn a_range_has_one_unit() {
        let range = |low, high| {
            eta(Eta {
                low: Duration::from_secs(low),
                high: Duration::from_secs(high),
            })
        };
        assert_eq!(range(2100, 3300), "35-55m");
        assert_eq!(range(4, 9), "4-9s");
        assert_eq!(range(0, 0), "0s");
        assert_eq!(range(2400, 16_000), "40m-5h");
    }
}
