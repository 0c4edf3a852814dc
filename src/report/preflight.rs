//! Owns how a backfill's estimated cost reads; never estimates.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::format;
use crate::engine::snapshot::Eta;
use crate::plan::Preflight;

/// A few sentences, each a line.
pub fn lines(cost: &Preflight) -> Vec<String> {
    let span = |range: RangeInclusive<u64>| {
        let bytes = |n: &u64| format::bytes(*n as f64);
        format!("{} to {}", bytes(range.start()), bytes(range.end()))
    };
    let hot = match (cost.indexed.as_slice(), cost.hot()) {
        ([], (least, most)) => format!(
            "{} to {} of the updates HOT, by fillfactor {}",
            format::share(least),
            format::share(most),
            cost.fillfactor
        ),
        (indexed, _) => format!("no update HOT, for an index on {}", indexed.join(", ")),
    };
    let seconds = cost.seconds();
    let time = format::eta(Eta {
        low: Duration::from_secs(*seconds.start()),
        high: Duration::from_secs(*seconds.end()),
    });
    vec![
        format!(
            "costs about: {} of WAL, {} of growth; {hot}",
            span(cost.wal()),
            span(cost.growth())
        ),
        format!(
            "takes about {time} at full pace, sweep included: a guess by {} rows ({}) and {}; a rehearsal knows better",
            format::count(cost.rows),
            format::bytes(cost.heap as f64),
            format::plural(cost.indexes.into(), "index").replace("indexs", "indexes"),
        ),
        "by the last VACUUM or ANALYZE, as if every row matched".to_owned(),
    ]
}
