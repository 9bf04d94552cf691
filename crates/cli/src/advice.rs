//! What to do next about each file that is not read.

use std::io::ErrorKind;

use hushtag::engine::ReadError;
use hushtag::engine::read::{CsvFault, FolderFault};

/// What to do about a fault of a later version of the library, which nothing here foresees.
const ANEW: &str = "correct the file or export it again; nothing was sealed or written";

/// What to do about a file that is not read.
pub(super) fn reading(error: &ReadError) -> &'static str {
    match error {
        ReadError::Open { source, .. } => match source.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => "check the path",
            ErrorKind::PermissionDenied => "see who owns the file: this user may not read it",
            ErrorKind::IsADirectory => {
                "give the files in it one by one; `seal`, `consent import` and `consent check` take a folder of parts"
            }
            _ => "check the path and the file; nothing was sealed or written",
        },
        ReadError::Read { .. } => {
            "see that disk, or what writes into the pipe; then try again: nothing was sealed or written"
        }
        ReadError::Changed { .. } => {
            "let nothing write to the file until the seal has ended, then try again; nothing was sealed or written"
        }
        ReadError::Damaged { .. } => "export or copy the file again; nothing was sealed or written",
        ReadError::Empty { .. } => {
            "export the table again, or leave the file out; nothing was sealed or written"
        }
        ReadError::UnknownFormat { .. } => {
            "rename the file by what it is, or move it elsewhere if it is no table"
        }
        ReadError::Unsupported { .. } => "export it as Parquet, Arrow or CSV, or decompress it first",
        ReadError::Once { .. } => {
            "name the file itself instead of a pipe, or pipe CSV or an Arrow IPC stream"
        }
        ReadError::IpcEnd { .. } => {
            "close the writer of the stream before it is read, and give several streams one by one"
        }
        ReadError::JsonData { .. } => "export it as CSV, Parquet or Arrow",
        ReadError::Json { .. } => {
            "correct the file or export it again, or declare in `[consents]` of the study how it is written; nothing was sealed or written"
        }
        ReadError::Folder { fault, .. } => in_folder(fault),
        ReadError::SameFile { .. } => "name every file once, and give each table a pipe of its own",
        ReadError::TextAboveHeader { .. } | ReadError::Separator { .. } => {
            "declare it in the study, under this dataset or `[consents]`, or export the file in another way"
        }
        ReadError::LongCell { .. } => {
            "see whether the column is the one that the study means: no id, code or word is as long"
        }
        ReadError::NoHeader { .. } => "put a line with the names of the columns above the rows",
        ReadError::DuplicateColumn { .. } => "rename one of the columns, or leave one out",
        ReadError::TooManyColumns { .. } => "export the columns that the study declares, without the others",
        ReadError::Tokenised { .. } => "give the file that it was made from",
        ReadError::UnknownTokens { .. } => "make it anew with the `hushtag tokenize` of this version",
        ReadError::ConsentColumn { .. } | ReadError::MissingColumn { .. } | ReadError::WrongType { .. } => {
            "name columns and types in the file as the study does, and consents as `hushtag policy schema consent-event` says"
        }
        ReadError::Csv { fault, .. } => in_csv(fault),
        _ => ANEW,
    }
}

/// What to do about a folder of parts.
fn in_folder(fault: &FolderFault) -> &'static str {
    match fault {
        FolderFault::Empty => "check the path: a folder of parts holds .parquet, .csv or .arrow files",
        FolderFault::Hidden => "rename it if it is data, or move it elsewhere if it is not",
        FolderFault::InnerFolder | FolderFault::LinkToFolder => {
            "give that folder by itself if it is data, or move it elsewhere if it is not"
        }
        FolderFault::Json => "move the file out of that folder once each line holds the column",
        FolderFault::NoText => "rename that file, or move it elsewhere",
        FolderFault::NotAFile => "move it elsewhere, or give a pipe by its own path",
        FolderFault::PartitionName => {
            "rename the folder to column=value, with % as %25, or without an equals sign"
        }
        FolderFault::Partitions => "give the parts that have no such column as a folder of their own",
        FolderFault::TableFormat(_) => {
            "export the table as plain Parquet or CSV with the tool that writes it, and give that"
        }
        FolderFault::Unfinished => "wait until the job has finished, or run it again",
        _ => ANEW,
    }
}

/// What to do about a CSV text.
fn in_csv(fault: &CsvFault) -> &'static str {
    match fault {
        CsvFault::Encoding { .. } | CsvFault::NotUtf8 { .. } | CsvFault::Nul { .. } => {
            "declare the encoding in the study, under this dataset or `[consents]`, or export the file in UTF-8"
        }
        CsvFault::FewLines => "lower `skip_lines` in the study, or check that the file is whole",
        CsvFault::AfterQuote { .. } | CsvFault::OpenQuote { .. } | CsvFault::RowsInQuote { .. } => {
            "see those lines: put quotes around every cell that holds a quote, a separator or a line break, and write the quote twice"
        }
        CsvFault::LineBreak { .. } => "see those lines, and take the line break out of the cell",
        CsvFault::Cells { .. } => {
            "see that line: put quotes around a cell that holds a separator, or export the file again"
        }
        CsvFault::LongRecord { .. } => {
            "see that line: a quote may be missing; leave out columns of long texts"
        }
        CsvFault::TooManyColumns { .. } => "export the columns that the study declares, without the others",
        CsvFault::RowsLost { .. } => {
            "this is a bug: report it with the shape of the file; nothing was sealed or written"
        }
        _ => ANEW,
    }
}
