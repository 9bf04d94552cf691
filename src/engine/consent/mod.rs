//! Tables of consent events in; one fold for each recipient, from which covered is decided, out.
//!
//! Events of all files are merged. What a row states is read once for each combination of cells; who it is about and when, once a
//! row. An import writes the same events to a register instead, and a check counts them for the party that wrote the files.

pub(super) mod check;
pub(super) mod events;
pub(super) mod import;
pub(super) mod namespaces;
pub(super) mod person_file;
pub(super) mod statements;
pub(super) mod unclear;
