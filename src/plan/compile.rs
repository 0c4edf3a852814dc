//! compile (being built)
