//! Against two references: a grammar of RFC 4180 written as recursion over slices, and the `csv` crate.

use std::collections::BTreeSet;

use super::*;

const ALPHABET: [u8; 5] = *b"a,\"\n\r";

/// The records of a text, or what is wrong with it; read by so many bytes.
fn checked(text: &[u8], bytes: usize) -> Result<u64, CsvFault> {
    let mut check = Rfc4180::new(b',', 1);
    for chunk in text.chunks(bytes) {
        check.all(chunk)?;
    }
    check.end()?;
    Ok(check.records())
}

/// RFC 4180 with any of CR, LF and CRLF as line end, empty lines left out, and bare quotes inside bare cells: the records of a text.
fn grammar(text: &[u8]) -> Option<Vec<Vec<Vec<u8>>>> {
    let mut records = Vec::new();
    let mut rest = text;
    loop {
        while let [b'\n' | b'\r', after @ ..] = rest {
            rest = after;
        }
        if rest.is_empty() {
            return Some(records);
        }
        let mut record = Vec::new();
        loop {
            let (cell, after) = cell(rest)?;
            record.push(cell);
            match after {
                [b',', after @ ..] => rest = after,
                _ => {
                    rest = after;
                    break;
                }
            }
        }
        records.push(record);
    }
}

/// One cell and what follows it: a separator, a line end, or nothing.
fn cell(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let [b'"', rest @ ..] = text else {
        let end = text.iter().position(|byte| b",\r\n".contains(byte)).unwrap_or(text.len());
        return Some((text[..end].to_vec(), &text[end..]));
    };
    let (mut cell, mut rest) = (Vec::new(), rest);
    loop {
        match rest {
            [b'"', b'"', after @ ..] => {
                cell.push(b'"');
                rest = after;
            }
            [b'"', after @ ..] => {
                return matches!(after, [] | [b',' | b'\r' | b'\n', ..]).then_some((cell, after));
            }
            [byte, after @ ..] => {
                cell.push(*byte);
                rest = after;
            }
            [] => return None,
        }
    }
}

/// What the lenient reader behind the check makes of a text.
fn lenient(text: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
    let record = |record: csv::ByteRecord| record.iter().map(<[u8]>::to_vec).collect();
    reader.byte_records().map(|read| record(read.unwrap())).collect()
}

/// Promise: whatever passes the check is read by the decoder as the very records that RFC 4180 says, and whatever it refuses is either
/// no RFC 4180, or ragged, or has a row inside a quoted cell.
#[test]
fn every_short_text_is_read_as_rfc_4180_says_or_refused() {
    let (mut texts, mut passed, mut refused) = (vec![Vec::new()], 0, BTreeSet::new());
    for _ in 0..=7 {
        for text in &texts {
            let expected = grammar(text);
            let even =
                |records: &Vec<Vec<Vec<u8>>>| records.iter().all(|record| record.len() == records[0].len());
            match checked(text, usize::MAX) {
                Ok(records) => {
                    let expected = expected.filter(even).unwrap_or_else(|| panic!("passed: {text:?}"));
                    assert_eq!(expected.len() as u64, records, "{text:?}");
                    assert_eq!(lenient(text), expected, "{text:?}");
                    passed += 1;
                }
                Err(fault) => {
                    let in_quote = matches!(fault, CsvFault::RowsInQuote { .. });
                    assert!(in_quote || expected.is_none_or(|records| !even(&records)), "refused: {text:?}");
                    refused.insert(kind(&fault));
                }
            }
            for bytes in [1, 2, 3] {
                assert_eq!(checked(text, bytes), checked(text, usize::MAX), "{text:?} by {bytes}");
            }
        }
        texts =
            texts.iter().flat_map(|text| ALPHABET.map(|byte| [text.as_slice(), &[byte]].concat())).collect();
    }
    assert!(passed > 10_000, "{passed}");
    assert_eq!(refused, BTreeSet::from(["after quote", "cells", "open quote", "rows in quote"]));
}

fn kind(fault: &CsvFault) -> &'static str {
    match fault {
        CsvFault::AfterQuote { .. } => "after quote",
        CsvFault::Cells { .. } => "cells",
        CsvFault::OpenQuote { .. } => "open quote",
        CsvFault::RowsInQuote { .. } => "rows in quote",
        _ => "another",
    }
}

/// Promise: a fault is named by its physical line, however lines end and however many a quoted cell has.
#[test]
fn faults_name_physical_lines() {
    use CsvFault::{AfterQuote, Cells, OpenQuote, RowsInQuote};
    for ending in ["\n", "\r\n", "\r"] {
        for (text, fault) in [
            ("a,b\n1,2\n1,2,3\n", Cells { line: 3, found: 3, expected: 2 }),
            ("a,b\n\n\n1\n", Cells { line: 4, found: 1, expected: 2 }),
            ("a,b\n1,\"2\n2\n2\"\n3\n", Cells { line: 5, found: 1, expected: 2 }),
            ("a,b\n1,\"2\n2\",3\n3\n", Cells { line: 2, found: 3, expected: 2 }),
            ("a,b\n1,\"Tom\n3,4\n5,\"Jerry\n", AfterQuote { line: 4, opened: 2 }),
            ("a,b\n1,2\n1,\"2\n", OpenQuote { line: 3 }),
            ("a,b\n1,2", Cells { line: 9, found: 0, expected: 0 }),
            ("a,b,c\n1,2,\"Tom\n3,4,5\n6,7,Jerry\"\n", RowsInQuote { from: 2, to: 4 }),
            ("a,b,c\n1,2,\"Tom\n6,7,Jerry\"\n", RowsInQuote { from: 2, to: 3 }),
        ] {
            let text = text.replace('\n', ending);
            for bytes in [1, 2, 3, 64] {
                match checked(text.as_bytes(), bytes) {
                    Err(found) => assert_eq!(found, fault, "{text:?} by {bytes}"),
                    Ok(records) => assert_eq!((records, text.ends_with('2')), (2, true), "{text:?}"),
                }
            }
        }
    }
}

/// What the check says of a text whose first columns are declared.
fn with_declared(text: &str, declared: usize) -> Result<u64, CsvFault> {
    let mut check = Rfc4180::new(b',', 1);
    check.declare((0..declared).map(|at| (at, format!("column {at}"))).collect());
    check.all(text.as_bytes())?;
    check.end()?;
    Ok(check.records())
}

/// Promise: a note of several lines is read, and rows between two stray quotes are refused, whatever the column and however many
/// columns there are.
#[test]
fn notes_of_several_lines_are_read_and_rows_between_stray_quotes_are_not() {
    for note in ["a\nb", "a, b, c, d\nc", "a\n\nb, c", "a, b\nc, d\ne, f", "\n", "\"\"a\"\",\n b"] {
        let text = format!("id,at,note\n1,2,\"{note}\"\n3,4,x\n");
        assert_eq!(with_declared(&text, 2), Ok(3), "{note:?}");
    }
    // Rows of every width, the note in every place, and the quotes before and after any of its texts.
    for width in 1..=5 {
        for column in 0..width {
            for rows in 2..=4 {
                let row = |row: usize| {
                    let mut cells = vec!["7".to_owned(); width];
                    cells[column] = match row {
                        0 => "\"Tom".to_owned(),
                        row if row + 1 == rows => "Jerry\"".to_owned(),
                        _ => String::from("ok"),
                    };
                    cells.join(",")
                };
                let header = vec!["h"; width].join(",");
                let text = format!("{header}\n{}\n", (0..rows).map(row).collect::<Vec<_>>().join("\n"));
                let expected = CsvFault::RowsInQuote { from: 2, to: rows as u64 + 1 };
                assert_eq!(with_declared(&text, column), Err(expected), "{text}");
            }
        }
    }
}

/// Promise: a column that is quoted always and without need may hold lines that look like rows; one bare cell, or too few records, and
/// it may not.
#[test]
fn a_writer_that_always_quotes_is_believed() {
    let text = |quoted: usize, bare: &str| {
        let rows = "1,\"x\"\n".repeat(quoted);
        format!("id,note\n{bare}{rows}1,\"Dear Ann\nit was good, really\"\n")
    };
    assert_eq!(with_declared(&text(20, ""), 1), Ok(22));
    let refused = |from| Err(CsvFault::RowsInQuote { from, to: from + 1 });
    assert_eq!(with_declared(&text(19, ""), 1), refused(21));
    assert_eq!(with_declared(&text(20, "1,x\n"), 1), refused(23));
    assert_eq!(with_declared(&text(20, "1,\n"), 1), refused(23));
    // Cells that need their quotes prove nothing: a writer that quotes them may quote nothing else.
    let needed = text(20, "").replace("\"x\"", "\"x, y\"");
    assert_eq!(with_declared(&needed, 1), refused(22));
    // A quote that such a writer lost is found by the next row.
    let lost = format!("{}2,\"lost\n3,\"x\"\n", text(20, ""));
    assert_eq!(with_declared(&lost, 1), Err(CsvFault::AfterQuote { line: 25, opened: 24 }));
}

#[test]
fn a_line_break_in_a_declared_column_is_damage_and_in_another_it_is_not() {
    let text = "a,b\n1,\"2\n\n2\"\n";
    let damage = CsvFault::LineBreak { from: 2, to: 4, column: "column 1".into() };
    assert_eq!(with_declared(text, 2), Err(damage));
    assert_eq!(with_declared(text, 1), Ok(2));
}

#[test]
fn a_wide_header_and_a_long_record_end_before_memory_does() {
    let mut check = Rfc4180::new(b',', 1);
    assert_eq!(check.all(&vec![b','; MOST_COLUMNS - 1]), Ok(None));
    assert_eq!(check.all(b","), Err(CsvFault::TooManyColumns { line: 1 }));
    let chunk = vec![b'x'; 1 << 20];
    for (start, fault) in
        [("a\n\nx", CsvFault::LongRecord { line: 3 }), ("a\n\"x", CsvFault::OpenQuote { line: 2 })]
    {
        let mut check = Rfc4180::new(b',', 1);
        check.all(start.as_bytes()).unwrap();
        let chunks = (0..LONGEST_RECORD >> 20).map(|_| check.all(&chunk).err()).collect::<Vec<_>>();
        assert_eq!(chunks.last().unwrap().as_ref(), Some(&fault));
        assert_eq!(chunks.iter().flatten().count(), 1);
    }
}

proptest::proptest! {
    /// A record that is passed over at once is the record that it is byte by byte, and a fault has the same line.
    #[test]
    fn records_at_once_are_those_byte_by_byte(
        rows in proptest::collection::vec(
            proptest::prop_oneof![
                8 => proptest::prelude::Just("ab,c,7"),
                4 => proptest::prelude::Just("\"ab\",\"c\",7"),
                2 => proptest::prelude::Just("\"a,b\",,"),
                1 => proptest::prelude::Just("\"a\"\"b\",c\",\"7\""),
                1 => proptest::prelude::Just("a,\"b\nc,d\",7"),
                1 => proptest::prelude::Just(""),
                1 => proptest::prelude::Just("a,b"),
                1 => proptest::prelude::Just("a,\"b\"c,d"),
                1 => proptest::prelude::Just("a,b\r,d"),
            ],
            0..60,
        ),
        end in proptest::prop_oneof![
            proptest::prelude::Just("\n"), proptest::prelude::Just("\r\n"), proptest::prelude::Just("\r")
        ],
    ) {
        let text: String = ["x,y,z"].into_iter().chain(rows).flat_map(|row| [row, end]).collect();
        let slow = checked(text.as_bytes(), 1);
        for at_once in [2, 7, 64, usize::MAX] {
            proptest::prop_assert_eq!(&checked(text.as_bytes(), at_once), &slow, "{:?}", text);
        }
    }
}
