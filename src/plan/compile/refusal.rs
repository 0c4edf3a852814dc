//! Owns what speaks against a plan: a stable code, a sentence, a way out.

use std::fmt;

use crate::runbook::StepId;

/// One reason why a runbook cannot run against this catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The step that it is about, where it is about one.
    pub step: Option<StepId>,
    /// Stable code; a step's `accept` may name those in
    /// [`crate::runbook::COMPILE_HAZARDS`].
    pub code: &'static str,
    /// One sentence, lowercase, values in backticks.
    pub message: String,
    /// The way out.
    pub hint: Option<String>,
}

impl Refusal {
    /// A refusal that is about no step yet.
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            step: None,
            code,
            message: message.into(),
            hint: None,
        }
    }

    /// Adds the way out.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl std::error::Error for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(step) = &self.step {
            write!(f, "step `{step}`: ")?;
        }
        write!(f, "{} [{}]", self.message, self.code)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}
