//! Owns the units in which things are measured, and how such values read;
//! never knows what is measured.
//!
//! Every form has a bounded width, so that columns of them stay in line.

use std::time::Duration;

/// The unit of a guard's value and of its thresholds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds; written as a duration: `"10s"`.
    Seconds,
    /// Bytes; written as a size: `"64 MB"`.
    Bytes,
    /// Bytes a second; written as a size, with or without `/s`: `"16 MB/s"`.
    BytesPerSecond,
    /// A count; a number.
    Count,
    /// A share from 0 to 1; a number, or `"20%"`.
    Share,
    /// Whatever a query means by its number.
    Plain,
}

impl Unit {
    /// As on the screen and in the journal.
    pub fn show(self, value: f64) -> String {
        match self {
            // Beyond a year it only says "very long".
            Self::Seconds => duration(Duration::from_secs_f64(value.clamp(0.0, 1e9))),
            Self::Bytes => bytes(value),
            Self::BytesPerSecond => format!("{}/s", bytes(value)),
            Self::Count => quantity(value.round()),
            Self::Share => share(value),
            Self::Plain => plain(value),
        }
    }

    /// For scripts that read `status`; empty where the query alone knows.
    pub fn word(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Bytes => "bytes",
            Self::BytesPerSecond => "bytes/s",
            Self::Count => "count",
            Self::Share => "share",
            Self::Plain => "",
        }
    }
}

/// At most six characters: `340ms`, `8.1s`, `4m10s`, `2h05m`, `3d04h`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 if time.as_millis() < 1000 => format!("{}ms", time.as_millis()),
        0..60 => {
            let tenths = time.as_millis() / 100;
            format!("{}.{}s", tenths / 10, tenths % 10)
        }
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// A count, or a value that was computed; at most six characters: `999`,
/// `4.1k`, `12.6M`, `1.2G`.
pub fn quantity(value: f64) -> String {
    scaled(value, 1000.0, &["", "k", "M", "G", "T"])
}

/// Powers of 1024, with Postgres' names: `18.0 MB`, `1.2 GB`.
pub fn bytes(bytes: f64) -> String {
    scaled(bytes, 1024.0, &[" B", " kB", " MB", " GB", " TB"])
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

/// Three significant digits of a small number, a large one like a count.
fn plain(value: f64) -> String {
    let size = value.abs();
    if size >= 1000.0 {
        let sign = if value < 0.0 { "-" } else { "" };
        return format!("{sign}{}", quantity(size));
    }
    let digits = match size {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        0.1.. => 3,
        _ => 4,
    };
    let text = format!("{value:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_to_six_characters() {
        let seconds = |s: f64| Unit::Seconds.show(s);
        assert_eq!(seconds(0.0), "0ms");
        assert_eq!(seconds(0.9999), "999ms");
        assert_eq!(seconds(8.19), "8.1s");
        assert_eq!(seconds(59.99), "59.9s");
        assert_eq!(seconds(250.0), "4m10s");
        assert_eq!(seconds(7500.0), "2h05m");
        assert_eq!(seconds(273_600.0), "3d04h");
        assert_eq!(seconds(-1.0), "0ms");
    }

    #[test]
    fn sizes_and_counts_do_not_overflow_their_unit() {
        assert_eq!(Unit::Count.show(999_960.0), "1.0M");
        assert_eq!(Unit::Bytes.show(18.0 * 1024.0 * 1024.0), "18.0 MB");
        assert_eq!(Unit::BytesPerSecond.show(0.0), "0 B/s");
    }

    #[test]
    fn only_all_of_it_is_a_hundred_percent() {
        assert_eq!(Unit::Share.show(0.631), "63.1%");
        assert_eq!(Unit::Share.show(0.99999), "99.9%");
        assert_eq!(Unit::Share.show(1.0), "100%");
    }

    #[test]
    fn a_probe_keeps_its_small_figures() {
        let of = |value| Unit::Plain.show(value);
        let shown = [0.0, 0.02, 0.1234, 31.0, 31.04, 312.7, 5000.0, -2.5].map(of);
        let wanted = ["0", "0.02", "0.123", "31", "31", "313", "5.0k", "-2.5"];
        assert_eq!(shown, wanted);
    }
}
