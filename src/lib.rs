//! Segue: a language for customer segments, and its interpreter.
//!
//! `docs/architecture.md` shows how text becomes an audience: text → AST → IR → plan → portrait → answer.

// In the order of the import rule: a module imports only what stands above it.
pub mod source;
pub mod diagnostic;
pub mod syntax;
pub mod types;
pub mod value;
pub mod catalog;
pub mod functions;
pub mod ir;
pub mod check;
pub mod plan;
pub mod engine;
pub mod explain;
pub mod output;
pub mod session;
pub mod demo;
pub mod ide;
pub mod repl;
pub mod cli;
