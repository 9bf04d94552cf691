//! Layer 1: consent events of one person folded into yes or no as of a date. Unknown is no.
//!
//! [`Requirement`] says what one recipient's use demands for one trigger; [`Row`] is one event as written; [`Fold`]
//! keeps, for every person and requirement, only the latest word not after as-of, so that millions of events stream
//! through in bounded memory and in any order.

mod event;
mod fold;

pub use event::{Requirement, Row};
pub use fold::{Coverage, Fold};
