//! runbook (being built).
