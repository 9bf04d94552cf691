//! Files and batches of the caller in; streams of the declared columns out, as Arrow batches with a report of each file.
//!
//! Formats, dialects and compressions end here. Undeclared columns are never decoded. Whatever stops reading is a function of one
//! file.

mod amounts;
mod bytes;
mod column;
mod columns;
mod csv;
mod csv_fault;
mod error;
mod folder;
mod folder_fault;
mod handed_in;
pub(super) mod identical;
mod ids;
pub mod ingest_report;
mod input;
pub(super) mod input_digests;
pub(super) mod instants;
mod int96;
mod ipc;
mod ipc_lengths;
mod json;
mod limits;
mod longest;
mod open;
mod parquet;
mod part;
mod partition;
mod path;
mod place;
pub(super) mod progress;
mod quoting;
pub(super) mod reading;
mod recorded;
mod rfc4180;
pub(super) mod scan;
pub(super) mod sources;
mod table;
#[cfg(test)]
mod time_tests;
mod tokenised;
pub(super) mod work;

pub use amounts::{Amounts, Spellings};
pub(super) use bytes::broken;
pub use column::Column;
pub use column::{Cell, Id};
pub use columns::{FileColumn, columns};
pub use csv_fault::CsvFault;
pub use error::ReadError;
pub use folder::is_passed_over;
pub use folder_fault::FolderFault;
pub(super) use handed_in::expand;
pub use handed_in::{HandedIn, Position, handed_in};
pub use ids::Ids;
pub use input::Input;
pub use json::{JsonFault, RecordPlace};
pub use open::{open, tokenised};
pub use part::{Part, known_rows, parts};
pub use place::RowPlace;
pub use recorded::{Record, RecordedFile, file_digest};
pub use table::{OpenTerms, Table, Use, Wanted, is_decoding};
pub use tokenised::{BlindSession, Tokenised};
