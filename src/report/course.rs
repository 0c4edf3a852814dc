//! Owns how a backfill's course reads: the time it lost, and what its ETAs were
//! worth.

use std::time::Duration;

use super::format;
use crate::engine::snapshot::Eta;
use crate::run::course::Score;

/// `38.0% replica-lag, 4.0% pause`, of the whole; `nothing` where that is so.
pub fn lost(lost: &[(String, Duration)], whole: Duration) -> String {
    let whole = whole.as_secs_f64().max(0.001);
    let parts = lost.iter().map(|(why, time)| {
        let share = time.as_secs_f64() / whole;
        format!("{} {why}", format::share(share))
    });
    let parts: Vec<_> = parts.collect();
    match parts.is_empty() {
        true => "nothing".into(),
        false => parts.join(", "),
    }
}

/// `ETA at 25% 30-40m, it was 36m10s; at 50% ...`; empty where none was kept.
pub fn scores(scores: &[Score]) -> String {
    let time = Duration::from_millis;
    let parts = scores.iter().map(|score| {
        let told = Eta {
            low: time(score.low_ms),
            high: time(score.high_ms),
        };
        format!(
            "at {} {}, it was {}",
            score.percent,
            format::eta(told),
            format::duration(time(score.took_ms))
        )
    });
    let parts: Vec<_> = parts.collect();
    match parts.is_empty() {
        true => String::new(),
        false => format!("ETA {}", parts.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::event::Percent;

    #[test]
    fn the_worst_thief_of_time_comes_first_with_its_share() {
        let seconds = Duration::from_secs;
        let stolen = [
            ("replica-lag".into(), seconds(38)),
            ("pause".into(), seconds(4)),
        ];
        assert_eq!(lost(&stolen, seconds(100)), "38.0% replica-lag, 4.0% pause");
        assert_eq!(lost(&[], seconds(100)), "nothing");
    }

    #[test]
    fn an_eta_is_told_beside_the_truth() {
        let score = Score {
            percent: Percent(25),
            low_ms: 1_800_000,
            high_ms: 2_400_000,
            took_ms: 2_170_000,
        };
        assert_eq!(scores(&[score]), "ETA at 25% 30-40m, it was 36m10s");
        assert_eq!(scores(&[]), "");
    }
}
