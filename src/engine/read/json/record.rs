//! One record as rows: objects become dotted paths, and lists become rows.
//!
//! A list expands to a row for each of its items, with every other cell of the record; two lists expand to every pair of
//! their items. A list from which one column of lists alone is read (`categories`, `methods`, or the several words of one `event`)
//! is that list in one cell. A list without items, and a null, is a cell that is absent: no record is without a row.

use std::cell::RefCell;
use std::rc::Rc;

use hashbrown::{HashMap, HashSet};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::fault::{JsonFault, RecordPlace};
use super::limits::{DEEPEST, LONGEST_RECORD, LONGEST_VALUE, MOST_ROWS};
use super::text::Account;
use crate::consent::{COLUMNS, ConsentColumns, PathUse, items, shown_path};

/// Values of one record, absent ones among them: memory is bounded by it.
const MOST_VALUES: usize = 1 << 17;
/// Paths that are kept; a file that spells one column in ever new ways does not take memory for it.
const MOST_PATHS: usize = 4_096;

/// A value that is read.
#[derive(Clone)]
pub(super) struct Value {
    /// The column, by its position in [`COLUMNS`].
    pub(super) column: usize,
    pub(super) text: Rc<str>,
    path: usize,
}

/// The values of one row, at most one for a column.
pub(super) type Row = Vec<Value>;

/// A member of a record.
pub(super) enum Node {
    Absent,
    Value(Value),
    List(Vec<Node>),
    Object(Vec<Node>),
}

/// Why reading stops.
pub(super) enum Stopped {
    Because(JsonFault),
    /// The receiver of the rows was dropped.
    Unwanted,
}

/// What is known of the paths of one text, and where reading it is.
pub(super) struct Paths<'a> {
    pub(super) columns: &'a ConsentColumns,
    known: HashMap<Rc<str>, usize>,
    paths: Vec<(Rc<str>, PathUse)>,
    /// Columns of which any record has a path.
    pub(super) seen: [bool; COLUMNS.len()],
    /// The path that reading has come to.
    path: String,
    /// Values of the record under way.
    values: usize,
    /// Records that began.
    pub(super) records: u64,
    /// Why reading stopped, where the parser cannot say it.
    pub(super) stopped: Option<Stopped>,
    pub(super) account: Rc<RefCell<Account>>,
}

impl<'a> Paths<'a> {
    pub(super) fn new(columns: &'a ConsentColumns, account: Rc<RefCell<Account>>) -> Self {
        Self {
            columns,
            known: HashMap::new(),
            paths: Vec::new(),
            seen: [false; COLUMNS.len()],
            path: String::new(),
            values: 0,
            records: 0,
            stopped: None,
            account,
        }
    }

    pub(super) fn place(&self) -> RecordPlace {
        RecordPlace { record: self.records, line: self.account.borrow().line }
    }

    /// Begins a record, whose paths begin again.
    pub(super) fn begin(&mut self) {
        if self.paths.len() > MOST_PATHS {
            self.known.clear();
            self.paths.clear();
        }
        self.path.clear();
        self.values = 0;
        self.records += 1;
        self.account.borrow_mut().left = LONGEST_RECORD;
    }

    /// Ends reading for a reason of its own.
    pub(super) fn stop<T, E: serde::de::Error>(&mut self, fault: JsonFault) -> Result<T, E> {
        self.stopped = Some(Stopped::Because(fault));
        Err(E::custom("stopped"))
    }

    /// What the path is that reading has come to.
    fn here(&mut self) -> (usize, PathUse) {
        if let Some(at) = self.known.get(self.path.as_str())
            && let Some((_, used)) = self.paths.get(*at)
        {
            return (*at, *used);
        }
        let used = self.columns.path_use(&self.path);
        let path: Rc<str> = Rc::from(self.path.as_str());
        self.known.insert(Rc::clone(&path), self.paths.len());
        self.paths.push((path, used));
        if let PathUse::Column(column) = used
            && let Some(seen) = self.seen.get_mut(column)
        {
            *seen = true;
        }
        (self.paths.len() - 1, used)
    }

    fn shown(&self, path: usize) -> String {
        self.paths.get(path).map_or_else(String::new, |(path, _)| shown_path(path))
    }

    /// The column of the current path, where a value is allowed.
    fn column<E: serde::de::Error>(&mut self) -> Result<(usize, usize), E> {
        let (path, used) = self.here();
        let column = match used {
            PathUse::Column(column) => Ok(column),
            _ => self.columns.value_at(&self.path),
        };
        match column {
            Ok(column) => Ok((path, column)),
            Err(error) => self.stop(JsonFault::Column { place: self.place(), error }),
        }
    }

    fn value<E: serde::de::Error>(&mut self, text: &str) -> Result<Node, E> {
        if matches!(self.here().1, PathUse::Mark(mark) if mark == text) {
            self.count()?;
            return Ok(Node::Absent);
        }
        let (path, column) = self.column()?;
        if text.len() > LONGEST_VALUE {
            let path = shown_path(&self.path);
            return self.stop(JsonFault::LongValue { place: self.place(), path });
        }
        self.count()?;
        Ok(Node::Value(Value { column, text: Rc::from(text), path }))
    }

    /// Nothing, where a value is allowed here or below.
    fn absent<E: serde::de::Error>(&mut self) -> Result<Node, E> {
        if !matches!(self.here().1, PathUse::Above) {
            self.column()?;
        }
        self.count()?;
        Ok(Node::Absent)
    }

    fn count<E: serde::de::Error>(&mut self) -> Result<(), E> {
        self.values += 1;
        if self.values <= MOST_VALUES {
            return Ok(());
        }
        self.stop(JsonFault::TooManyRows { place: self.place() })
    }
}

/// A member at the path that reading has come to.
pub(super) struct Member<'p, 'a> {
    pub(super) paths: &'p mut Paths<'a>,
    pub(super) depth: usize,
}

impl<'de> DeserializeSeed<'de> for Member<'_, '_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        if self.depth > DEEPEST {
            return self.paths.stop(JsonFault::TooDeep { place: self.paths.place() });
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Member<'_, '_> {
    type Value = Node;

    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Node, E> {
        self.paths.absent()
    }

    fn visit_bool<E: serde::de::Error>(self, flag: bool) -> Result<Node, E> {
        self.paths.value(if flag { "true" } else { "false" })
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Node, E> {
        self.paths.value(&number.to_string())
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Node, E> {
        self.paths.value(&number.to_string())
    }

    /// Of a number that is no integer the parser keeps a float, which may be of another person's id.
    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Node, E> {
        self.paths.column::<E>()?;
        let path = shown_path(&self.paths.path);
        self.paths.stop(JsonFault::NotWhole { place: self.paths.place(), path })
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Node, E> {
        self.paths.value(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let Self { paths, depth } = self;
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element_seed(Member { paths, depth: depth + 1 })? {
            nodes.push(node);
        }
        if nodes.is_empty() { paths.absent() } else { Ok(Node::List(nodes)) }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Node, A::Error> {
        let Self { paths, depth } = self;
        let length = paths.path.len();
        let mut nodes = Vec::new();
        let mut names: HashSet<Box<str>> = HashSet::new();
        while let Some(name) = object.next_key::<Box<str>>()? {
            if length > 0 {
                paths.path.push('.');
            }
            paths.path.push_str(&name);
            if !names.insert(name) {
                let path = shown_path(&paths.path);
                return paths.stop(JsonFault::TwoMembers { place: paths.place(), path });
            }
            match paths.here().1 {
                PathUse::Ignored => drop(object.next_value::<IgnoredAny>()?),
                _ => nodes.push(object.next_value_seed(Member { paths, depth: depth + 1 })?),
            }
            paths.path.truncate(length);
        }
        // Only a record itself may say nothing at all.
        if names.is_empty() && length > 0 { paths.absent() } else { Ok(Node::Object(nodes)) }
    }
}

/// The rows that a record expands to; at least one.
pub(super) fn rows(paths: &Paths<'_>, node: Node) -> Result<Vec<Row>, JsonFault> {
    let too_many = || JsonFault::TooManyRows { place: paths.place() };
    match node {
        Node::Absent => Ok(vec![Row::new()]),
        Node::Value(value) => Ok(vec![vec![value]]),
        Node::Object(members) => {
            let mut all = vec![Row::new()];
            for member in members {
                all = pairs(paths, all, &rows(paths, member)?)?;
            }
            Ok(all)
        }
        Node::List(list) => {
            if let Some(column) = one_list(&list) {
                return Ok(vec![vec![joined(paths, column, list)?]]);
            }
            let mut all = Vec::new();
            for item in list {
                all.append(&mut rows(paths, item)?);
                if all.len() > MOST_ROWS {
                    return Err(too_many());
                }
            }
            Ok(all)
        }
    }
}

/// Every row of one member beside every row of another.
fn pairs(paths: &Paths<'_>, rows: Vec<Row>, more: &[Row]) -> Result<Vec<Row>, JsonFault> {
    if rows.len().saturating_mul(more.len()) > MOST_ROWS {
        return Err(JsonFault::TooManyRows { place: paths.place() });
    }
    let mut all = Vec::with_capacity(rows.len() * more.len());
    for row in &rows {
        for other in more {
            let twice = row.iter().find_map(|first| {
                let second = other.iter().find(|second| second.column == first.column)?;
                Some((first, second))
            });
            if let Some((first, second)) = twice {
                return Err(JsonFault::TwoValues {
                    place: paths.place(),
                    column: COLUMNS.get(first.column).copied().unwrap_or_default(),
                    first: paths.shown(first.path),
                    second: paths.shown(second.path),
                });
            }
            all.push(row.iter().chain(other).cloned().collect());
        }
    }
    Ok(all)
}

/// The column of a list that is one cell: all that is read from it is of one column, whose cells are lists.
///
/// A null beside the words of an event may be any word, so such a list is rows, one of them without an event.
fn one_list(list: &[Node]) -> Option<usize> {
    let (mut column, mut absent) = (None, false);
    let mut rest: Vec<&Node> = list.iter().collect();
    while let Some(node) = rest.pop() {
        match node {
            Node::Absent => absent = true,
            Node::Value(value) if column.is_none_or(|known| known == value.column) => {
                column = Some(value.column);
            }
            Node::Value(_) => return None,
            Node::List(more) | Node::Object(more) => rest.extend(more),
        }
    }
    column.filter(|column| match COLUMNS.get(*column) {
        Some(&("categories" | "methods")) => true,
        Some(&"event") => !absent,
        _ => false,
    })
}

/// The words of a list in one cell.
fn joined(paths: &Paths<'_>, column: usize, list: Vec<Node>) -> Result<Value, JsonFault> {
    let mut words: Vec<Rc<str>> = Vec::new();
    let mut path = 0;
    let mut rest = list;
    rest.reverse();
    while let Some(node) = rest.pop() {
        match node {
            Node::Absent => {}
            Node::Value(value) => {
                path = value.path;
                words.push(value.text);
            }
            Node::List(more) | Node::Object(more) => rest.extend(more.into_iter().rev()),
        }
    }
    if words.len() > 1
        && words.iter().any(|word| items(word).nth(1).is_some() || items(word).next() != Some(word.trim()))
    {
        return Err(JsonFault::Separator { place: paths.place(), path: paths.shown(path) });
    }
    Ok(Value { column, text: Rc::from(words.join("|")), path })
}
