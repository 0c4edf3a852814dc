//! The run in words: what the screen, the plain lines and the report share.
//!
//! `format` owns how numbers read, `sentence` what an event says, `status`
//! the whole picture for a script.

pub mod format;
pub mod sentence;
pub mod status;
