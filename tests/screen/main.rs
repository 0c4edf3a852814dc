//! The screen: what it shows in every state and size, what keys do, what
//! reaches the terminal. One binary, no terminal needed.

mod fixtures;
mod handover;
mod hostile;
mod keys;
mod pictures;
mod plan;
mod stage;
mod styles;
