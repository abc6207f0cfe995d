//! Segue: a language for customer segments, and its interpreter.
//!
//! `docs/architecture.md` shows how text becomes an audience: text → AST → IR → plan → portrait → answer.

pub mod catalog;
pub mod diagnostic;
pub mod functions;
pub mod ir;
pub mod output;
pub mod source;
pub mod syntax;
pub mod types;
pub mod value;
