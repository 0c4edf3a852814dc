//! Owns the question whether this is still the server that gave a lease; never
//! decides what follows.
//!
//! A failover puts WAL on another timeline. A restored or copied database has
//! another system identifier, or the same and an older lease. What looks the
//! same in all of it and still lacks events is told by the local log.

use tokio_postgres::Row;

use super::Lease;

/// Why this server is not the one that a lease's row was written on, by the row.
pub(super) fn moved(row: &Row) -> Option<String> {
    let is: Option<i64> = row.get("timeline");
    let was = order(row.get("token")).0;
    if let Some(is) = is.filter(|is| *is != was) {
        return Some(format!(
            "the server is on timeline {is} now, it was on {was}"
        ));
    }
    let (was, is): (Option<&str>, Option<&str>) = (row.get("taken_on"), row.get("system"));
    was.zip(is).filter(|(was, is)| was != is).map(|(was, is)| {
        format!("this is another server: its system identifier is {is}, it was {was}")
    })
}

/// The same for a lead that comes back: the row may be older than its lease,
/// because the server has lost that it was taken.
pub(super) fn moved_for(lease: &Lease, row: &Row) -> Option<String> {
    let token: &str = row.get("token");
    let lost = || format!("the server has lost that lead {} was taken", lease.epoch);
    match token == lease.token {
        true => moved(row),
        false if order(token) < order(&lease.token) => Some(moved(row).unwrap_or_else(lost)),
        // Somebody else's, and newer.
        false => None,
    }
}

/// A token's timeline and epoch: which of two leads came first.
pub(super) fn order(token: &str) -> (i64, i64) {
    let mut parts = token.split('-');
    let mut next = || parts.next().and_then(|part| part.parse().ok());
    (next().unwrap_or_default(), next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::order;

    #[test]
    fn a_token_is_ordered_by_its_timeline_then_by_its_epoch() {
        assert!(order("1-9-aa") < order("2-1-aa"));
        assert!(order("2-2-ff") < order("2-10-aa"));
        assert_eq!(order("2-2-ff"), order("2-2-aa"));
    }
}
