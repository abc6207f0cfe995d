//! Segue: a language for customer segments, and its interpreter.
//!
//! `docs/architecture.md` shows how text becomes an audience: text → AST → IR → plan → portrait → answer.

// In the order of the import rule: a module imports only what stands above it.
pub mod catalog;
pub mod check;
pub mod cli;
pub mod demo;
pub mod diagnostic;
pub mod engine;
pub mod explain;
pub mod functions;
pub mod ir;
pub mod output;
pub mod plan;
pub mod session;
pub mod source;
pub mod syntax;
pub mod types;
pub mod value;
