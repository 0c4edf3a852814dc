//! What is noted beside the transitions: gates' verdicts, waivers, signatures.
//! Legal at any time before the end.

use std::time::Duration;

use jiff::Timestamp;

use super::super::{Evidence, GateRecord, Run, Signoff};
use super::mark;
use crate::run::event::{Event, EventKind, Verdict};
use crate::runbook::GateId;

/// What a gate last said, to be changed.
pub(super) fn gate_mut<'a>(run: &'a mut Run, gate: &GateId, at: Timestamp) -> &'a mut GateRecord {
    let fresh = || GateRecord {
        evidence: Evidence {
            gate: gate.clone(),
            verdict: Verdict::Pending,
            reason: String::new(),
            at,
        },
        flaps: 0,
        soaked: Duration::ZERO,
        waiver: None,
        passed: false,
    };
    run.gates.entry(gate.clone()).or_insert_with(fresh)
}

/// What a gate says now; leaving GO counts as a flap.
pub(super) fn note_gate(run: &mut Run, evidence: &Evidence) {
    let record = gate_mut(run, &evidence.gate, evidence.at);
    let leaves = record.evidence.verdict == Verdict::Go && evidence.verdict != Verdict::Go;
    record.flaps += u32::from(leaves);
    record.evidence = evidence.clone();
}

/// `signed_off`: a seat's newer answer stands beside its older ones.
pub(super) fn sign(run: &mut Run, event: &Event) {
    if let EventKind::SignedOff {
        gate,
        seat,
        by,
        answer,
        attempt,
        reason,
        ..
    } = &event.kind
    {
        run.signoffs.push(Signoff {
            gate: gate.clone(),
            seat: seat.clone(),
            answer: *answer,
            attempt: *attempt,
            mark: mark(event, by, reason.as_deref().unwrap_or_default()),
            seq: event.seq,
        });
    }
}
