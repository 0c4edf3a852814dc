//! run (being built).
pub mod fault;
