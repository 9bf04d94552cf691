//! The longest cell of a batch: no declared cell is as long as the longest row of a CSV file, whatever the format.

use arrow_array::cast::AsArray as _;
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;

use super::limits::LONGEST_RECORD;

/// The column of a batch that has a longer text than a CSV row may be, if one does.
pub(super) fn column_of_long_cell(batch: &RecordBatch) -> Option<usize> {
    batch.columns().iter().position(|column| has_long_cell(column))
}

fn has_long_cell(column: &dyn Array) -> bool {
    let is_long = |length: usize| length as u64 > LONGEST_RECORD;
    match column.data_type() {
        // Offsets say how long all are together, so that short ones cost nothing.
        DataType::Utf8 => {
            let offsets = column.as_string::<i32>().value_offsets();
            let all = offsets.last().zip(offsets.first()).map_or(0, |(last, first)| last - first);
            is_long(usize::try_from(all).unwrap_or(0))
                && column.as_string::<i32>().iter().flatten().any(|text| is_long(text.len()))
        }
        DataType::LargeUtf8 => {
            let offsets = column.as_string::<i64>().value_offsets();
            let all = offsets.last().zip(offsets.first()).map_or(0, |(last, first)| last - first);
            is_long(usize::try_from(all).unwrap_or(usize::MAX))
                && column.as_string::<i64>().iter().flatten().any(|text| is_long(text.len()))
        }
        DataType::Utf8View => {
            let views = column.as_string_view();
            views.data_buffers().iter().any(|buffer| is_long(buffer.len()))
                && views.iter().flatten().any(|text| is_long(text.len()))
        }
        DataType::Dictionary(..) => {
            column.as_any_dictionary_opt().is_some_and(|dictionary| has_long_cell(dictionary.values()))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::types::Int32Type;
    use arrow_array::{
        ArrayRef, DictionaryArray, Int32Array, LargeStringArray, StringArray, StringViewArray,
    };

    use super::*;

    #[test]
    fn a_long_cell_is_found_in_every_kind_of_text() {
        let most = usize::try_from(LONGEST_RECORD).unwrap();
        for (length, found) in [(most, None), (most + 1, Some(1))] {
            let texts = ["short".to_owned(), "x".repeat(length)];
            let words: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
            let keys = Int32Array::from(vec![1, 1]);
            let kinds: [ArrayRef; 4] = [
                Arc::clone(&words),
                Arc::new(LargeStringArray::from(texts.to_vec())),
                Arc::new(StringViewArray::from(texts.iter().map(String::as_str).collect::<Vec<_>>())),
                Arc::new(DictionaryArray::<Int32Type>::new(keys, words)),
            ];
            for kind in kinds {
                let first: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
                let batch = RecordBatch::try_from_iter([("a", first), ("b", kind)]).unwrap();
                assert_eq!(column_of_long_cell(&batch), found, "{}", batch.schema().field(1).data_type());
            }
        }
    }
}
