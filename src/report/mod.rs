//! The plan and the run in words: what the screen, the plain lines and the
//! report share.
//!
//! `format` owns how numbers read, `plan` the plan as a reviewer signs it,
//! `sentence` what an event says, `status` how a run stands, `oneline` the same
//! on one line, `deployment` what may be deployed now, `handover` what whoever
//! takes the lead has to know.

pub mod course;
pub mod deployment;
pub mod format;
pub mod grants;
pub mod handover;
pub mod oneline;
pub mod plan;
pub mod preflight;
pub mod sentence;
pub mod status;
