//! Text to syntax tree. The only place that knows the grammar's rules.

pub mod ast;
