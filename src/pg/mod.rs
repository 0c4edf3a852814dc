//! Postgres as seen from one client: finding it, talking to it, naming its errors.
//!
//! - [`connect`]: where to connect and how, by libpq's habits.
//! - [`session`]: one open session of one purpose; [`open`], [`purpose`] and
//!   [`cancel`] are its parts.
//! - [`sqlstate`]: errors of the driver as [`crate::run::fault::Fault`].

pub mod cancel;
pub mod connect;
pub mod open;
mod open_error;
pub mod purpose;
pub mod session;
pub mod sqlstate;
