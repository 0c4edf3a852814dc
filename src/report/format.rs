//! Owns how numbers, times and sizes read; never decides what they mean.
//!
//! Every form has a bounded width, so that columns of them stay in line.

use std::time::Duration;

use jiff::Timestamp;

use crate::engine::snapshot::Eta;
pub use crate::runbook::unit::{bytes, duration, quantity, share};

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
    quantity(count as f64)
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
