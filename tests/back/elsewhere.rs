//! elsewhere
