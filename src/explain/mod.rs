//! Questions on the portrait: how many, who, why, why not.
//!
//! Every answer is made from the portrait's columns as they stream by: memberships and atoms decide, tags are
//! shown. Answers are plain data; drawing them is `output`'s.

pub mod alike;
pub mod answer;
mod ask;
pub mod attrition;
pub mod audience;
pub mod audit;
mod candidates;
pub mod dictionary;
mod diff;
mod draw;
mod evaluate;
mod funnel;
mod key_watch;
mod leaves;
pub mod list;
pub mod members;
mod model;
mod overlap;
pub mod portrait;
mod profile;
mod reasons;
mod roster;
mod stats;
mod tag;
mod terms;
mod transitions;
mod warm;
mod why;
mod why_column;

pub use answer::Answer;
pub use audience::Selection;
pub use portrait::{Asker, ExplainError};
