//! Layer 1: consent events of one person folded into yes or no as of a date. Unknown is no.
//!
//! [`Demand`] says what one recipient's use demands of everybody: a [`Requirement`] for each trigger, and ages; [`Row`]
//! is one event as written; [`Fold`] keeps, for every person and requirement, only the latest words not after as-of, so
//! that millions of events stream through in bounded memory and in any order; [`account`] explains one person to
//! whoever has her rows.

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
mod standing;
mod table;
mod terms;
mod tombstone;
mod unclear;

pub use account::{Account, account, account_with};
pub use act::{Act, items};
pub use age::{Admits, AgeFact, Ages};
pub use cell::is_readable;
pub(crate) use cell::{flag, giver, kind, number};
pub use columns::{ColumnError, ConsentColumns, PathUse, ResolvedColumns, is_name, shown_path};
pub use demand::{Check, ConsentKind, Demand, Requirement};
pub use event::{COLUMNS, REQUIRED, Row};
pub use fold::{Coverage, Fold, Reading};
pub use known::{KnownWords, Named};
pub use mapping::{MappingError, STATEMENTS, Stated, StatementMapping, Statements};
pub(crate) use moment::zoned;
pub use moment::{Moment, Times};
pub use separate::{Shortfall, not_separate};
pub use standing::Standing;
pub use table::ConsentTable;
pub use terms::{DOCUMENT, OTHER_EVENT, TERMS};
pub use tombstone::{Expiry, Tombstone};
pub use unclear::{Lists, Unclear};
