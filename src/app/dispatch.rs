//! What becomes of a request, by the terminal that it is made at: the one place
//! that decides it, for keys and for the command line.
//!
//! A read-only terminal is read-only here, and by its session's
//! `default_transaction_read_only`. A hold is taken from anybody, at any time,
//! and goes through a fresh session of its own.

use crate::engine::message::Ask;
use crate::engine::snapshot::Terminal;

/// Where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// To the driver in this process.
    Driver,
    /// Through `pgcutover.hold`, on a session opened for it.
    Hold,
    /// Through `pgcutover.request`; the lead answers.
    Intent,
    /// Nowhere, for this reason.
    Refused(&'static str),
}

/// Where a request goes that is made at such a terminal.
pub(super) fn way(terminal: Terminal, ask: &Ask) -> Way {
    match (terminal, ask, terminal.may_ask()) {
        (Terminal::Lead, ..) => Way::Driver,
        (_, Ask::Hold { .. }, _) => Way::Hold,
        (_, _, Ok(())) => Way::Intent,
        (_, _, Err(why)) => Way::Refused(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold() -> Ask {
        let reason = String::new();
        Ask::Hold { reason }
    }

    #[test]
    fn a_read_only_terminal_holds_and_does_nothing_else() {
        assert_eq!(way(Terminal::Observer, &hold()), Way::Hold);
        let asked = [Ask::Release, Ask::Pause, Ask::Unwind { reason: None }];
        for ask in asked {
            let refused = matches!(way(Terminal::Observer, &ask), Way::Refused(_));
            assert!(refused, "{ask:?}");
        }
    }

    #[test]
    fn an_operator_asks_and_the_lead_does() {
        assert_eq!(way(Terminal::Operator, &Ask::Pause), Way::Intent);
        assert_eq!(way(Terminal::Operator, &hold()), Way::Hold);
        assert_eq!(way(Terminal::Lead, &Ask::Pause), Way::Driver);
        assert_eq!(way(Terminal::Lead, &hold()), Way::Driver);
    }
}
