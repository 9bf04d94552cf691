//! Columns as other programs write them, and tables that lie: times of every unit, views and dictionaries, no rows, other
//! marks and line ends, forged row groups. Read as what they are, or refused by file and column and never by a value, with
//! the folder as before (promises 2 and 8).

use crate::support;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::support::{population, sources, terms};
use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int32Array, Int64Array, LargeStringArray,
    RecordBatch, RecordBatchIterator, StringArray, StringViewArray, TimestampMicrosecondArray,
    TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray,
};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow_schema::Schema;
use hushtag::engine::{FileReport, Input, Sources};
use hushtag::operator::{Answer, Operator, OperatorError, Sealed};
use hushtag::storage::{Folder, Storage};
use parquet::arrow::ArrowWriter;
use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader, ParquetMetaDataWriter};
use parquet::file::properties::WriterProperties;

const CANARY: &str = "7777canary";

struct Case {
    home: tempfile::TempDir,
    operator: Operator,
}

impl Case {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let storage: Arc<dyn Storage> = Arc::new(Folder::create(&home.path().join("sandbox")).unwrap());
        let operator = support::init(storage, "20").unwrap();
        Self { home, operator }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> Input {
        fs::write(self.path(name), content).unwrap();
        Input::Path(self.path(name))
    }

    /// Seals 60 people, with these tables in the place of one dataset.
    fn seal(&self, epoch: &str, dataset: &str, tables: Vec<Input>) -> Result<Sealed, OperatorError> {
        let people = population(60, 3);
        let Sources { mut data, mut consents, .. } = sources(&people);
        if dataset == "consents" {
            consents = tables;
        } else {
            data.retain(|(name, _)| name.to_string() != dataset);
            data.extend(tables.into_iter().map(|table| (dataset.parse().unwrap(), table)));
        }
        self.operator.seal(&terms(epoch), Sources::new(data, consents))
    }

    /// The reports on these tables of a dataset.
    fn reports(&self, epoch: &str, dataset: &str, tables: Vec<Input>) -> Vec<FileReport> {
        let names: Vec<String> = tables.iter().map(Input::name).collect();
        let sealed = self.seal(epoch, dataset, tables).unwrap();
        sealed.hygiene.files.into_iter().filter(|file| names.contains(&file.file)).collect()
    }

    /// Rows that are used of one table; the others of it must be bad.
    fn used(&self, epoch: &str, dataset: &str, table: Input) -> u64 {
        let reports = self.reports(epoch, dataset, vec![table]);
        assert_eq!(reports.len(), 1);
        reports[0].used
    }

    /// Seals with tables that must be refused, with no word of a value, and leaves the folder as it was but for the entry of the log
    /// that says so.
    fn refused(&self, dataset: &str, tables: Vec<Input>) -> String {
        let kept = || ["epochs", "keys", "studies"].map(|part| files(&self.path("sandbox").join(part)));
        let before = kept();
        let error = self.seal("refused", dataset, tables).unwrap_err();
        assert!(!format!("{error:?} {error}").contains(CANARY), "{error:?}");
        assert!(kept() == before, "the folder changed after: {error}");
        error.to_string()
    }

    fn answers(&self) {
        let asked = support::analyst(&self.operator).ask(support::SOCIAL, None).unwrap();
        assert!(matches!(asked, Answer::Released(_)));
    }
}

/// Every file below a folder with its content.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.push((path.clone(), fs::read(path).unwrap()));
        }
    }
    all.sort();
    all
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

fn reader(name: &str, columns: Vec<(&str, ArrayRef)>) -> Input {
    let batch = batch(columns);
    let schema = batch.schema();
    Input::Reader(name.to_owned(), Box::new(RecordBatchIterator::new([Ok(batch)], schema)))
}

fn numbers(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

fn parquet(batches: &[&RecordBatch], schema: Arc<Schema>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut out, schema, None).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
        writer.flush().unwrap();
    }
    writer.close().unwrap();
    out
}

fn payments(amount: ArrayRef) -> RecordBatch {
    let rows = amount.len();
    let at: ArrayRef = Arc::new(TimestampSecondArray::from(vec![1_788_000_000; rows]).with_timezone("UTC"));
    let payer = numbers(&(0..i64::try_from(rows).unwrap()).collect::<Vec<_>>());
    batch(vec![("payer", payer), ("amount", amount), ("at", at)])
}

#[test]
fn instants_of_every_unit_are_read_from_the_first_to_the_last() {
    let case = Case::new();
    let ends = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX];
    let of = |name: &str, at: ArrayRef| {
        let rows = at.len();
        let amounts = numbers(&vec![5; rows]);
        reader(name, vec![("payer", numbers(&vec![1; rows])), ("amount", amounts), ("at", at)])
    };
    let zoned = |at: TimestampMicrosecondArray| Arc::new(at.with_timezone("+08:00")) as ArrayRef;
    let tables: [(&str, ArrayRef); 6] = [
        ("seconds", Arc::new(TimestampSecondArray::from(ends.to_vec()).with_timezone("UTC"))),
        ("milliseconds", Arc::new(TimestampMillisecondArray::from(ends.to_vec()).with_timezone("UTC"))),
        ("microseconds", Arc::new(TimestampMicrosecondArray::from(ends.to_vec()).with_timezone("UTC"))),
        ("nanoseconds", Arc::new(TimestampNanosecondArray::from(ends.to_vec()).with_timezone("UTC"))),
        ("zoned", zoned(TimestampMicrosecondArray::from(ends.to_vec()))),
        ("empty", Arc::new(TimestampNanosecondArray::from(Vec::<i64>::new()).with_timezone("UTC"))),
    ];
    for (name, at) in tables {
        let rows = at.len() as u64;
        assert_eq!(case.used(name, "payments", of(name, at)), rows, "{name}");
    }
    let words = ["1969-12-31T23:59:59Z", "0001-01-01T00:00:00+08:00", "99999-01-01T00:00:00Z", "soon"];
    let reports =
        case.reports("words", "payments", vec![of("words", Arc::new(StringArray::from(words.to_vec())))]);
    let dropped: Vec<_> = reports[0].dropped.iter().map(|(reason, rows)| (*reason, *rows)).collect();
    assert_eq!((reports[0].used, dropped), (2, vec![("not a time, such as 2015-11-19T18:40:39+08:00", 2)]));
    case.answers();
}

#[test]
fn views_dictionaries_and_large_text_are_the_text_that_they_spell() {
    let case = Case::new();
    let people = population(60, 3);
    let ids: Vec<String> = (0..8).map(|person| people.id(person)).collect();
    let words = || ids.iter().map(String::as_str);
    let columns: [(&str, ArrayRef); 5] = [
        ("text", Arc::new(words().map(Some).collect::<StringArray>())),
        ("large", Arc::new(words().map(Some).collect::<LargeStringArray>())),
        ("view", Arc::new(words().map(Some).collect::<StringViewArray>())),
        ("dictionary", Arc::new(words().collect::<DictionaryArray<Int32Type>>())),
        (
            "words",
            Arc::new(DictionaryArray::new(
                Int32Array::from((0..8).collect::<Vec<i32>>()),
                Arc::new(words().map(Some).collect::<LargeStringArray>()),
            )),
        ),
    ];
    for (name, owners) in columns {
        let targets = Arc::new(words().rev().map(Some).collect::<StringViewArray>());
        let table = reader(name, vec![("follower", owners.clone()), ("followee", targets)]);
        assert_eq!(case.used(name, "follows", table), 8, "{name}");
        let at: ArrayRef = Arc::new(StringViewArray::from(vec!["2026-09-01T00:00:00Z"; 8]));
        let amounts: ArrayRef = Arc::new(vec!["5"; 8].into_iter().collect::<DictionaryArray<Int32Type>>());
        let table = batch(vec![("payer", owners), ("amount", amounts), ("at", at)]);
        let table = case.write(&format!("{name}.parquet"), parquet(&[&table], table.schema()));
        assert_eq!(case.used(&format!("{name}-records"), "payments", table), 8, "{name}");
    }
}

#[test]
fn tables_without_rows_are_read_in_every_format() {
    let case = Case::new();
    let none = payments(numbers(&[]));
    let without_groups = parquet(&[], none.schema());
    let mut ipc = Vec::new();
    arrow_ipc::writer::FileWriter::try_new(&mut ipc, &none.schema()).unwrap().finish().unwrap();
    for (name, content) in [
        ("none.parquet", parquet(&[&none], none.schema())),
        ("without-groups.parquet", without_groups),
        ("none.arrow", ipc),
        ("none.csv", b"payer,amount,at".to_vec()),
    ] {
        let report = case.reports(&name.replace('.', "-"), "payments", vec![case.write(name, content)]);
        assert_eq!((report[0].rows, report[0].used), (0, 0), "{name}");
    }
    case.answers();
}

#[test]
fn text_files_of_other_programs_are_read() {
    let case = Case::new();
    let rows = "user,region\r\n1,east\r\n2,\"so,uth\"\r\n\"3\",\"w\"\"est\"\r\n4,\"a,b\"";
    for (name, content) in [
        ("bom.csv", format!("\u{feff}{rows}")),
        ("crlf.csv", rows.to_owned()),
        ("quoted.csv", rows.replacen("user", "\"user\"", 1)),
        ("bom-quoted.csv", format!("\u{feff}{}", rows.replacen("user", "\"user\"", 1))),
    ] {
        let report = case.reports(&name.replace('.', "-"), "members", vec![case.write(name, content)]);
        assert_eq!((report[0].rows, report[0].used), (4, 4), "{name}: {:?}", report[0].dropped);
    }
    // A line that ends inside a quote, bytes that are no text: no table.
    for (name, content) in [
        ("open.csv", format!("user,region\n{CANARY},\"east\n{CANARY},west,1\n").into_bytes()),
        ("latin.csv", [b"user,region\n", CANARY.as_bytes(), b",s\xfcd\n"].concat()),
        ("zeros.csv", vec![0; 4_096]),
    ] {
        let message = case.refused("members", vec![case.write(name, content)]);
        assert!(message.starts_with(name), "{message}");
    }
}

/// Every compression that other programs write, in Parquet and in both forms of Arrow IPC, is read as the same rows.
#[test]
fn compressed_columns_are_read() {
    let case = Case::new();
    let amounts: Vec<i64> = (0..2_000).collect();
    let table = payments(numbers(&amounts));
    for (name, compression) in [
        ("gzip", Compression::GZIP(GzipLevel::default())),
        ("brotli", Compression::BROTLI(BrotliLevel::default())),
        ("lz4", Compression::LZ4_RAW),
        ("lz4-hadoop", Compression::LZ4),
        ("zstd", Compression::ZSTD(ZstdLevel::default())),
        ("snappy", Compression::SNAPPY),
    ] {
        let properties = WriterProperties::builder().set_compression(compression).build();
        let mut content = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut content, table.schema(), Some(properties)).unwrap();
        writer.write(&table).unwrap();
        writer.close().unwrap();
        let chunk = metadata(&content).row_group(0).column(1).compression();
        assert_eq!(chunk, compression, "{name}");
        let input = case.write(&format!("{name}.parquet"), content);
        assert_eq!(case.used(name, "payments", input), 2_000, "{name}");
    }
    for (name, compression) in [("ipc-lz4", CompressionType::LZ4_FRAME), ("ipc-zstd", CompressionType::ZSTD)]
    {
        let options = IpcWriteOptions::default().try_with_compression(Some(compression)).unwrap();
        let (mut file, mut stream) = (Vec::new(), Vec::new());
        let mut writer =
            FileWriter::try_new_with_options(&mut file, &table.schema(), options.clone()).unwrap();
        writer.write(&table).unwrap();
        writer.finish().unwrap();
        let mut writer = StreamWriter::try_new_with_options(&mut stream, &table.schema(), options).unwrap();
        writer.write(&table).unwrap();
        writer.finish().unwrap();
        for (form, content) in [("file", file), ("stream", stream)] {
            let input = case.write(&format!("{name}-{form}.arrow"), content);
            assert_eq!(case.used(&format!("{name}-{form}"), "payments", input), 2_000, "{name} {form}");
        }
    }
}

/// An IPC stream from a pipe decodes the declared columns alone: an undeclared one of bytes that are no text does no harm.
#[test]
fn undeclared_columns_of_a_piped_stream_are_not_decoded() {
    let case = Case::new();
    let good = payments(numbers(&[1, 2, 3]));
    let stream = |note: &str| {
        let notes: ArrayRef = Arc::new(StringArray::from(vec![note; 3]));
        let mut columns: Vec<(&str, ArrayRef)> =
            ["payer", "amount", "at"].into_iter().zip(good.columns().iter().cloned()).collect();
        columns.push(("note", notes));
        let table = batch(columns);
        let mut content = Vec::new();
        let mut writer = StreamWriter::try_new(&mut content, &table.schema()).unwrap();
        writer.write(&table).unwrap();
        writer.finish().unwrap();
        content
    };
    let mut bad = stream(CANARY);
    let places: Vec<usize> = bad
        .windows(CANARY.len())
        .enumerate()
        .filter(|(_, at)| *at == CANARY.as_bytes())
        .map(|(at, _)| at)
        .collect();
    assert_eq!(places.len(), 3);
    for at in places {
        bad[at] = 0xff;
    }
    let input = Input::Stream("piped".into(), Box::new(std::io::Cursor::new(bad)));
    let report = &case.reports("piped", "payments", vec![input])[0];
    assert_eq!((report.used, &report.undeclared_columns), (3, &vec!["note".to_owned()]));
}

fn metadata(content: &[u8]) -> ParquetMetaData {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    ParquetMetaDataReader::new().parse_and_finish(&file).unwrap()
}

/// A file whose second row group is another file's: its pages and its columns are of that file's types, the schema is of
/// the first.
fn forged(first: &[u8], second: &[u8]) -> Vec<u8> {
    let (one, other) = (metadata(first), metadata(second));
    let mut out = first.to_vec();
    let shift = i64::try_from(out.len()).unwrap();
    out.extend_from_slice(second);
    let group = other.row_group(0);
    let columns = group.columns().iter().map(|column| {
        let builder = column.clone().into_builder();
        let builder = builder.set_data_page_offset(column.data_page_offset() + shift);
        let dictionary = column.dictionary_page_offset().map(|offset| offset + shift);
        let builder = builder.set_dictionary_page_offset(dictionary);
        let builder = builder.set_column_index_offset(None).set_column_index_length(None);
        builder.set_offset_index_offset(None).set_offset_index_length(None).build().unwrap()
    });
    let moved = group.clone().into_builder().set_column_metadata(columns.collect()).build().unwrap();
    let all = one.into_builder().add_row_group(moved).build();
    ParquetMetaDataWriter::new(&mut out, &all).finish().unwrap();
    out
}

#[test]
fn row_groups_that_disagree_in_type_are_damage_or_whole_numbers() {
    let case = Case::new();
    let whole = |table: &RecordBatch| parquet(&[table], table.schema());
    let good = payments(numbers(&[1, 2, 3]));
    // Forged of one type, it is a good file: the forgery itself is not what is refused.
    let report = case.reports(
        "same",
        "payments",
        vec![case.write("same.parquet", forged(&whole(&good), &whole(&good)))],
    );
    assert_eq!((report[0].rows, report[0].used), (6, 6));
    // The decoder does not compare the types of a row group with the schema. Pages that are too short for what the schema
    // says are damage; the bytes of others are numbers, as if anyone who forged them had written those numbers.
    let others: [(&str, ArrayRef, bool); 4] = [
        ("halves.parquet", Arc::new(Int32Array::from(vec![1, 2, 3])), true),
        ("flags.parquet", Arc::new(BooleanArray::from(vec![true; 3])), true),
        ("floats.parquet", Arc::new(Float64Array::from(vec![1.0, 2.5, 3.0])), false),
        ("words.parquet", Arc::new(StringArray::from(vec![CANARY; 3])), false),
    ];
    for (name, amounts, is_damage) in others {
        let bad = payments(amounts);
        let table = case.write(name, forged(&whole(&good), &whole(&bad)));
        if is_damage {
            let message = case.refused("payments", vec![table]);
            assert!(message.starts_with(&format!("{name}: damaged or not Parquet")), "{message}");
        } else {
            let report = &case.reports(&name.replace('.', "-"), "payments", vec![table])[0];
            let dropped: u64 = report.dropped.values().sum();
            assert_eq!((report.rows, report.used + dropped), (6, 6), "{name}");
        }
    }
}
