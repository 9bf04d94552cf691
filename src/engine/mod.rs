//! Layer 4: rows in, encrypted cubes out.
//!
//! Tables stream through as Arrow batches (`read`), ids become dense numbers (`ids`), consent events are merged for each recipient
//! (`consent`), records and lists become one value a person and measure (`records`, `relations`), and those are counted into cubes
//! (`cube`). Cubes are [`Exact`](crate::release::Exact) and can be opened by the releaser alone. No row is written to disk.
//! `tokenize` de-identifies a table at the platform that owns it, before it is handed over.

pub mod cluster;
mod consent;
mod cube;
mod error;
mod ids;
#[cfg(test)]
mod linked;
mod memory;
#[cfg(test)]
mod neighbours;
pub mod read;
mod records;
mod relations;
mod tokenize;

#[cfg(test)]
pub(crate) mod reference_tests;

pub use consent::check::{ConsentCheck, check_consents};
pub use consent::import::{ImportTerms, Imported, import};
pub use consent::person_file::PersonFile;
pub use cube::build::{BuiltEpoch, build, shapes};
pub use cube::file_faults::faults_of_files;
pub use error::EngineError;
pub use memory::{InvalidMemory, MemoryBudget};
pub use read::ingest_report::{FileReport, IngestReport, MaxBadRows};
pub use read::input_digests::InputRecords;
pub use read::instants::Instants;
pub use read::progress::Progress;
pub use read::reading::{Elsewhere, Reading};
pub use read::sources::Sources;
pub use read::{
    FileColumn, HandedIn, Input, ReadError, RowPlace, columns, file_digest, handed_in, is_decoding,
};
pub use tokenize::{RequestIds, TokenSource, TokeniseError, TokeniseTerms, request_ids, tokenise};
