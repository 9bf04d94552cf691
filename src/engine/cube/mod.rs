//! All tables of a seal in; one exact cube for each tag set and recipient, and diagnostics of the join for the auditor, out.
//!
//! `build` calls the other stages in their order; `cells` counts the covered people by their tags and adds up their measures.

pub(super) mod build;
pub(super) mod cells;
pub(super) mod file_faults;
pub(super) mod join_diagnostics;
