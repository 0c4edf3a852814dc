//! Postgres as seen from one client: finding it, talking to it, naming its errors.
//!
//! - [`connect`]: where to connect and how, by libpq's habits.
//! - [`session`]: one open session of one purpose; [`open`], [`purpose`] and
//!   [`cancel`] are its parts.
//! - [`sqlstate`]: errors of the driver as [`crate::run::fault::Fault`].
//! - [`step`]: one try of an `sql` step; [`probe`]: a boolean question.
//! - [`lease`] and [`lock`]: the proof of leading, the words for a lock.

pub mod cancel;
pub mod connect;
pub mod lease;
pub mod lock;
pub mod open;
mod open_error;
pub mod probe;
pub mod purpose;
pub mod session;
pub mod sqlstate;
pub mod step;
