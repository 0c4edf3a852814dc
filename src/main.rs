//! The binary: exit code and panic hook, nothing else.

fn main() {}
