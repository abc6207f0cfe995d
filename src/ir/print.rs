//! Printing of expressions.
