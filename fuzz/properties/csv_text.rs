//! A CSV text: any bytes. The first is its separator, the second says how many bytes are read at once.

use std::io::{Cursor, Read};

use hushtag::engine::Input;
use hushtag::engine::read::{Column, OpenTerms, Use, Wanted, open};
use hushtag::types::{CsvDialect, Separator};

/// Nothing panics, and no fault has a line break in it. What is read has the rows, in their order and with the cells, that the `csv`
/// crate finds in the same bytes, and every row has as many cells as the header. Refused is what RFC 4180 does not allow, what may
/// hide rows, and what is no UTF-8.
pub(crate) fn check(data: &[u8]) -> Result<(), String> {
    let [separator, at_once, text @ ..] = data else { return Err("no text".into()) };
    let separator = std::str::from_utf8(std::slice::from_ref(separator)).ok().and_then(Separator::new);
    let separator = separator.ok_or("no separator")?;
    let marks = [&b"\xff\xfe"[..], b"\xfe\xff", b"\xef\xbb\xbf\xef\xbb\xbf"];
    if marks.iter().any(|mark| text.starts_with(mark)) {
        return Err("UTF-16, or two byte order marks, which the csv crate does not read".into());
    }
    let read = rows(separator, text, usize::from(*at_once).max(1)).inspect_err(|error| {
        assert!(!error.contains('\n'), "an error of several lines");
    })?;
    let mut oracle = csv::ReaderBuilder::new();
    let oracle = oracle.delimiter(separator.byte()).has_headers(false).flexible(true).from_reader(text);
    let records: Vec<csv::ByteRecord> = oracle.into_byte_records().map(|record| record.unwrap()).collect();
    let Some((header, records)) = records.split_first() else {
        assert!(read.is_empty(), "rows without a header");
        return Ok(());
    };
    let places = COLUMNS.map(|column| header.iter().position(|name| name == column.as_bytes()));
    let expected: Vec<Row> = records
        .iter()
        .map(|record| {
            assert_eq!(record.len(), header.len(), "a ragged row was read");
            places.map(|place| {
                let cell = place.map(|place| String::from_utf8(record[place].to_vec()).unwrap());
                cell.filter(|cell| !cell.is_empty())
            })
        })
        .collect();
    assert!(read == expected, "other rows than the csv crate finds");
    Ok(())
}

const COLUMNS: [&str; 2] = ["a", "b"];
type Row = [Option<String>; 2];

/// The rows of a text, of which two columns are wanted.
fn rows(separator: Separator, text: &[u8], at_once: usize) -> Result<Vec<Row>, String> {
    let bytes = Slowly { text: Cursor::new(text.to_vec()), at_once };
    let wanted = COLUMNS.map(|column| Wanted { column, used: Use::Optional });
    let csv = CsvDialect { separator: Some(separator), ..CsvDialect::default() };
    let terms = OpenTerms { csv: &csv, ..OpenTerms::new(&wanted) };
    let message = |error: hushtag::engine::ReadError| error.to_string();
    let mut table = open(Input::Stream("fuzzed".into(), Box::new(bytes)), terms).map_err(message)?;
    let mut rows = Vec::new();
    while let Some(batch) = table.next_batch().map_err(message)? {
        let mut arrays = batch.columns().iter();
        let mut columns = Vec::new();
        for present in &table.present {
            let array = if *present { arrays.next() } else { None };
            columns.push(array.map(|array| Column::texts("fuzzed", "a", array).unwrap()));
        }
        rows.extend((0..batch.num_rows()).map(|row| {
            let mut cells = columns.iter().map(|column| column.as_ref()?.text(row).map(str::to_owned));
            std::array::from_fn(|_| cells.next().flatten())
        }));
    }
    Ok(rows)
}

struct Slowly {
    text: Cursor<Vec<u8>>,
    at_once: usize,
}

impl Read for Slowly {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = buffer.len().min(self.at_once);
        self.text.read(&mut buffer[..length])
    }
}
