//! sql (being built)
