//! Lists of who names whom in; the values of all measures that travel along them, for one recipient, out.
//!
//! Lists are deduplicated, truncated to `max_reach` for each owner, and turned around; all of that before anyone looks at who is
//! covered. Only then do contributions between covered people arrive at their targets.

pub(super) mod blocks;
pub(super) mod fractions;
pub(super) mod graph;
pub(super) mod lists;
pub(super) mod pointers;
