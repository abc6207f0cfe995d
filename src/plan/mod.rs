//! IR → DataFusion logical plan: the portrait.
//!
//! A portrait is asked for by expressions; what comes back is one plan per *level*. A level's plan starts from the
//! entity (level 0) or from the rows of the level before, joins one fold per source of events, and adds tags,
//! atoms and segments as projections. Level n + 1 exists only where events are filtered by a tag of level n.
//!
//! The seam for a faster fold is [`fold::Fold`]: what is read and what is aggregated. `fold::plain` lowers it to
//! DataFusion's own operators.

pub mod aggregates;
pub mod audit;
pub mod checks;
pub mod digest;
pub mod expr;
pub mod fold;
mod lookup;
mod operator;
mod population;
pub mod portrait;
mod scalar;
mod scan;
mod sequence;
pub(crate) mod shelf;
mod stages;
mod time;

pub use digest::{Digest, Digests};
pub use fold::Planner;
pub(crate) use operator::{TEMPORARY, bytes, compact, give_way, width as row_width};
pub use portrait::{Given, Key, Level, PortraitPlan, Request, Strategy, portrait};
pub(crate) use scalar::short_operands;
pub use scan::{Tables, arrow_type};
pub use stages::{Frontier, frontier};

use datafusion::error::DataFusionError;
use std::fmt;

/// Why no plan could be made.
#[derive(Debug)]
pub enum PlanError {
    /// DataFusion refused a piece of plan; a fault of ours, since the checker accepted the script.
    Engine(Box<DataFusionError>),
    /// Something that the checker should have excluded.
    Internal(String),
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PlanError::Engine(e) => write!(f, "no plan could be made: {e}"),
            PlanError::Internal(what) => write!(f, "no plan could be made: {what}"),
        }
    }
}

impl std::error::Error for PlanError {}

impl From<DataFusionError> for PlanError {
    fn from(error: DataFusionError) -> Self {
        PlanError::Engine(Box::new(error))
    }
}

pub(crate) type Result<T> = std::result::Result<T, PlanError>;

pub(crate) fn internal(what: impl Into<String>) -> PlanError {
    PlanError::Internal(what.into())
}
