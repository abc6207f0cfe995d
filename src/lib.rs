//! Segue: a language for customer segments, and its interpreter.
//!
//! `docs/architecture.md` shows how text becomes an audience: text → AST → IR → plan → portrait → answer, and in
//! which order the modules stand: each imports only what stands above it there.

pub mod catalog;
pub mod check;
pub mod cli;
pub mod demo;
pub mod diagnostic;
pub mod engine;
pub mod explain;
pub mod functions;
pub mod ide;
pub mod ir;
pub mod output;
mod parallel;
pub mod plan;
pub mod repl;
pub mod session;
pub mod source;
pub mod syntax;
pub mod types;
pub mod value;
