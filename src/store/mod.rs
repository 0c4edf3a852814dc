//! The store room: everything of pgcutover that is kept.
//!
//! Owns the schema `pgcutover` and the local log; never decides what is
//! written there. Every function takes the session that it speaks on.
//!
//! - [`migrate`]: installs the schema; [`grants`]: what an administrator runs instead.
//! - [`runs`]: begins a run, finds the one under way.
//! - [`lease`]: one lead at a time; take-over, heartbeat, copies elsewhere.
//! - [`journal`]: the lead's end of a run: appends, catches up, answers.
//! - [`read`]: events for everybody; [`verify`]: their chain.
//! - [`status`]: how the lead stands, for terminals that look; [`presence`]: which are there.
//! - [`intents`]: requests of other terminals, with who makes them.
//! - [`local`]: the lead's own copy of the journal, on its disk.
//!
//! There is no trait and no journal in memory: `decide` and `evolve` are pure
//! and are tested without one, and what the driver is tested for (locks, lost
//! connections, take-overs) only a server can show.

pub mod grants;
pub mod intents;
pub mod journal;
pub mod lease;
pub mod local;
pub mod migrate;
pub mod presence;
pub mod read;
pub mod runs;
pub mod status;
pub mod verify;
