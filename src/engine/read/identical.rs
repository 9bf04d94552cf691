//! Identical records: rows that are equal in every declared column as another one. They stay (two purchases may look
//! alike); a query for them learns how many there are.

use std::fmt::{self, Write};
use std::hash::{DefaultHasher, Hasher as _};

use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::cast;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{ArrowError, DataType};

use super::ReadError;

/// Sixty-four bits of every row, equal for rows that say the same; for others but for one chance in 2^64.
///
/// # Errors
/// [`ReadError::Damaged`] for a column that cannot be spelled.
pub(in crate::engine) fn fingerprints(file: &str, batch: &RecordBatch) -> Result<Vec<u64>, ReadError> {
    let damaged =
        || ReadError::Damaged { file: file.to_owned(), format: "rows that can be compared", row: None };
    let arrays: Vec<ArrayRef> =
        batch.columns().iter().map(plain).collect::<Result<_, _>>().map_err(|_| damaged())?;
    let options = FormatOptions::default();
    let columns = arrays.iter().map(|array| Ok((array, ArrayFormatter::try_new(array, &options)?)));
    let columns: Vec<_> = columns.collect::<Result<_, ArrowError>>().map_err(|_| damaged())?;
    let fingerprint = |row: usize| {
        let mut marked = Marked(DefaultHasher::new());
        for (array, cells) in &columns {
            marked.0.write_u8(u8::from(array.is_null(row)));
            cells.value(row).write(&mut marked).map_err(|_| fmt::Error)?;
            // No text holds this byte, so a cell does not run into the next one.
            marked.0.write_u8(0xff);
        }
        Ok(marked.0.finish())
    };
    let spelled: Result<Vec<u64>, fmt::Error> = (0..batch.num_rows()).map(fingerprint).collect();
    spelled.map_err(|_| damaged())
}

/// Instants as numbers: their zones are names that nobody here knows, and one column has one.
fn plain(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match array.data_type() {
        DataType::Timestamp(..) => cast(array, &DataType::Int64),
        _ => Ok(ArrayRef::clone(array)),
    }
}

/// How many rows repeat another one.
pub(in crate::engine) fn repeats(mut fingerprints: Vec<u64>) -> u64 {
    fingerprints.sort_unstable();
    let all = fingerprints.len();
    fingerprints.dedup();
    (all - fingerprints.len()) as u64
}

/// Takes text into a hash.
struct Marked(DefaultHasher);

impl Write for Marked {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Int64Array, StringArray};

    use super::*;

    #[test]
    fn rows_are_alike_only_in_every_column() {
        let ids: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), Some(1), Some(1), None, Some(1), None]));
        let words = [Some("a"), Some("a"), Some("b"), Some("a"), None, Some("a")];
        let words: ArrayRef = Arc::new(StringArray::from(words.to_vec()));
        let batch = RecordBatch::try_from_iter([("id", ids), ("word", words)]).unwrap();
        let fingerprints = fingerprints("x", &batch).unwrap();
        assert!(fingerprints[0] == fingerprints[1] && fingerprints[3] == fingerprints[5]);
        assert_eq!(repeats(fingerprints), 2);
    }

    #[test]
    fn cells_do_not_run_together_and_null_is_not_empty() {
        let column = |cells: [Option<&str>; 3]| Arc::new(StringArray::from(cells.to_vec())) as ArrayRef;
        let first = column([Some("ab"), Some("a"), Some("")]);
        let second = column([Some("c"), Some("bc"), None]);
        let batch = RecordBatch::try_from_iter([("first", first), ("second", second)]).unwrap();
        assert_eq!(repeats(fingerprints("x", &batch).unwrap()), 0);
        let nothing = RecordBatch::try_from_iter([("word", column([Some(""), None, Some("")]))]).unwrap();
        assert_eq!(repeats(fingerprints("x", &nothing).unwrap()), 1);
    }
}
