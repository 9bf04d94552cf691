//! Bad input is distinguished and explained: the message names file, row or column and what is wrong, never a value, and the
//! folder is byte for byte as before (promises 2 and 8).

use crate::support;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::support::{CHEAP, FixedClock, RECIPIENT, STUDY, as_of, population, setup};
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, DictionaryArray, Float64Array, Int64Array, LargeStringArray, RecordBatch, RecordBatchIterator,
    StringArray, TimestampNanosecondArray, UInt64Array,
};
use hushtag::engine::{EngineError, Input, ReadError, Reading, Sources};
use hushtag::operator::{Answer, Operator, OperatorError, SealTerms, Sealed, StudySource};
use hushtag::storage::{Folder, LockError};
use hushtag::types::{DatasetName, EpochId, RecipientId, StudyId, Timestamp};
use hushtag_population::Files;

/// Planted in ids, words and amounts of bad rows; no message may hold it.
const CANARY: &str = "7777canary";

struct Case {
    home: tempfile::TempDir,
    operator: Operator,
    files: Files,
}

fn terms(epoch: &str) -> SealTerms {
    SealTerms::new(EpochId::new(epoch).unwrap(), as_of())
}

fn init(dir: &Path, study: &str) -> Result<Operator, OperatorError> {
    let setup = setup("4").with_studies(vec![StudySource::new("study.toml", study)]);
    let keys = hushtag::operator::Keys::InFolder;
    Operator::init(dir, setup, keys, Box::new(FixedClock::default())).map(Operator::without_response_slot)
}

/// Every file below `folder` with its content.
fn snapshot(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                all.insert(path.clone(), Vec::new());
                open.push(path);
            } else {
                all.insert(path.clone(), fs::read(path).unwrap());
            }
        }
    }
    all
}

fn path(text: &Path) -> Input {
    Input::Path(text.to_owned())
}

fn reader(name: &str, columns: Vec<(&str, ArrayRef)>) -> Input {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let schema = batch.schema();
    Input::Reader(name.to_owned(), Box::new(RecordBatchIterator::new([Ok(batch)], schema)))
}

impl Case {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let operator = init(&home.path().join("sandbox"), STUDY).unwrap();
        let files = population(60, 3).write_csv(&home.path().join("input")).unwrap();
        Self { home, operator, files }
    }

    fn sandbox(&self) -> PathBuf {
        self.home.path().join("sandbox")
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> Input {
        let place = self.home.path().join(name);
        fs::write(&place, content).unwrap();
        path(&place)
    }

    /// The good files, but `bad` in the place of one of them.
    fn sources(&self, dataset: &str, bad: Input) -> Sources {
        let tables = [
            ("follows", &self.files.follows),
            ("payments", &self.files.payments),
            ("members", &self.files.members),
        ];
        let mut bad = Some(bad);
        let mut choose = |name: &str, good: &PathBuf| {
            if name == dataset { bad.take().unwrap() } else { path(good) }
        };
        let consents = vec![choose("consents", &self.files.consents)];
        let data = tables.map(|(name, good)| (DatasetName::new(name).unwrap(), choose(name, good)));
        Sources::new(data.into(), consents)
    }

    fn seal(&self, dataset: &str, input: Input) -> Result<Sealed, OperatorError> {
        self.operator.seal(&terms("autumn"), self.sources(dataset, input))
    }

    /// Everything in the sandbox but the log, which says of each seal that it failed.
    fn kept(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut all = snapshot(&self.sandbox());
        all.retain(|path, _| !path.starts_with(self.sandbox().join("log")));
        all
    }

    /// Seals with `bad` in one place, which must fail, say exactly `message`, and leave everything as it was.
    fn refuses(&self, dataset: &str, bad: Input, message: &str) -> OperatorError {
        let before = self.kept();
        let error = self.seal(dataset, bad).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert!(!format!("{error:?}").contains(CANARY), "{error:?}");
        assert!(self.kept() == before, "the folder changed after: {message}");
        error
    }
}

fn read_error(error: OperatorError) -> ReadError {
    match error {
        OperatorError::Engine(EngineError::Read(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_missing_or_doubled_column_is_named() {
    let case = Case::new();
    let bad = case.write("bad.csv", format!("payer,amont,at\n{CANARY},5,2026-09-01T00:00:00Z\n"));
    let message = "bad.csv: column `amount` is missing; did you mean `amont`?";
    assert!(matches!(read_error(case.refuses("payments", bad, message)), ReadError::MissingColumn { .. }));
    let bad = case.write("twice.csv", format!("user,region,region\n{CANARY},east,west\n"));
    let error = case.refuses("members", bad, "twice.csv: column `region` occurs twice");
    assert!(matches!(read_error(error), ReadError::DuplicateColumn { .. }));
    let bad = case.write("events.csv", format!("person,event,purpose,recipient,at\n{CANARY},given,,,\n"));
    case.refuses("consents", bad, "events.csv: column `trigger` is missing");
}

const EMPTY: &str = "the file is empty; a table without rows has a header, and JSON without records is `[]`";

#[test]
fn a_file_without_rows_is_fine_and_one_without_a_header_is_not() {
    let case = Case::new();
    let bad = case.write("void.csv", "");
    case.refuses("follows", bad, &format!("void.csv: {EMPTY}"));
    let sealed = case.seal("follows", case.write("none.csv", "follower,followee\n")).unwrap();
    assert_eq!(sealed.hygiene.files.iter().find(|file| file.file == "none.csv").unwrap().rows, 0);
}

#[test]
fn damaged_files_are_called_damaged() {
    let case = Case::new();
    let good = population(60, 3).write_parquet(&case.home.path().join("parquet")).unwrap();
    let whole = fs::read(&good.payments).unwrap();
    let half = case.write("half.parquet", whole.get(..whole.len() / 2).unwrap());
    let error = case.refuses("payments", half, "half.parquet: damaged or not Parquet");
    assert!(matches!(read_error(error), ReadError::Damaged { .. }));
    let mut torn = whole.clone();
    // The footer is whole, a page in the middle is not.
    torn.iter_mut().skip(whole.len() / 4).take(64).for_each(|byte| *byte = !*byte);
    let torn = case.write("torn.parquet", torn);
    case.refuses("payments", torn, "torn.parquet: damaged or not Parquet (near row 0)");
    case.refuses("payments", case.write("void.parquet", ""), &format!("void.parquet: {EMPTY}"));
    case.refuses("payments", case.write("text.arrow", CANARY), "text.arrow: damaged or not Arrow IPC");
    let latin = [b"user,region\n".as_slice(), CANARY.as_bytes(), b",s\xfcd\n"].concat();
    let message =
        "latin.csv: line 2: not UTF-8; declare the file's encoding, such as `encoding = \"gb18030\"`";
    case.refuses("members", case.write("latin.csv", latin), message);
    let ragged = format!("user,region\n{CANARY},east,{CANARY}\n");
    let message = "ragged.csv: line 2: 3 cells, the header has 2";
    case.refuses("members", case.write("ragged.csv", ragged), message);
}

#[test]
fn what_is_not_a_file_is_not_opened() {
    let case = Case::new();
    let error =
        case.refuses("follows", path(&case.home.path().join("absent.csv")), "absent.csv: cannot be opened");
    assert!(matches!(read_error(error), ReadError::Open { .. }));
    let error = case.refuses(
        "follows",
        case.write("list.xlsx", "PK"),
        "list.xlsx: unknown format: use .parquet, .csv, .tsv or .arrow",
    );
    assert!(matches!(read_error(error), ReadError::UnknownFormat { .. }));
}

#[test]
fn datasets_are_those_of_the_study() {
    let case = Case::new();
    let before = case.kept();
    let mut more = case.sources("follows", path(&case.files.follows));
    more.data.push((DatasetName::new("folows").unwrap(), path(&case.files.follows)));
    let error = case.operator.seal(&terms("autumn"), more).unwrap_err();
    assert!(matches!(error, OperatorError::Engine(EngineError::UnknownDataset { .. })));
    assert_eq!(error.to_string(), "no study declares a dataset `folows`: did you mean `follows`?");
    let mut fewer = case.sources("follows", path(&case.files.follows));
    fewer.data.pop();
    let error = case.operator.seal(&terms("autumn"), fewer).unwrap_err();
    assert!(matches!(error, OperatorError::Engine(EngineError::MissingDataset { .. })));
    assert_eq!(error.to_string(), "no file for dataset `members`");
    assert!(case.kept() == before);
}

#[test]
fn bad_rows_are_counted_and_too_many_stop_the_seal() {
    let case = Case::new();
    let rows = format!(
        "payer,amount,at\n{CANARY},-5,2026-09-01T00:00:00Z\n,5,2026-09-01T00:00:00Z\n1,{CANARY},2026-09-01T00:00:00Z\n\
         2,5,2026-09-01T00:00:00\n3,,2026-09-01T00:00:00Z\n4,5,{CANARY}\n5,9223372036854775808,2026-09-01T00:00:00Z\n"
    );
    let message = "bad.csv: 7 of 7 rows are bad, more than the allowed 0.1 %; the first: \
                   row 1, column `amount`: below zero; row 2, column `payer`: no owner; \
                   row 3, column `amount`: not a whole number; \
                   row 4, column `at`: no UTC offset; declare `timezone`; row 5, column `amount`: empty";
    let error = case.refuses("payments", case.write("bad.csv", &rows), message);
    assert!(matches!(error, OperatorError::Engine(EngineError::BadRows { bad: 7, rows: 7, .. })));
    let reading = Reading::default().with_max_bad_rows("100".parse().unwrap());
    let lenient = terms("autumn").with_reading(reading);
    let sources = case.sources("payments", case.write("bad.csv", &rows));
    let sealed = case.operator.seal(&lenient, sources).unwrap();
    let file = sealed.hygiene.files.iter().find(|file| file.file == "bad.csv").unwrap();
    let expected = [("below zero", 1), ("empty", 1), ("no owner", 1), ("not a whole number", 1)];
    let expected = expected
        .into_iter()
        .chain([
            ("an amount beyond 64 bits", 1),
            ("no UTC offset; declare `timezone`", 1),
            ("not a time, such as 2015-11-19T18:40:39+08:00", 1),
        ])
        .collect();
    assert_eq!((&file.dropped, file.used), (&expected, 0));
}

/// Ids as a spreadsheet, a keyboard or another program spoils them are bad rows of every table, also in a column that names
/// other people; in a file of consents they stop the seal.
#[test]
fn ids_that_can_never_meet_are_bad_rows() {
    let case = Case::new();
    let spoilt = [
        ("7777canary\t", "id with blanks or control characters"),
        ("\u{200b}7777canary", "id with a character of no width"),
        ("７777", "id in full-width characters or other digits than 0 to 9"),
        ("'7777canary", "id in quotes"),
        ("7.777E+03", "id written as a floating-point number or with separators: export it as text"),
        ("7777.0", "id written as a floating-point number or with separators: export it as text"),
        ("NULL", "a word for a missing value"),
        (
            "+8613800007777",
            "phone number with a country prefix, blanks or dashes: declare `form = \"cn-mobile\"`",
        ),
    ];
    let consents = fs::read_to_string(&case.files.consents).unwrap();
    let (header, rest) = consents.split_once('\n').unwrap();
    let first = rest.lines().next().unwrap();
    let person = header.split(',').position(|column| column == "person").unwrap();
    for (id, reason) in spoilt {
        let with_id = |line: &str| {
            let mut cells: Vec<&str> = line.split(',').collect();
            cells[person] = id;
            cells.join(",")
        };
        for (dataset, column, text) in [
            ("payments", "payer", format!("payer,amount,at\n{id},5,2026-09-01T00:00:00Z\n")),
            ("members", "user", format!("user,region\n{id},east\n")),
            ("follows", "follower", format!("follower,followee\n{id},1\n")),
            ("follows", "followee", format!("follower,followee\n1,{id}\n")),
            ("consents", "person", format!("{header}\n{}\n", with_id(first))),
        ] {
            let before = case.kept();
            let error = case.seal(dataset, case.write("bad.csv", text)).unwrap_err().to_string();
            assert!(error.contains(&format!("row 1, column `{column}`: {reason}")), "{dataset}: {error}");
            assert!(!error.contains("7777"), "{error}");
            assert!(case.kept() == before);
        }
    }
}

/// One row of consents that is no one's may be a withdrawal: it stops seal and check among however many others, whatever is
/// allowed elsewhere, as does a line that is damaged.
#[test]
fn a_consent_that_is_no_ones_stops_whatever_is_allowed() {
    let case = Case::new();
    let text = fs::read_to_string(&case.files.consents).unwrap();
    let (header, rows) = text.split_once('\n').unwrap();
    let columns: Vec<&str> = header.split(',').collect();
    let place = |name: &str| columns.iter().position(|column| *column == name).unwrap();
    let lines: Vec<&str> = rows.lines().collect();
    let many = lines.len() * 20;
    let with = |column: &str, cell: &str| {
        let mut cells: Vec<&str> = lines[0].split(',').collect();
        cells[place(column)] = cell;
        cells[place("event")] = "withdrawn";
        format!("{header}\n{}{}\n", rows.repeat(20), cells.join(","))
    };
    let reading = || Reading::default().with_max_bad_rows("100".parse().unwrap());
    for (column, cell, reason) in [
        ("person", "", "no person"),
        ("person", " ", "id with blanks or control characters"),
        ("person", "n/a", "a word for a missing value"),
        ("ids", "7777canary", "not a namespace of the study"),
        ("ids", "*", "not a namespace of the study"),
        ("ids", "phone|card", "not a namespace of the study"),
    ] {
        let message = format!(
            "bad.csv: 1 of {} rows cannot be attributed to a person, and one may be a withdrawal; the first: row {}, \
             column `{column}`: {reason}",
            many + 1,
            many + 1
        );
        let input = || case.write("bad.csv", with(column, cell));
        let sources = case.sources("consents", input());
        let checked = case.operator.check_sources(as_of(), &reading(), sources).unwrap_err();
        assert_eq!(checked.to_string(), message);
        let lenient = terms("autumn").with_reading(reading());
        let sealed = case.operator.seal(&lenient, case.sources("consents", input())).unwrap_err();
        assert_eq!(sealed.to_string(), message);
        case.refuses("consents", input(), &message);
    }
    // A blank cell is of the only namespace, and a namespace may be spelled in any case.
    for cell in ["", " ", "PHONE"] {
        let sources = case.sources("consents", case.write("good.csv", with("ids", cell)));
        case.operator.check_sources(as_of(), &Reading::default(), sources).unwrap();
    }
    for (line, found) in
        [(CANARY, "1 cell"), (&format!("\"{CANARY}\"x,"), "after the quote"), ("\"7777canary", "quote")]
    {
        let bad = case.write("cut.csv", format!("{header}\n{rows}{line}\n{rows}"));
        let before = case.kept();
        let error = case.seal("consents", bad).unwrap_err().to_string();
        let number = format!("line {}", lines.len() + 2);
        assert!(error.starts_with("cut.csv: ") && error.contains(found), "{error}");
        assert!(error.replace(',', "").contains(&number) && !error.contains("7777"), "{error}");
        assert!(case.kept() == before);
    }
}

/// A number that lacks a digit, or a country prefix that other rows of the file have not, is found from the file alone, in
/// either type of column; a study that says `as-is` means what it says.
#[test]
fn ids_unlike_almost_all_others_of_their_file_are_bad_rows() {
    let phones = |odd: i64| (0..1_000).map(move |n| if n < 8 { odd } else { 13_800_000_000 + n });
    let payments = |ids: Vec<i64>, as_text: bool| {
        let payer: ArrayRef = match as_text {
            true => Arc::new(ids.iter().map(|id| Some(id.to_string())).collect::<StringArray>()),
            false => Arc::new(Int64Array::from(ids.clone())),
        };
        let amount: ArrayRef = Arc::new(Int64Array::from(vec![5; ids.len()]));
        let at: ArrayRef = Arc::new(StringArray::from(vec!["2026-09-01T00:00:00Z"; ids.len()]));
        reader("batch", vec![("payer", payer), ("amount", amount), ("at", at)])
    };
    let case = Case::new();
    for as_text in [false, true] {
        for (odd, reason) in [
            (1_380_000_777, "number of another length than 99 of 100 ids of the file"),
            (
                8_613_800_007_777,
                "ids with and without a country prefix in one file: declare the form of the namespace",
            ),
        ] {
            let message = format!(
                "batch: 8 of 1000 rows are bad, more than the allowed 0.1 %; the first: row 1, column `payer`: {reason}"
            );
            case.refuses("payments", payments(phones(odd).collect(), as_text), &message);
        }
    }
    case.seal("payments", payments((9_500..10_500).collect(), true)).unwrap();
    let study = format!("{STUDY}\n[ids.phone]\nform = \"as-is\"\n");
    let home = tempfile::tempdir().unwrap();
    let case = Case {
        operator: init(&home.path().join("sandbox"), &study).unwrap(),
        home,
        files: case.files.clone(),
    };
    case.seal("payments", payments(phones(1_380_000_777).collect(), true)).unwrap();
}

/// People who could never join are no longer "used, 0 bad" without a word: seen from the shapes of each file's ids.
#[test]
fn columns_of_ids_that_can_never_meet_are_noted() {
    let case = Case::new();
    let payments = |payer: ArrayRef| {
        let rows = payer.len();
        let amount: ArrayRef = Arc::new(Int64Array::from(vec![5; rows]));
        let at: ArrayRef = Arc::new(StringArray::from(vec!["2026-09-01T00:00:00Z"; rows]));
        reader("batch", vec![("payer", payer), ("amount", amount), ("at", at)])
    };
    let numbers = |ids: &[i64]| -> ArrayRef { Arc::new(Int64Array::from(ids.to_vec())) };
    let words = |ids: &[&str]| -> ArrayRef { Arc::new(StringArray::from(ids.to_vec())) };
    let notes = |payer: ArrayRef| -> Vec<String> {
        let sources = case.sources("payments", payments(payer));
        let hygiene =
            case.operator.check_sources(terms("autumn").as_of, &Reading::default(), sources).unwrap();
        let reported = |note: &&String| {
            note.contains("one person would be two") || note.contains("One person would be two")
        };
        hygiene.files.iter().flat_map(|file| file.notes.iter().filter(reported).cloned()).collect()
    };
    let usual = [13_800_000_000, 13_800_000_001];
    assert_eq!(notes(numbers(&usual)), Vec::<String>::new());
    assert_eq!(notes(words(&["13800000000", "13800000001"])), Vec::<String>::new());
    // Even one that can be is enough: a company may well have other customers.
    assert_eq!(notes(words(&["13800000000", "u1", "42"])), Vec::<String>::new());
    for (spoilt, here) in [
        (words(&["013800000000", "013800000001"]), "mobile numbers after a prefix here"),
        (words(&["008613800000000"]), "mobile numbers after a prefix here"),
        (words(&["8613800000000"]), "mobile numbers after a prefix here"),
        (numbers(&[138_000_000, 1_380_000_001]), "9 to 10 digits here"),
        (words(&["u13800000000"]), "other texts here"),
    ] {
        let notes = notes(spoilt);
        assert!(
            notes
                .iter()
                .any(|note| note.contains("no id of column `payer` can be one of column `")
                    && note.contains(here)),
            "{here}: {notes:?}"
        );
    }
    // Zeros that a program took away, though some ids have all their digits.
    let notes = notes(words(&["00000000042", "13800000000"]));
    assert_eq!(notes, Vec::<String>::new(), "no other file has shorter ids");
}

#[test]
fn columns_of_another_type_are_refused_and_those_of_a_like_type_are_read() {
    let case = Case::new();
    let payments = |payer: ArrayRef, amount: ArrayRef, at: ArrayRef| {
        reader("batch", vec![("payer", payer), ("amount", amount), ("at", at)])
    };
    let words = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text, text])) };
    let at = || words("2026-09-01T00:00:00Z");
    let numbers = || -> ArrayRef { Arc::new(Int64Array::from(vec![5, 6])) };
    let floats = || -> ArrayRef { Arc::new(Float64Array::from(vec![1.0, 2.5])) };
    for (bad, message) in [
        (
            payments(floats(), numbers(), at()),
            "column `payer` is Float64, but ids are text or whole numbers: floating-point numbers lose digits, so export \
             it as text or integers",
        ),
        (
            payments(numbers(), floats(), at()),
            "column `amount` is Float64, but floating-point numbers are not exact: export decimals or text, or declare \
             `scale` and `from_float = true`, which refuses what is not within a millionth of a minor unit",
        ),
        (
            payments(numbers(), numbers(), numbers()),
            "column `at` is Int64, but times are timestamps, dates, or text such as 2015-11-19T18:40:39+08:00",
        ),
    ] {
        let error = case.refuses("payments", bad, &format!("batch: {message}"));
        assert!(matches!(read_error(error), ReadError::WrongType { .. }));
    }
    let large: ArrayRef = Arc::new(LargeStringArray::from(vec!["1", "2"]));
    let dictionary: ArrayRef = Arc::new(["5", "5"].into_iter().collect::<DictionaryArray<Int32Type>>());
    let nanoseconds: ArrayRef =
        Arc::new(TimestampNanosecondArray::from(vec![-1, i64::MIN]).with_timezone("UTC"));
    let sealed = case.seal("payments", payments(large, dictionary, nanoseconds)).unwrap();
    let file = sealed.hygiene.files.iter().find(|file| file.file == "batch").unwrap();
    assert_eq!((file.rows, file.used), (2, 2));
}

#[test]
fn a_number_beyond_the_range_is_a_bad_row_and_not_an_empty_one() {
    let case = Case::new();
    let words = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text])) };
    let amount: ArrayRef = Arc::new(UInt64Array::from(vec![u64::MAX]));
    let columns = vec![("payer", words("1")), ("amount", amount), ("at", words("2026-09-01T00:00:00Z"))];
    let message = "batch: 1 of 1 rows are bad, more than the allowed 0.1 %; the first: \
                   row 1, column `amount`: an amount beyond 64 bits";
    case.refuses("payments", reader("batch", columns), message);
}

#[test]
fn the_largest_amounts_do_not_overflow() {
    let case = Case::new();
    let payers: ArrayRef = Arc::new(StringArray::from(vec![population(60, 3).id(0); 40]));
    let at: ArrayRef = Arc::new(StringArray::from(vec!["2026-09-01T00:00:00Z"; 40]));
    let amounts: ArrayRef = Arc::new(UInt64Array::from(vec![i64::MAX.unsigned_abs(); 40]));
    case.seal("payments", reader("batch", vec![("payer", payers), ("amount", amounts), ("at", at)])).unwrap();
    let question = "SELECT region, SUM(spend) FROM tags GROUP BY region";
    assert!(matches!(support::analyst(&case.operator).ask(question, None).unwrap(), Answer::Released(_)));
}

#[test]
fn duplicates_self_follows_and_no_one_at_all_are_no_errors() {
    let case = Case::new();
    let rows = "follower,followee\n".to_owned() + &"1,2\n".repeat(500) + "3,3\n";
    let sealed = case.seal("follows", case.write("same.csv", rows)).unwrap();
    let file = sealed.hygiene.files.iter().find(|file| file.file == "same.csv").unwrap();
    assert_eq!((file.rows, file.used, file.duplicates, file.self_follows), (501, 1, 499, 1));

    let case = Case::new();
    let header = "person,event,trigger,purpose,recipient,at\n";
    case.seal("consents", case.write("no-one.csv", header)).unwrap();
    let Answer::Released(released) = support::analyst(&case.operator).ask(CHEAP, None).unwrap() else {
        panic!("the question is in the language");
    };
    let width = i128::from(released.parts[0].half_width);
    let noisy = released.rows.iter().flat_map(|row| &row.cells).map(|cell| cell.noisy.unwrap());
    assert!(noisy.into_iter().all(|noisy| noisy.abs() <= 3 * width));
}

#[test]
fn an_epoch_is_sealed_once_and_not_before_its_day() {
    let case = Case::new();
    case.seal("follows", path(&case.files.follows)).unwrap();
    let error = case.refuses(
        "follows",
        path(&case.files.follows),
        "epoch `autumn` is already sealed, and an epoch is sealed once",
    );
    assert!(matches!(error, OperatorError::EpochExists(_)));
    let before = snapshot(&case.sandbox());
    let later = Timestamp::parse("2026-10-03T00:00:00Z").unwrap();
    let future = SealTerms::new(terms("winter").epoch, later);
    let error = case.operator.seal(&future, case.sources("follows", path(&case.files.follows))).unwrap_err();
    assert!(matches!(error, OperatorError::Future(_)));
    assert_eq!(error.to_string(), "as-of 2026-10-03T00:00:00Z lies in the future");
    assert!(snapshot(&case.sandbox()) == before);
}

#[test]
fn no_one_answers_before_a_seal_or_under_an_unknown_name() {
    let case = Case::new();
    let before = snapshot(&case.sandbox());
    let analyst = support::analyst(&case.operator);
    let error = analyst.ask(CHEAP, None).unwrap_err();
    assert_eq!(error.to_string(), "no epoch is sealed yet under study `small`");
    let recipient = |name: &str| RecipientId::new(name).unwrap();
    let error = case.operator.analyst(&recipient("brand"), None).err().unwrap();
    assert_eq!(error.to_string(), format!("unknown recipient `brand`: there are {RECIPIENT}"));
    let error =
        case.operator.analyst(&recipient(RECIPIENT), Some(&StudyId::new("smal").unwrap())).err().unwrap();
    assert_eq!(error.to_string(), "unknown study `smal`: there are small");
    assert!(snapshot(&case.sandbox()) == before, "an unknown name is not logged");

    case.seal("follows", path(&case.files.follows)).unwrap();
    let error = analyst.ask(CHEAP, Some(&EpochId::new("spring").unwrap())).unwrap_err();
    assert!(matches!(error, OperatorError::Unknown { kind: "epoch", .. }));
    assert_eq!(error.to_string(), "unknown epoch `spring`: there are autumn");
}

#[test]
fn a_broken_study_makes_no_folder() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("sandbox");
    let dropped = STUDY.replace("fields = { region = \"text\"", "fields = { area = \"text\"");
    // No measure reads the relation's contributions here, so nothing but the number itself is wrong.
    let own = STUDY.replace("role = \"audience\", mean = \"spend\"", "role = \"own\", size = true");
    let own = own.replace("role = \"audience\"", "role = \"own\"");
    assert!(!own.contains("role = \"audience\""));
    let endless = own.replace("max_reach = 2", "max_reach = 0");
    assert!(dropped != STUDY && endless != own);
    for (study, what) in [
        (dropped.as_str(), "unknown field of a people dataset `members.region`"),
        (endless.as_str(), "max_reach 0 is not between 1 and 1000000"),
    ] {
        let error = init(&dir, study).err().unwrap();
        assert!(matches!(error, OperatorError::Study(_)));
        assert!(error.to_string().starts_with("study.toml:") && error.to_string().contains(what), "{error}");
        assert!(!dir.exists());
    }
}

#[test]
fn a_symlink_is_no_sandbox_and_an_open_one_is_held() {
    let case = Case::new();
    let link = case.home.path().join("link");
    std::os::unix::fs::symlink(case.sandbox(), &link).unwrap();
    let before = snapshot(&case.sandbox());
    let open = |dir: &Path| {
        let clock = Box::new(FixedClock::default());
        Operator::open(dir, hushtag::operator::Keys::InFolder, clock, std::time::Duration::ZERO)
    };
    let error = open(&link).err().unwrap();
    assert!(matches!(error, OperatorError::Storage(_)), "{error:?}");
    assert!(init(&link, STUDY).is_err());
    let error = open(&case.sandbox()).err().unwrap();
    assert!(matches!(error, OperatorError::Lock(LockError::Held { .. })), "{error:?}");
    assert!(Folder::open(&link).is_err());
    assert!(snapshot(&case.sandbox()) == before);
}

/// Without a smallest number of people no group is suppressed, also where the noise is below zero.
#[test]
fn a_study_may_suppress_nothing() {
    let home = tempfile::tempdir().unwrap();
    let study = STUDY.replace("min_people = 5", "min_people = 0");
    let operator = init(&home.path().join("box"), &study).unwrap();
    operator.seal(&support::terms("e1"), support::sources(&population(2, 1))).unwrap();
    let question =
        "SELECT spend_tier, region, list_size, COUNT(*) FROM tags GROUP BY spend_tier, region, list_size";
    let Answer::Released(answer) = support::analyst(&operator).ask(question, None).unwrap() else {
        panic!("the question is in the language");
    };
    // Forty cells of noise around zero: all of them are above it once in 2^40 times.
    assert!(answer.rows.len() == 40 && answer.rows.iter().all(|row| !row.suppressed && row.cells.len() == 1));
    assert!(answer.rows.iter().any(|row| row.cells[0].noisy.unwrap() < 0));
}
