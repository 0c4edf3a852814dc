//! How long a frame takes to draw.
fn main() {}
