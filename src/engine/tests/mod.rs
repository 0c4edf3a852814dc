//! The engine against a scripted world: tables, sequences and properties.
//! No sleep, no clock, no database.

mod again;
mod course;
mod gates;
mod guards;
mod leads;
mod losses;
mod pacing;
mod people;
mod properties;
mod races;
mod resume;
mod soaks;
mod steps;
mod world;
