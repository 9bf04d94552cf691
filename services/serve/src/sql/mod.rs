//! SQL around private queries: the innermost aggregate over `tags` is planned and released by the library, everything around it runs
//! over released rows.
//!
//! The split is made on DataFusion's logical plan, after parameters are replaced and unused columns are dropped, and before the
//! optimizer: an optimizer rule would see filters that it pushed down, as other queries with another charge. `tags` has a scan that
//! always fails, so that a plan which was not split gives an error and never rows.

mod base;
mod condition;
mod filter;
mod guard;
mod names;
mod number;
mod outside;
mod people;
mod price;
mod private;
mod private_query;
mod refusal;
mod released;
mod split;
mod syntax;

pub use condition::Condition;
pub use guard::check_user_plan;
pub use names::{postgres_names, shown};
pub use people::{Column, Measure, People, Tag, TagsTable};
pub use price::cut_price;
pub use private::Private;
pub use private_query::{End, Number, PrivateQuery};
pub use refusal::Refusal;
pub use split::{Split, mentions_tags, split};
pub use syntax::{Relations, prepare, relations};
