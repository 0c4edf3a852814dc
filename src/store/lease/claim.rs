//! Owns who may take a lease from whom; never takes one.
//!
//! | lease | why | verdict |
//! |---|---|---|
//! | nobody works under its token | its sessions are gone | free |
//! | alive, and it agreed | it hands over | free, its transactions are waited for |
//! | silent for longer than `expiry` | stopped, or cut off | free, its sessions are ended |
//! | alive, and a reason is given | a person decides | free, its sessions are ended |
//! | alive | | [`super::TakeError::Busy`] |

use std::time::Duration;

use super::LeadSeen;
use crate::run::event::{Ground, RunId};

/// Someone who wants to lead.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The run.
    pub run: &'a RunId,
    /// This machine.
    pub host: &'a str,
    /// How long the lead may be silent; [`super::EXPIRY`] unless a test is in a hurry.
    pub expiry: Duration,
    /// What it has against a lead that is alive.
    pub right: Right<'a>,
}

/// What a claimant has against a lead that is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right<'a> {
    /// Nothing: the lease has to be free, or silent for too long.
    Patience,
    /// The lead of this epoch agreed.
    Consent {
        /// The lease's, when it did.
        epoch: i64,
    },
    /// Why it has to go, in a person's words.
    Reason(&'a str),
}

/// What a claim finds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// Nobody stands in the way, or nobody who minds.
    Free(Ground),
    /// Somebody is there, and has to go, for this reason.
    Evict(Ground, String),
    /// Somebody is.
    Busy,
}

/// The module's table.
pub(super) fn judge(lead: &LeadSeen, claim: &Claim<'_>) -> Finding {
    if !lead.attended {
        return Finding::Free(Ground::Free);
    }
    match claim.right {
        Right::Consent { epoch } if epoch == lead.epoch => Finding::Free(Ground::Consent),
        Right::Reason(reason) => Finding::Evict(Ground::Reason, reason.to_owned()),
        _ if lead.silence > claim.expiry => {
            let seconds = lead.silence.as_secs();
            Finding::Evict(Ground::Silent, format!("no heartbeat for {seconds} s"))
        }
        _ => Finding::Busy,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::store::lease::EXPIRY;

    fn found(attended: bool, silence_s: u64, right: Right<'_>) -> Finding {
        let lead = LeadSeen {
            holder: "ana".into(),
            host: "a".into(),
            epoch: 1,
            since: Timestamp::UNIX_EPOCH,
            silence: Duration::from_secs(silence_s),
            attended,
        };
        let claim = Claim {
            run: &RunId("r".into()),
            host: "b",
            expiry: EXPIRY,
            right,
        };
        judge(&lead, &claim)
    }

    #[test]
    fn a_lead_goes_when_it_is_gone_silent_agreed_or_told_to() {
        use Right::{Consent, Patience, Reason};
        let silent = Finding::Evict(Ground::Silent, "no heartbeat for 11 s".into());
        assert_eq!(found(true, 1, Patience), Finding::Busy);
        assert_eq!(found(true, 10, Patience), Finding::Busy);
        assert_eq!(found(false, 0, Patience), Finding::Free(Ground::Free));
        assert_eq!(found(false, 60, Reason("why")), Finding::Free(Ground::Free));
        assert_eq!(found(true, 11, Patience), silent);
        let told = Finding::Evict(Ground::Reason, "why".into());
        assert_eq!(found(true, 0, Reason("why")), told);
        let agreed = Finding::Free(Ground::Consent);
        assert_eq!(found(true, 0, Consent { epoch: 1 }), agreed);
        // Of a lead that is none any more.
        assert_eq!(found(true, 0, Consent { epoch: 2 }), Finding::Busy);
        assert_eq!(found(true, 11, Consent { epoch: 2 }), silent);
    }
}
