//! Layer 3: the trust boundary. [`Releaser::release`] is the one way by which any number about people leaves.
//!
//! In front of the door data is [`Exact`]: it cannot be printed, compared, cloned, serialised or opened by any other
//! module. Behind it there is [`Released`], freely printable. Between the two stand a [`Permit`](crate::policy::Permit)
//! from policy, a [`Charge`](crate::ledger::Charge) that is on disk, noise drawn here, and a
//! [`Recorded`](crate::audit::Recorded) log entry that is on disk.

mod body;
mod cube;
mod durable_steps;
mod exact;
mod figures;
mod group_commit;
mod released;
mod releaser;
mod render;
mod stored_answer;

pub use crate::tags::CubeShape;
pub use cube::Cube;
pub use durable_steps::CommitQueue;
pub use exact::Exact;
pub use figures::{Counted, JoinDiagnostics, open_figures, seal_figures};
pub use released::{
    AnswerLayout, BudgetView, Cell, ColumnSpec, NoisySelection, OutputColumn, Part, PartUse, Released, Row,
};
#[cfg(test)]
pub(crate) use releaser::noised_in_test;
pub use releaser::{ChargedQuery, Outcome, ReleaseError, Releaser, Selection, Value};
pub use render::Evidence;
pub use stored_answer::StoredAnswers;
