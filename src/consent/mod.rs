//! Layer 1: consent events of one person folded into yes or no as of a date. Unknown is no.
//!
//! [`Demand`] is what one recipient's use demands of every person: a [`Requirement`] for each trigger, and ages; [`Row`]
//! is one event as written; [`Fold`] keeps, for every person and requirement, only the latest words not after as-of, so
//! that millions of events stream through in bounded memory and in any order; [`account`] explains one person to
//! anyone who has their rows.

mod account;
mod act;
mod age;
mod cell;
mod columns;
mod demand;
mod demand_hash;
mod event;
mod fold;
mod known;
mod mapping;
mod meaning;
mod moment;
mod separate;
mod slot;
mod status;
mod table;
mod terms;
mod tombstone;
mod unclear;

#[doc(hidden)]
pub use account::account_with;
pub use account::{Account, account};
pub use act::Act;
#[doc(hidden)]
pub use act::items;
pub(crate) use age::AgeState;
pub use age::Ages;
#[doc(hidden)]
pub use age::{Admits, AgeFact};
#[doc(hidden)]
pub use cell::is_readable;
pub(crate) use cell::{flag, giver, kind, number};
#[doc(hidden)]
pub use columns::{ColumnError, ConsentColumns, PathUse, ResolvedColumns, is_name, shown_path};
pub use demand::{Check, ConsentKind, Demand, Requirement};
pub use event::Row;
#[doc(hidden)]
pub use event::{COLUMNS, REQUIRED};
pub use fold::Fold;
pub(crate) use fold::PersonConsents;
#[doc(hidden)]
pub use fold::{Covered, Reading};
#[doc(hidden)]
pub use known::{KnownWords, Named};
#[doc(hidden)]
pub use mapping::{MappingError, STATEMENT_COLUMNS, Stated, StatementMapping, Statements};
pub(crate) use moment::zoned;
#[doc(hidden)]
pub use moment::{Moment, Times};
#[doc(hidden)]
pub use separate::{Shortfall, not_separate};
pub use status::ConsentStatus;
#[doc(hidden)]
pub use table::ConsentTable;
#[doc(hidden)]
pub use terms::{DOCUMENT, OTHER_EVENT, TERMS};
#[doc(hidden)]
pub use tombstone::{Expiry, Tombstone};
#[doc(hidden)]
pub use unclear::{Lists, Unclear};
