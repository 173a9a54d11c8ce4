//! The `hostfactory` program.
fn main() {}
