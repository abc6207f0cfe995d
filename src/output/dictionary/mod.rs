//! The tag dictionary as Markdown and as one HTML page, both from the same facts.
//!
//! The same dictionary gives the same bytes: nothing here reads the clock, and every order is the script's.

mod facts;
mod html;
mod lineage;
mod markdown;

pub use html::html;
pub use markdown::markdown;

#[cfg(test)]
mod tests;
