//! Consents in JSON: any bytes. The oracle is `serde_json::Value` and a slow rule for the rows of a record.

use std::collections::BTreeSet;
use std::io::Cursor;

use arrow_array::{Array, ArrayRef, StringArray};
use hushtag::consent::{COLUMNS, ConsentColumns, DOCUMENT, OTHER_EVENT, TERMS};
use hushtag::engine::Input;
use hushtag::engine::read::{Use, Wanted, open};
use hushtag::types::folded_word;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// The paths that are read, and the columns that they are.
const PATHS: [(&str, &str); 8] = [
    ("who", "person"),
    ("subject.id", "person"),
    ("when", "at"),
    ("choices.id", "purpose"),
    ("choices.state", "event"),
    ("state", "event"),
    ("data.kind", "categories"),
    ("how", "methods"),
];
/// Names that are ignored, with what lies below them.
const IGNORED: [&str; 2] = ["note", "choices.note"];
/// Where the records are in the second reading.
const RECORDS: &str = "items";
/// Why a text is refused that the oracle reads: bounds.
const STRICTER: [&str; 4] = [" deep in each other", "more than", "not UTF-8", "cannot be read"];

/// One row: the text of each column that has one.
type Cells = Vec<Option<String>>;

fn columns(records: Option<&str>) -> ConsentColumns {
    let columns = ConsentColumns::new(PATHS.map(|(path, column)| (column, path)), IGNORED);
    columns.expect("the paths are those of a consent table").with_records(records.map(str::to_owned))
}

/// The rows as the reader delivers them.
fn read(data: &[u8], columns: &ConsentColumns) -> Result<Vec<Cells>, String> {
    let input = Input::Stream("consents.json".into(), Box::new(Cursor::new(data.to_vec())));
    let wanted = COLUMNS.map(|column| Wanted { column, used: Use::Consent { columns, required: false } });
    let mut table = open(input, &wanted).map_err(|error| error.to_string())?;
    let mut rows = Vec::new();
    while let Some(batch) = table.next_batch().map_err(|error| error.to_string())? {
        let texts: Vec<_> = batch.columns().iter().map(Texts::of).collect();
        for row in 0..batch.num_rows() {
            rows.push(texts.iter().map(|text| text.at(row)).collect());
        }
    }
    Ok(rows)
}

/// The texts of one column.
struct Texts<'a>(&'a StringArray);

impl<'a> Texts<'a> {
    fn of(array: &'a ArrayRef) -> Self {
        Self(array.as_any().downcast_ref().expect("a column of texts"))
    }

    fn at(&self, row: usize) -> Option<String> {
        self.0.is_valid(row).then(|| self.0.value(row).to_owned())
    }
}

/// The records of the text by the oracle; an error where it is no JSON or has no records.
fn records(data: &[u8], records: Option<&str>) -> Result<Vec<Value>, String> {
    let data = data.strip_prefix("\u{feff}".as_bytes()).unwrap_or(data);
    let mut all = Vec::new();
    for document in serde_json::Deserializer::from_slice(data).into_iter::<Value>() {
        let documents = match document.map_err(|error| error.to_string())? {
            Value::Array(list) => list,
            other => vec![other],
        };
        for mut document in documents {
            let Some(object) = document.as_object_mut() else { return Err("no record".into()) };
            let Some(path) = records else {
                all.push(document);
                continue;
            };
            let Some(Value::Array(list)) = object.remove(path) else { return Err("no records".into()) };
            if object.keys().any(|name| !is_ignored(name)) || !list.iter().all(Value::is_object) {
                return Err("beside the records".into());
            }
            all.extend(list);
        }
    }
    Ok(all)
}

/// Names are compared by their letters and digits.
fn key(path: &str) -> String {
    folded_word(path).chars().filter(|letter| letter.is_alphanumeric()).collect()
}

fn is_same(path: &str, other: &str) -> bool {
    if key(path).is_empty() { folded_word(path) == folded_word(other) } else { key(path) == key(other) }
}

/// A path, and the objects that it lies in.
fn upwards(path: &str) -> Vec<String> {
    let names: Vec<&str> = path.split('.').collect();
    (1..=names.len()).map(|count| names[..count].join(".")).collect()
}

fn is_ignored(path: &str) -> bool {
    upwards(path).iter().any(|above| IGNORED.iter().any(|ignored| is_same(above, ignored)))
}

fn column_of(path: &str) -> Option<&'static str> {
    let mapped = PATHS.iter().find(|(known, _)| is_same(path, known)).map(|(_, column)| *column);
    let known = mapped.or_else(|| COLUMNS.into_iter().find(|column| is_same(path, column)));
    let term = || TERMS.iter().find(|(_, term)| *term == path).map(|(column, _)| *column);
    known.or_else(term).or((path == OTHER_EVENT).then_some("event"))
}

/// What a document says that it is.
fn is_mark(path: &str, value: &Value) -> bool {
    path == "@type" && value == "dpv:ConsentRecord" || path == "dct:conformsTo" && value == DOCUMENT
}

fn is_above(path: &str) -> bool {
    let mut above = PATHS.iter().filter_map(|(known, _)| known.rsplit_once('.')).map(|(above, _)| above);
    above.any(|above| is_same(path, above))
}

/// Every value that is read of a member with its column; `None` for a null.
fn leaves(value: &Value, path: &str, out: &mut Vec<Option<(&'static str, String)>>) -> Result<(), String> {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, member) in members {
                let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                if !is_ignored(&below) {
                    leaves(member, &below, out)?;
                }
            }
        }
        Value::Array(list) if !list.is_empty() => {
            list.iter().try_for_each(|item| leaves(item, path, out))?;
        }
        Value::Null | Value::Object(_) | Value::Array(_) => {
            if !is_above(path) && column_of(path).is_none() {
                return Err(format!("unknown {path}"));
            }
            out.push(None);
        }
        _ if is_mark(path, value) => out.push(None),
        Value::Number(number) if !number.is_i64() && !number.is_u64() => return Err("no whole number".into()),
        _ => {
            let column = column_of(path).ok_or_else(|| format!("unknown {path}"))?;
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            out.push(Some((column, text)));
        }
    }
    Ok(())
}

/// The rows of a member, by the rule that the book states.
fn rows(value: &Value, path: &str) -> Result<Vec<Vec<(&'static str, String)>>, String> {
    if let Value::Array(list) = value
        && !list.is_empty()
    {
        let mut found = Vec::new();
        leaves(value, path, &mut found)?;
        let mut columns: Vec<&str> = found.iter().flatten().map(|(column, _)| *column).collect();
        columns.dedup();
        let is_list = matches!(columns.as_slice(), ["categories" | "methods"])
            || columns == ["event"] && found.iter().all(Option::is_some);
        if is_list {
            let words: Vec<String> = found.into_iter().flatten().map(|(_, text)| text).collect();
            if words.len() > 1
                && words.iter().any(|word| {
                    word.contains(['|', ',', ';', '\u{ff5c}', '\u{ff0c}', '\u{ff1b}', '\u{3001}'])
                })
            {
                return Err("a separator in an item".into());
            }
            let column = columns.first().copied().unwrap_or_default();
            return Ok(vec![vec![(column, words.join("|"))]]);
        }
        let each: Result<Vec<_>, String> = list.iter().map(|item| rows(item, path)).collect();
        return Ok(each?.into_iter().flatten().collect());
    }
    let Value::Object(members) = value else {
        let mut found = Vec::new();
        leaves(value, path, &mut found)?;
        return Ok(vec![found.into_iter().flatten().collect()]);
    };
    if members.is_empty() && !path.is_empty() {
        leaves(value, path, &mut Vec::new())?;
    }
    let mut all: Vec<Vec<(&'static str, String)>> = vec![Vec::new()];
    for (name, member) in members {
        let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        if is_ignored(&below) {
            continue;
        }
        let more = rows(member, &below)?;
        let mut next = Vec::new();
        for row in &all {
            for other in &more {
                if row.iter().any(|(column, _)| other.iter().any(|(second, _)| second == column)) {
                    return Err("two values of one column".into());
                }
                next.push(row.iter().chain(other).cloned().collect());
            }
        }
        all = next;
        if all.len() > 20_000 {
            return Err("too many rows".into());
        }
    }
    Ok(all)
}

fn expected(data: &[u8], at: Option<&str>) -> Result<Vec<Vec<(&'static str, String)>>, String> {
    let each: Result<Vec<_>, String> = records(data, at)?.iter().map(|record| rows(record, "")).collect();
    Ok(each?.into_iter().flatten().collect())
}

fn cells(row: &[(&'static str, String)]) -> Cells {
    let cell = |column: &str| row.iter().find(|(known, _)| *known == column).map(|(_, text)| text.clone());
    COLUMNS.into_iter().map(cell).collect()
}

/// The oracle bounds what the reader passes over unread: numbers out of range, lone surrogates, deep nesting.
fn only_the_oracle_refuses(error: &str) -> bool {
    ["out of range", "surrogate", "hex escape", "recursion limit", "unexpected end of hex"]
        .iter()
        .any(|part| error.contains(part))
}

/// Whether some object has two members of one name, of which a map of the oracle keeps the last.
fn has_two_members(data: &[u8]) -> bool {
    struct Names(bool);
    impl<'de> Deserialize<'de> for Names {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_any(Reader)
        }
    }
    struct Reader;
    impl<'de> Visitor<'de> for Reader {
        type Value = Names;
        fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            out.write_str("JSON")
        }
        fn visit_unit<E>(self) -> Result<Names, E> {
            Ok(Names(false))
        }
        fn visit_bool<E>(self, _: bool) -> Result<Names, E> {
            Ok(Names(false))
        }
        fn visit_i64<E>(self, _: i64) -> Result<Names, E> {
            Ok(Names(false))
        }
        fn visit_u64<E>(self, _: u64) -> Result<Names, E> {
            Ok(Names(false))
        }
        fn visit_f64<E>(self, _: f64) -> Result<Names, E> {
            Ok(Names(false))
        }
        fn visit_str<E>(self, _: &str) -> Result<Names, E> {
            Ok(Names(false))
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Names, A::Error> {
            let mut found = false;
            while let Some(Names(inside)) = list.next_element()? {
                found |= inside;
            }
            Ok(Names(found))
        }
        fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Names, A::Error> {
            let (mut found, mut names) = (false, BTreeSet::new());
            while let Some((name, Names(inside))) = object.next_entry::<String, Names>()? {
                found |= inside || !names.insert(name);
            }
            Ok(Names(found))
        }
    }
    let data = data.strip_prefix("\u{feff}".as_bytes()).unwrap_or(data);
    let mut documents = serde_json::Deserializer::from_slice(data).into_iter::<Names>();
    documents.any(|document| document.is_ok_and(|Names(found)| found))
}

/// Every record is delivered as the rows of the rule, or the text is refused for a reason; nothing is lost without a word. The error
/// says why the first reading refused.
pub(crate) fn check(data: &[u8]) -> Result<(), String> {
    let start = data.strip_prefix("\u{feff}".as_bytes()).unwrap_or(data).trim_ascii_start();
    if !start.starts_with(b"{") && !start.starts_with(b"[") {
        return Err("no JSON document".into());
    }
    let mut first = Ok(());
    for at in [None, Some(RECORDS)] {
        let read = read(data, &columns(at));
        match (&read, expected(data, at)) {
            (Ok(rows), Ok(expected)) => {
                let expected: Vec<Cells> = expected.iter().map(|row| cells(row)).collect();
                assert!(*rows == expected, "{} rows of {}, or other ones", rows.len(), expected.len());
            }
            (Ok(_), Err(reason)) => {
                assert!(only_the_oracle_refuses(&reason), "read, but refused by the oracle: {reason}");
            }
            (Err(reason), Ok(_)) => {
                let is_bound = STRICTER.iter().any(|part| reason.contains(part));
                assert!(is_bound || has_two_members(data), "refused: {reason}");
            }
            (Err(_), Err(_)) => {}
        }
        if at.is_none() {
            first = read.map(|_| ());
        }
    }
    first
}
