//! The columns of a file: their names and types, and nothing that a row holds.

use std::path::Path;
use std::sync::Arc;

use arrow_csv::reader::Format;
use arrow_schema::{DataType, SchemaRef};

use super::ReadError;
use super::open::{CSV, caught, damaged, extension, file, file_name, footer, ipc_reader};

/// A column of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileColumn {
    /// Its name.
    pub name: String,
    /// Its type, where the format tells it; CSV does not.
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
    let open = || file(path, &name);
    let (schema, typed): (SchemaRef, bool) = caught(&name, || {
        Ok(match extension(path).as_str() {
            "parquet" => (Arc::clone(footer(&open()?, &name)?.schema()), true),
            "arrow" | "ipc" | "feather" => (ipc_reader(open()?, &name, None)?.schema(), true),
            "csv" => {
                let format = Format::default().with_header(true);
                let header = format.infer_schema(open()?, Some(0)).map_err(|_| damaged(&name, CSV))?;
                (Arc::new(header.0), false)
            }
            _ => return Err(ReadError::UnknownFormat { file: name.clone() }),
        })
    })?;
    let columns = schema.fields().iter().map(|field| FileColumn {
        name: field.name().trim_start_matches('\u{feff}').to_owned(),
        kind: typed.then(|| field.data_type().clone()),
    });
    let columns: Vec<FileColumn> = columns.collect();
    if !typed && !columns.iter().all(|column| looks_like_a_name(&column.name)) {
        return Err(ReadError::NoHeader { file: name });
    }
    Ok(columns)
}

fn looks_like_a_name(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    text.chars().any(char::is_alphabetic) && digits < 5 && !text.contains('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_told_and_a_row_is_not() {
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
