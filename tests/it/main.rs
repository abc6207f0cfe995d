//! The one integration test binary: linking the engine once keeps tests cheap.

mod architecture;
mod cases;
mod cli;
#[cfg(feature = "cloud")]
mod cloud;
mod examples;
mod format;
mod kept;
mod long_scripts;
mod memory;
mod pages;
mod plans;
#[cfg(unix)]
mod signals;
mod spec;
mod stored;
