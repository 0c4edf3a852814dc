//! Who else is attached, in the shape of `status --json`.

use serde::{Deserialize, Serialize};

use crate::engine::snapshot::Snapshot;

/// A terminal that is attached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachedStatus {
    /// Its login.
    pub user: String,
    /// The machine, as the terminal says.
    pub host: String,
    /// Whether it may ask for more than a hold.
    pub operates: bool,
    /// Since when.
    pub since: jiff::Timestamp,
}

/// The roll that the lead called last; `None` where it could not.
pub(super) fn of(snapshot: &Snapshot) -> Option<Vec<AttachedStatus>> {
    let attendees = snapshot.attended().value()?.iter();
    let attached = attendees.map(|attendee| AttachedStatus {
        user: attendee.user.clone(),
        host: attendee.host.clone(),
        operates: attendee.operates,
        since: attendee.since,
    });
    Some(attached.collect())
}
