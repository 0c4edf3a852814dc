//! The engine against a scripted world: tables, sequences and properties.
//! No sleep, no clock, no database.

mod gates;
mod guards;
mod losses;
mod people;
mod properties;
mod races;
mod resume;
mod soaks;
mod steps;
mod world;
