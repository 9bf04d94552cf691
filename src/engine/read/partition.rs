//! Columns in the names of folders, as Hive and Spark write them: `event=withdrawn/part-00000.parquet`.

use std::path::Path;

use super::{FolderFault, ReadError};

/// What Hive and Spark write for a null, and for an empty text.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// A column of all rows of a file, and what it holds.
pub(super) type Partition = (String, Option<String>);

/// The columns that the folders right above a file name, outermost first: the unbroken run of `column=value` in the path as it is
/// written. Values are text, as in a CSV file.
///
/// # Errors
/// [`ReadError::Folder`] for a folder whose name has an equals sign and cannot be read.
pub(super) fn partitions(path: &Path, file: &str) -> Result<Vec<Partition>, ReadError> {
    let mut found = Vec::new();
    for folder in path.ancestors().skip(1) {
        let Some(name) = folder.file_name() else { break };
        if !name.as_encoded_bytes().contains(&b'=') {
            break;
        }
        let read = name.to_str().and_then(partition);
        let fault = FolderFault::PartitionName;
        found.push(read.ok_or_else(|| ReadError::Folder { file: file.to_owned(), fault })?);
    }
    found.reverse();
    Ok(found)
}

/// A column and its value by the name of a folder; `None` if it names none.
pub(super) fn partition(folder: &str) -> Option<Partition> {
    let (column, value) = folder.split_once('=')?;
    let column = unescaped(column).filter(|column| !column.is_empty())?;
    let value = unescaped(value)?;
    Some((column, Some(value).filter(|value| !value.is_empty() && value != NULL)))
}

/// A text without the escapes by which Hive writes what no folder may be called.
fn unescaped(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        bytes.push(u8::from_str_radix(digits, 16).ok().filter(|_| is_hex)?);
        bytes.extend(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_name_columns_as_hive_escapes_them() {
        for (folder, column, value) in [
            ("event=withdrawn", "event", Some("withdrawn")),
            ("at=2026-09-01 10%3A00%3A00%2B08%3A00", "at", Some("2026-09-01 10:00:00+08:00")),
            ("a%3Db=c=d", "a=b", Some("c=d")),
            ("region=%e6%b2%aa", "region", Some("沪")),
            ("region=", "region", None),
            ("region=__HIVE_DEFAULT_PARTITION__", "region", None),
        ] {
            let read = partition(folder).unwrap();
            assert_eq!((read.0.as_str(), read.1.as_deref()), (column, value), "{folder}");
        }
        for folder in ["plain", "=x", "a=%", "a=%4", "a=%+1", "a=%ff", "a=%é"] {
            assert!(partition(folder).is_none(), "{folder}");
        }
    }

    #[test]
    fn the_unbroken_run_of_folders_above_a_file_counts() {
        let of = |path: &str| {
            let read = partitions(Path::new(path), "f").map_err(|error| error.to_string())?;
            Ok::<_, String>(read.into_iter().map(|(column, _)| column).collect::<Vec<_>>().join(","))
        };
        assert_eq!(of("x=1/data/a=1/b=2/f.csv"), Ok("a,b".into()));
        assert_eq!(of("a=1/data/f.csv"), Ok(String::new()));
        assert_eq!(of("f=1.csv"), Ok(String::new()));
        assert_eq!(
            of("a=1/=/f.csv"),
            Err("f: is in a folder whose name is not `column=value` as Hive writes it".into())
        );
    }
}
