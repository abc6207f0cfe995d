//! Times, to be read: `cargo test --release measure -- --ignored --nocapture --test-threads 1`.
