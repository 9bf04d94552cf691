//! Layer 3: the trust boundary. [`Door::release`] is the one way by which any number about people leaves.
//!
//! In front of the door data is [`Exact`]: it cannot be printed, compared, cloned, serialised or opened by any other
//! module. Behind it there is [`Released`], freely printable. Between the two stand a [`Permit`](crate::policy::Permit)
//! from policy, a [`Charge`](crate::ledger::Charge) that is on disk, noise drawn here, and a
//! [`Recorded`](crate::audit::Recorded) log entry that is on disk.

mod again;
mod body;
mod cube;
mod door;
mod exact;
mod figures;
mod group;
mod lay_out;
mod released;
mod steps;

pub use crate::tags::CubeShape;
pub use again::StoredAnswers;
pub use cube::Cube;
#[cfg(test)]
pub(crate) use door::noised_in_test;
pub use door::{Door, Outcome, Question, ReleaseError, Selection, Value};
pub use exact::Exact;
pub use figures::{Counted, Figures, open_figures, seal_figures};
pub use lay_out::Evidence;
pub use released::{BudgetView, Cell, Holds, Layout, NoisySelection, Part, PartUse, Released, Row};
pub use steps::Askers;
