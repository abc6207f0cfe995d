//! Segue: a language for customer segments, and its interpreter.
//!
//! `docs/architecture.md` shows how text becomes an audience: text → AST → IR → plan → portrait → answer.

pub mod demo;
pub mod diagnostic;
pub mod source;
pub mod syntax;
