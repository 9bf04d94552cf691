//! Layer 1: the study file, the regime and the decision whether a use is permitted at all.
//!
//! A study is parsed into types that cannot be invalid; every error has its place and says what was meant. A regime is
//! data: articles, triggers, categories and messages live in its file, Rust holds the mechanism only.

mod compile;
mod decide;
mod fault;
mod file;
mod measures;
mod metrics;
mod regime;
mod study;

pub use decide::{Decision, Flow, Permit, Reason, decide};
pub use fault::{Fault, StudyError};
pub use metrics::{Formula, Metric, Operand};
pub use regime::{Regime, RegimeError};
pub use study::{
    Action, Dataset, Document, Field, FieldKind, Handler, Notice, Recipient, ReleaseTerms, Shape, Study,
};
