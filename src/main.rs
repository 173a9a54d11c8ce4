//! The `hostfactory` program.
use std::process::ExitCode;

fn main() -> ExitCode {
    hostfactory::bootstrap::main()
}
