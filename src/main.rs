//! The `segue` binary: everything is in the library.

use std::process::ExitCode;

/// Plans of deeply nested expressions are built, walked and dropped recursively.
const STACK: usize = 64 << 20;

fn main() -> ExitCode {
    let worker =
        std::thread::Builder::new().name("segue".to_string()).stack_size(STACK).spawn(segue::cli::main);
    match worker.map(|thread| thread.join()) {
        Ok(Ok(code)) => ExitCode::from(code),
        // What panicked has printed its words; that it did is a fault of ours.
        Ok(Err(_)) => ExitCode::from(3),
        Err(error) => {
            eprintln!("error: no thread could be started: {error}");
            ExitCode::from(3)
        }
    }
}
