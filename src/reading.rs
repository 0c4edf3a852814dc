//! reading (being built).
