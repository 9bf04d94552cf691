//! The columns of a file: their names and types, and nothing that a row holds.

use std::path::Path;
use std::sync::Arc;

use arrow_ipc::reader::StreamReader;
use arrow_schema::{DataType, SchemaRef};

use super::ReadError;
use super::bytes::{Magic, file, open_file, plain};
use super::csv::Head;
use super::ipc::{IPC, ipc_file_schema, ipc_stream_reader};
use super::parquet::footer;
use super::partition::partitions;
use super::path::{Promise, file_name};
use super::table::{caught, damaged};
use crate::types::{CsvDialect, Separator};

/// A column of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileColumn {
    /// Its name.
    pub name: String,
    /// Its type, where the format has one; CSV does not.
    pub kind: Option<DataType>,
}

/// The columns of a file, from its header or schema.
///
/// # Errors
/// [`ReadError`] for a file that is missing, damaged, or of an unknown format; [`ReadError::NoHeader`] for a CSV file whose first
/// line looks like values.
///
/// # Privacy
/// No row is decoded. A first line with a number, an empty cell or an `@` in it is taken for values and not repeated.
pub fn columns(path: &Path) -> Result<Vec<FileColumn>, ReadError> {
    let name = file_name(path);
    let of_folders = partitions(path, &name)?.into_iter();
    let of_folders = of_folders.map(|(name, _)| FileColumn { name, kind: Some(DataType::Utf8) });
    if let Some(schema) = caught(&name, || schema(path, &name))? {
        let columns = schema.fields().iter().map(|field| FileColumn {
            name: field.name().trim_start_matches('\u{feff}').to_owned(),
            kind: Some(field.data_type().clone()),
        });
        return Ok(columns.chain(of_folders).collect());
    }
    let separator = match Promise::of(path).0 {
        Promise::Csv => None,
        Promise::Tabs => Separator::new("\t"),
        Promise::Json | Promise::JsonLines => return Err(ReadError::JsonData { file: name }),
        Promise::Parquet | Promise::Ipc | Promise::Nothing => {
            return Err(ReadError::UnknownFormat { file: name });
        }
    };
    let dialect = CsvDialect { separator, ..CsvDialect::default() };
    let names = caught(&name, || Head::read(&name, plain(&name, file(path, &name)?)?, &dialect)?.names())?;
    if !names.iter().all(|name| looks_like_a_name(name)) {
        return Err(ReadError::NoHeader { file: name });
    }
    Ok(names.into_iter().map(|name| FileColumn { name, kind: None }).chain(of_folders).collect())
}

/// The schema of a file whose format has one; none for a text.
pub(super) fn schema(path: &Path, name: &str) -> Result<Option<SchemaRef>, ReadError> {
    let promise = Promise::of(path).0;
    let is_text = matches!(promise, Promise::Csv | Promise::Tabs | Promise::Json | Promise::JsonLines);
    let (file, magic) = open_file(path, name)?;
    Ok(match magic {
        _ if is_text => None,
        Magic::Parquet => Some(Arc::clone(footer(&file, name)?.schema())),
        _ if promise == Promise::Parquet => Some(Arc::clone(footer(&file, name)?.schema())),
        Magic::IpcFile => Some(ipc_file_schema(&file, name)?),
        Magic::IpcStream => Some(ipc_stream_reader(file, name, None)?.schema()),
        Magic::Gzip | Magic::Zstd if promise == Promise::Ipc => {
            let reader = StreamReader::try_new(plain(name, file)?.bytes, None);
            Some(reader.map_err(|_| damaged(name, IPC))?.schema())
        }
        Magic::Other if promise == Promise::Ipc => return Err(damaged(name, IPC)),
        _ => None,
    })
}

fn looks_like_a_name(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    text.chars().any(char::is_alphabetic) && digits < 5 && !text.contains('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_reported_and_a_row_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "\u{feff}payer,amount,at\n13800000001,5,2026-09-01T00:00:00Z\n").unwrap();
        let found = columns(&path).unwrap();
        let names: Vec<&str> = found.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["payer", "amount", "at"]);
        assert!(found.iter().all(|column| column.kind.is_none()));
        for row in ["13800000001,5\n", "a@b.example,x\n", ",x\n", "id,2026-09-01T00:00:00Z\n"] {
            std::fs::write(&path, row).unwrap();
            let error = columns(&path).unwrap_err().to_string();
            assert_eq!(error, "a.csv: the first line looks like values, not like names of columns");
        }
    }
}
