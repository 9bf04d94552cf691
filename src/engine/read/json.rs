//! JSON documents as rows: nested objects become dotted paths, and a list of objects becomes a row for each of them.
//!
//! A consent log in JSON states a person once and several purposes or events below: `{"subject": "7", "purposes": [{"id": "a"},
//! {"id": "b"}]}` is two rows with the cells `subject` and `purposes.id`. Two lists in one document are every pair of their
//! items. A list of words is one cell with `|` between them.

use std::cell::Cell;
use std::fmt;
use std::io::{BufRead, BufReader, Error, ErrorKind, Read};
use std::rc::Rc;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// The most bytes of one document, or of one item of a file that is a list.
const LONGEST_DOCUMENT: u64 = 16 << 20;
/// The most rows that one document may stand for: lists multiply.
const MOST_ROWS: usize = 10_000;

/// The cells of one row, each under its path.
pub type JsonRow = Vec<(String, String)>;

/// Why a document cannot be read. Holds a place and never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonFault {
    /// Not JSON.
    #[error("line {line}, column {column}: not JSON")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// The text ends inside a document.
    #[error("the file ends inside a JSON document (line {line})")]
    CutOff {
        /// The last line, from 1.
        line: usize,
    },
    /// Neither an object nor a list of objects.
    #[error("line {line}: a document is a JSON object, or a list of objects")]
    NoObject {
        /// The line, from 1.
        line: usize,
    },
    /// A document above the bound.
    #[error("line {line}: a JSON document has at most 16 MiB")]
    TooLong {
        /// The line, from 1.
        line: usize,
    },
    /// Lists of one document that multiply to more rows than the bound.
    #[error("line {line}: the lists of one document stand for more than 10,000 rows; list what is not needed under `ignore`")]
    TooManyRows {
        /// The line, from 1.
        line: usize,
    },
    /// A word of a list that holds the mark between words.
    #[error("line {line}: a text in a list holds `|`, which stands between the words of a list")]
    Bar {
        /// The line, from 1.
        line: usize,
    },
    /// The file could not be read on.
    #[error("line {line}: the file could not be read on")]
    Read {
        /// The line, from 1.
        line: usize,
    },
}

/// A JSON value of which no member is lost: numbers as they print, and members of one name as a list.
enum Node {
    Null,
    Text(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

/// Reads all documents of `input` and hands over the rows of each.
///
/// `ignored` says of a path whether everything at and below it is left out, before lists multiply.
///
/// # Errors
/// [`JsonFault`] for the first document that cannot be read, or what `take` gives back.
pub fn json_rows<E: From<JsonFault>>(
    input: impl Read,
    ignored: &dyn Fn(&str) -> bool,
    take: &mut dyn FnMut(usize, Vec<JsonRow>) -> Result<(), E>,
) -> Result<(), E> {
    let left = Rc::new(Cell::new(LONGEST_DOCUMENT));
    let lines = Rc::new(Cell::new(1));
    let mut input = Bounded { inner: BufReader::with_capacity(1 << 16, input), left: Rc::clone(&left), lines: Rc::clone(&lines) };
    let mut failure: Option<E> = None;
    loop {
        left.set(LONGEST_DOCUMENT);
        if input.skip_white_space().map_err(|_| JsonFault::Read { line: lines.get() })? {
            return Ok(());
        }
        let first = lines.get();
        let mut one = |node: Node| {
            left.set(LONGEST_DOCUMENT);
            let line = lines.get();
            let done = rows_of(node, ignored, line).map_err(E::from).and_then(|rows| take(line, rows));
            done.map_err(|error| failure = Some(error)).is_ok()
        };
        let mut deserializer = serde_json::Deserializer::from_reader(&mut input);
        let read = Documents(&mut one).deserialize(&mut deserializer);
        if let Some(failure) = failure.take() {
            return Err(failure);
        }
        if let Err(error) = read {
            return Err(fault(&error, first, left.get()).into());
        }
    }
}

fn fault(error: &serde_json::Error, first: usize, left: u64) -> JsonFault {
    let line = first + error.line().saturating_sub(1);
    match error.classify() {
        _ if left == 0 => JsonFault::TooLong { line },
        serde_json::error::Category::Syntax => JsonFault::Syntax { line, column: error.column() },
        serde_json::error::Category::Eof => JsonFault::CutOff { line },
        serde_json::error::Category::Data => JsonFault::NoObject { line },
        serde_json::error::Category::Io => JsonFault::Read { line },
    }
}

/// The bytes of a file, so many a document, with the line that reading has come to.
struct Bounded<R> {
    inner: R,
    left: Rc<Cell<u64>>,
    lines: Rc<Cell<usize>>,
}

impl<R: BufRead> Bounded<R> {
    /// Passes over white space and a byte order mark between documents; whether the file ends there.
    fn skip_white_space(&mut self) -> std::io::Result<bool> {
        loop {
            let buffer = self.inner.fill_buf()?;
            let Some(first) = buffer.first() else { return Ok(true) };
            match first {
                b'\n' => self.lines.set(self.lines.get() + 1),
                b' ' | b'\t' | b'\r' | 0xef | 0xbb | 0xbf | 0x1e => {}
                _ => return Ok(false),
            }
            self.inner.consume(1);
        }
    }
}

impl<R: BufRead> Read for Bounded<R> {
    /// One byte at a time, which is how `serde_json` asks: nothing of the next document is taken.
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let Some(slot) = out.first_mut() else { return Ok(0) };
        let Some(byte) = self.inner.fill_buf()?.first().copied() else { return Ok(0) };
        let left = self.left.get().checked_sub(1).filter(|left| *left > 0);
        let Some(left) = left else {
            self.left.set(0);
            return Err(Error::new(ErrorKind::InvalidData, "the document is too long"));
        };
        self.left.set(left);
        self.lines.set(self.lines.get() + usize::from(byte == b'\n'));
        *slot = byte;
        self.inner.consume(1);
        Ok(1)
    }
}

/// Hands over a document, or every item of a list of documents.
struct Documents<'a>(&'a mut dyn FnMut(Node) -> bool);

impl<'de> DeserializeSeed<'de> for Documents<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Documents<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object or a list of objects")
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<(), A::Error> {
        let node = AnyNode.visit_map(object)?;
        let stop = || serde::de::Error::custom("stopped");
        if (self.0)(node) { Ok(()) } else { Err(stop()) }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(node) = list.next_element::<Node>()? {
            if !matches!(node, Node::Object(_)) {
                return Err(serde::de::Error::custom("no object"));
            }
            if !(self.0)(node) {
                return Err(serde::de::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}

struct AnyNode;

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyNode)
    }
}

impl<'de> Visitor<'de> for AnyNode {
    type Value = Node;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Node, E> {
        Ok(Node::Text(flag.to_string()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
        Ok(Node::Text(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        Ok(Node::Text(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Node, E> {
        Ok(Node::Text(serde_json::Number::from_f64(number).map_or_else(String::new, |number| number.to_string())))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Node, E> {
        Ok(Node::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut all = Vec::new();
        while let Some(node) = list.next_element()? {
            all.push(node);
        }
        Ok(Node::List(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Node, A::Error> {
        let mut members: Vec<(String, Node)> = Vec::new();
        while let Some((name, node)) = object.next_entry::<String, Node>()? {
            // A map would keep the last of two members without a word.
            match members.iter_mut().find(|(known, _)| *known == name) {
                None => members.push((name, node)),
                Some((_, Node::List(list))) => list.push(node),
                Some((_, known)) => *known = Node::List(vec![std::mem::replace(known, Node::Null), node]),
            }
        }
        Ok(Node::Object(members))
    }
}

fn rows_of(node: Node, ignored: &dyn Fn(&str) -> bool, line: usize) -> Result<Vec<JsonRow>, JsonFault> {
    let mut path = String::new();
    flatten(node, &mut path, ignored, line)
}

/// The rows that a value stands for under a path.
fn flatten(
    node: Node,
    path: &mut String,
    ignored: &dyn Fn(&str) -> bool,
    line: usize,
) -> Result<Vec<JsonRow>, JsonFault> {
    if !path.is_empty() && ignored(path) {
        return Ok(vec![Vec::new()]);
    }
    match node {
        Node::Null => Ok(vec![Vec::new()]),
        Node::Text(text) => Ok(vec![vec![(path.clone(), text)]]),
        Node::Object(members) => {
            let mut rows: Vec<JsonRow> = vec![Vec::new()];
            for (name, member) in members {
                let length = path.len();
                if length > 0 {
                    path.push('.');
                }
                path.push_str(&name);
                let below = flatten(member, path, ignored, line)?;
                path.truncate(length);
                rows = pairs(rows, &below, line)?;
            }
            Ok(rows)
        }
        Node::List(list) if list.iter().all(|item| matches!(item, Node::Text(_) | Node::Null)) => {
            let words = list.into_iter().filter_map(|item| if let Node::Text(text) = item { Some(text) } else { None });
            let words: Vec<String> = words.collect();
            match words.as_slice() {
                [] => Ok(vec![Vec::new()]),
                [_] => Ok(vec![words.into_iter().map(|word| (path.clone(), word)).collect()]),
                _ if words.iter().any(|word| word.contains('|')) => Err(JsonFault::Bar { line }),
                _ => Ok(vec![vec![(path.clone(), words.join("|"))]]),
            }
        }
        Node::List(list) => {
            let mut rows = Vec::new();
            for item in list {
                rows.append(&mut flatten(item, path, ignored, line)?);
                if rows.len() > MOST_ROWS {
                    return Err(JsonFault::TooManyRows { line });
                }
            }
            Ok(rows)
        }
    }
}

/// Every row of one member beside every row of another.
fn pairs(rows: Vec<JsonRow>, below: &[JsonRow], line: usize) -> Result<Vec<JsonRow>, JsonFault> {
    if rows.len().saturating_mul(below.len()) > MOST_ROWS {
        return Err(JsonFault::TooManyRows { line });
    }
    let joined = |row: &JsonRow, more: &JsonRow| row.iter().chain(more).cloned().collect();
    Ok(match below {
        [only] => rows
            .into_iter()
            .map(|mut row: JsonRow| {
                row.extend(only.iter().cloned());
                row
            })
            .collect(),
        below => rows.iter().flat_map(|row| below.iter().map(move |more| joined(row, more))).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, ignore: &[&str]) -> Result<Vec<Vec<String>>, JsonFault> {
        let mut all = Vec::new();
        json_rows(text.as_bytes(), &|path| ignore.contains(&path), &mut |_, rows| {
            all.extend(rows.into_iter().map(|row| row.into_iter().map(|(path, text)| format!("{path}={text}")).collect()));
            Ok::<(), JsonFault>(())
        })?;
        Ok(all)
    }

    #[test]
    fn nested_lists_are_rows_and_lists_of_words_are_cells() {
        let text = r#"{"who":{"id":7},"purposes":[{"id":"a"},{"id":"b","on":true}],"words":["x","y"],"none":null}"#;
        let rows = read(text, &[]).unwrap();
        assert_eq!(
            rows,
            [
                vec!["who.id=7", "purposes.id=a", "words=x|y"],
                vec!["who.id=7", "purposes.id=b", "purposes.on=true", "words=x|y"]
            ]
        );
    }

    #[test]
    fn documents_come_one_after_the_other_in_lines_or_in_a_list() {
        for text in [
            "{\"a\":1}\n{\"a\":2}\n",
            "\u{feff}[{\"a\":1},\n{\"a\":2}]",
            "{\"a\":1}{\"a\":2}",
            "\r\n{\"a\":\r\n1}\r\n\r\n{\"a\":2}",
        ] {
            assert_eq!(read(text, &[]).unwrap(), [["a=1"], ["a=2"]], "{text:?}");
        }
        assert_eq!(read(" \n", &[]).unwrap(), Vec::<Vec<String>>::new());
    }

    #[test]
    fn two_members_of_one_name_are_both_read() {
        assert_eq!(read(r#"{"p":{"x":1},"p":{"x":2}}"#, &[]).unwrap(), [["p.x=1"], ["p.x=2"]]);
        assert_eq!(read(r#"{"p":"a","p":"b"}"#, &[]).unwrap(), [["p=a|b"]]);
    }

    #[test]
    fn what_is_no_document_is_refused_with_its_line() {
        for (text, wanted) in [
            ("{\"a\":1}\n{\"a\":", JsonFault::CutOff { line: 2 }),
            ("{\"a\":1}\nnull", JsonFault::NoObject { line: 2 }),
            ("[1]", JsonFault::NoObject { line: 1 }),
            ("{\"a\":1}\n\n{a:1}", JsonFault::Syntax { line: 3, column: 2 }),
            ("{\"a\":[\"x|y\",\"z\"]}", JsonFault::Bar { line: 1 }),
        ] {
            assert_eq!(read(text, &[]), Err(wanted), "{text:?}");
        }
        let many = |name: &str| format!("\"{name}\":[{}]", vec!["{\"i\":1}"; 101].join(","));
        let text = format!("{{{},{}}}", many("a"), many("b"));
        assert_eq!(read(&text, &[]), Err(JsonFault::TooManyRows { line: 1 }));
        assert_eq!(read(&text, &["b"]).unwrap().len(), 101);
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(17 << 20));
        assert_eq!(read(&long, &[]), Err(JsonFault::TooLong { line: 1 }));
    }
}
