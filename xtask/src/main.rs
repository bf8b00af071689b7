//! `cargo xtask ci`: everything that CI checks, in one command.

fn main() {}
