//! `status --oneline`: a run in at most 80 columns, for a prompt or a status bar.
//!
//! Owns what comes into that line and what gives way; the words are `status`'s.
//!
//! ```text
//! CUTOVER PHASE STATE [PERCENT] [WHY] [ETA RANGE]
//! users-email-rename backfill THROTTLED 63% replica-lag 8.1s ETA 35-55m
//! ```

use std::time::Duration;

use unicode_width::UnicodeWidthStr;

use super::format;
use super::status::{BackfillStatus, Status};
use crate::engine::snapshot::{Eta, State};
use crate::text::{clean, fit};

/// Columns of the line, at most.
pub const WIDTH: usize = 80;
/// Columns of the cutover's id and of the phase's, at most.
const NAME: usize = 20;
/// Fewer columns than this say nothing of a reason.
const LEAST: usize = 8;
/// Stands where something was cut off.
const CUT: &str = "~";

impl Status {
    /// The line. Why it stands as it does is cut first, the time left goes next;
    /// the state is always whole.
    pub fn oneline(&self) -> String {
        let mut line = format!(
            "{} {}{} {}",
            fit(&self.cutover, NAME, CUT),
            if self.before { "before " } else { "" },
            fit(&self.phase, NAME, CUT),
            self.state
        );
        let backfill = self.backfill.as_ref().filter(|b| self.runs(&b.step));
        if let Some(share) = self.share(backfill) {
            line += &format!(" {:.0}%", (share.clamp(0.0, 1.0) * 100.0).floor());
        }
        let eta = backfill.and_then(eta).unwrap_or_default();
        let room = WIDTH.saturating_sub(line.width() + eta.width() + 1);
        let why = self.why(backfill);
        if !why.is_empty() && room >= LEAST {
            line += &format!(" {}", fit(why.trim_end_matches('.'), room, CUT));
        }
        if line.width() + eta.width() <= WIDTH {
            line += &eta;
        }
        clean(&line).into_owned()
    }

    fn runs(&self, step: &str) -> bool {
        self.step.as_deref() == Some(step)
    }

    fn is(&self, states: &[State]) -> bool {
        states.iter().any(|state| self.state == state.word())
    }

    /// How far the backfill or the comparison is that is under way, 0 to 1.
    fn share(&self, backfill: Option<&BackfillStatus>) -> Option<f64> {
        let parity = self.parity.as_ref();
        let parity = parity.filter(|parity| !parity.done && self.runs(&parity.step));
        match backfill {
            Some(backfill) => Some(backfill.rows_done as f64 / backfill.rows_total.max(1) as f64),
            None => parity.map(|parity| parity.coverage),
        }
    }

    /// What slows it, or else the verdict where there is more to say than the state does.
    fn why(&self, backfill: Option<&BackfillStatus>) -> String {
        let slowed = backfill.and_then(|backfill| backfill.reason.as_deref());
        match slowed {
            Some(by) if self.is(&[State::Throttled, State::Stalled]) => {
                let mut guards = self.guards.iter();
                match guards.find(|guard| guard.id == by) {
                    // What it measures; the limit is on the screen.
                    Some(guard) => {
                        let measured = guard.reason.split(',').next();
                        format!("{by} {}", measured.unwrap_or_default())
                    }
                    None => by.to_owned(),
                }
            }
            _ if backfill.is_some() && self.is(&[State::Running]) => String::new(),
            _ => self.verdict.clone(),
        }
    }
}

fn eta(backfill: &BackfillStatus) -> Option<String> {
    let eta = Eta {
        low: Duration::from_secs(backfill.eta_low_s?),
        high: Duration::from_secs(backfill.eta_high_s?),
    };
    Some(format!(" ETA {}", format::eta(eta)))
}

#[cfg(test)]
mod tests;
