//! Postgres as seen from one client: finding it, talking to it, naming its errors.
//!
//! - [`connect`]: where to connect and how, by libpq's habits.
//! - [`session`]: one open session of one purpose; [`open`], [`purpose`] and
//!   [`cancel`] are its parts; [`pooler`] tells what is no server.
//! - [`introspect`]: the catalog, as far as a runbook is concerned with it.
//! - [`backfill`] and [`parity`]: work that goes chunk by chunk along a key, at
//!   the rhythm of [`cadence`].
//! - [`sqlstate`]: errors of the driver as [`crate::run::fault::Fault`].
//! - [`step`]: one try of an `sql` step; [`probe`]: a question with one answer.
//! - [`bloat`], [`horizon`]: dead tuples, and what keeps them.
//! - [`lease`] and [`lock`]: the proof of leading, the words for a lock.

pub mod backfill;
pub mod bloat;
pub mod cadence;
pub mod cancel;
mod chunked;
pub mod connect;
pub mod horizon;
pub mod introspect;
mod keyset;
pub mod lease;
pub mod lock;
mod number;
pub mod open;
mod open_error;
pub mod parity;
pub mod pooler;
pub mod probe;
pub mod purpose;
pub mod session;
pub mod sqlstate;
pub mod step;
