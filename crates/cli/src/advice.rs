//! What to do about keys, folders and files that cannot be used: keys of the catalogue.

use std::io::ErrorKind;

use hushtag::engine::cluster::ClusterError;
use hushtag::engine::read::{CsvFault, FolderFault};
use hushtag::engine::{EngineError, ReadError};
use hushtag::keys::KeyError;
use hushtag::storage::StorageError;

/// What to do about a fault of a later version of the library, which nothing here foresees.
const ANEW: &str = "fix.anew";

/// What to do about a key.
pub(super) fn with_key(error: &KeyError) -> &'static str {
    match error {
        KeyError::LooseMode { .. } => "fix.loose_mode",
        KeyError::Storage(failed) => in_storage(failed),
        KeyError::File(_, source) => match source.kind() {
            ErrorKind::NotFound => "fix.path",
            ErrorKind::PermissionDenied => "fix.key_owner",
            ErrorKind::InvalidInput => "fix.key_name",
            _ => "fix.key_file",
        },
        KeyError::Malformed { .. } => "fix.key_malformed",
        KeyError::NoRandomness => "fix.no_randomness",
        _ => "fix.give_root_key",
    }
}

/// What to do about the folder, by the error of the system.
pub(super) fn in_storage(error: &StorageError) -> &'static str {
    match error.source.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => "fix.path",
        ErrorKind::PermissionDenied => "fix.folder_owner",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "fix.no_space",
        ErrorKind::ReadOnlyFilesystem => "fix.read_only",
        ErrorKind::DirectoryNotEmpty => "fix.not_empty",
        // What this program refuses has a message of its own.
        ErrorKind::InvalidInput | ErrorKind::InvalidData | ErrorKind::AlreadyExists => "fix.in_the_way",
        _ => "fix.folder",
    }
}

/// What to do about the files of a seal.
pub(super) fn input(error: &EngineError) -> &'static str {
    match error {
        EngineError::BadRows { .. } => "fix.bad_rows",
        EngineError::UnattributedConsents { .. } => "fix.unattributed",
        EngineError::MissingDataset { .. } | EngineError::UnknownDataset { .. } => "fix.each_dataset",
        EngineError::DirectIdentifier { .. } => "fix.direct_identifier",
        EngineError::MixedTokens { .. } => "fix.mixed_tokens",
        EngineError::ForeignTokens { .. } => "fix.foreign_tokens",
        EngineError::RowsPerOwner { .. } => "fix.rows_per_owner",
        EngineError::EventsPerPerson { .. } => "fix.events_per_person",
        EngineError::Memory { .. } => "fix.memory",
        EngineError::Cluster(ClusterError::Refused(_)) => "fix.one_machine",
        EngineError::Cluster(_) => "fix.cluster",
        EngineError::Read(error) => reading(error),
        _ => "fix.check_file",
    }
}

/// What to do about a file that is not read.
fn reading(error: &ReadError) -> &'static str {
    match error {
        ReadError::Open { source, .. } => match source.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => "fix.path",
            ErrorKind::PermissionDenied => "fix.file_owner",
            ErrorKind::IsADirectory => "fix.is_folder",
            _ => "fix.path_and_file",
        },
        ReadError::Read { .. } => "fix.disk_or_pipe",
        ReadError::Changed { .. } => "fix.changed",
        ReadError::Damaged { .. } => "fix.damaged_file",
        ReadError::Empty { .. } => "fix.empty",
        ReadError::UnknownFormat { .. } => "fix.unknown_format",
        ReadError::Unsupported { .. } => "fix.unsupported",
        ReadError::Once { .. } => "fix.once",
        ReadError::IpcEnd { .. } => "fix.ipc_end",
        ReadError::JsonData { .. } => "fix.json_data",
        ReadError::Json { .. } => "fix.json",
        ReadError::Folder { fault, .. } => in_folder(fault),
        ReadError::SameFile { .. } => "fix.same_file",
        ReadError::TextAboveHeader { .. } | ReadError::Separator { .. } => "fix.declare_layout",
        ReadError::LongCell { .. } => "fix.long_cell",
        ReadError::NoHeader { .. } => "fix.no_header",
        ReadError::DuplicateColumn { .. } => "fix.duplicate_column",
        ReadError::TooManyColumns { .. } => "fix.too_many_columns",
        ReadError::Tokenised { .. } => "fix.tokenised",
        ReadError::Unrequested { .. } => "fix.unrequested",
        ReadError::UnknownTokens { .. } => "fix.unknown_tokens",
        ReadError::ConsentColumn { .. } | ReadError::MissingColumn { .. } | ReadError::WrongType { .. } => {
            "fix.columns"
        }
        ReadError::Csv { fault, .. } => in_csv(fault),
        _ => ANEW,
    }
}

/// What to do about a folder of parts.
fn in_folder(fault: &FolderFault) -> &'static str {
    match fault {
        FolderFault::Empty => "fix.parts_empty",
        FolderFault::Hidden => "fix.parts_hidden",
        FolderFault::InnerFolder | FolderFault::LinkToFolder => "fix.parts_inner",
        FolderFault::Json => "fix.parts_json",
        FolderFault::NoText => "fix.parts_name",
        FolderFault::NotAFile => "fix.parts_pipe",
        FolderFault::PartitionName => "fix.partition_name",
        FolderFault::Partitions => "fix.partitions",
        FolderFault::TableFormat(_) => "fix.table_format",
        FolderFault::Unfinished => "fix.parts_unfinished",
        _ => ANEW,
    }
}

/// What to do about a CSV text.
fn in_csv(fault: &CsvFault) -> &'static str {
    match fault {
        CsvFault::Encoding { .. } | CsvFault::NotUtf8 { .. } | CsvFault::Nul { .. } => "fix.encoding",
        CsvFault::FewLines => "fix.few_lines",
        CsvFault::AfterQuote { .. } | CsvFault::OpenQuote { .. } | CsvFault::RowsInQuote { .. } => {
            "fix.quotes"
        }
        CsvFault::LineBreak { .. } => "fix.line_break",
        CsvFault::Cells { .. } => "fix.cells",
        CsvFault::LongRecord { .. } => "fix.long_record",
        CsvFault::TooManyColumns { .. } => "fix.too_many_columns",
        CsvFault::RowsLost { .. } => "fix.rows_lost",
        _ => ANEW,
    }
}
