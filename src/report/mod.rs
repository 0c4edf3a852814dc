//! The plan and the run in words: what the screen, the plain lines and the
//! report share.
//!
//! `format` owns how numbers read, `plan` the plan as a reviewer signs it.

pub mod format;
pub mod plan;
