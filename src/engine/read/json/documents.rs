//! Where in a JSON text its records are: documents, items of a list, or items of the list at a declared path.

use hashbrown::HashSet;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::fault::JsonFault;
use super::limits::LONGEST_RECORD;
use super::record::{Member, Paths, Row, Stopped, rows};
use crate::consent::shown_path;

/// The records of a text, each handed over as its rows when it is whole.
pub(super) struct Records<'a, 't> {
    pub(super) paths: Paths<'a>,
    /// Records that were handed over.
    pub(super) delivered: u64,
    /// Takes the rows of a record; whether more are wanted.
    pub(super) take: &'t mut dyn FnMut(&[Row]) -> bool,
}

impl Records<'_, '_> {
    /// Reads one document.
    pub(super) fn document<'de, D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        let mut account = self.paths.account.borrow_mut();
        account.left = LONGEST_RECORD;
        match self.paths.columns.records() {
            // A document may be a record itself.
            None => account.begin_records(),
            Some(_) => account.end_records(),
        }
        drop(account);
        deserializer.deserialize_any(Document { records: self, is_item: false })
    }

    fn record<'de, A: MapAccess<'de>>(&mut self, object: A) -> Result<(), A::Error> {
        self.paths.begin();
        let node = Member { paths: &mut self.paths, depth: 1 }.visit_map(object)?;
        let all = match rows(&self.paths, node) {
            Ok(all) => all,
            Err(fault) => return self.paths.stop(fault),
        };
        self.delivered += 1;
        if (self.take)(&all) {
            return Ok(());
        }
        self.paths.stopped = Some(Stopped::Unwanted);
        Err(A::Error::custom("unwanted"))
    }

    /// The members of an object that holds the declared list of records, here or further below.
    fn around<'de, A: MapAccess<'de>>(&mut self, at: &str, mut object: A) -> Result<bool, A::Error> {
        let declared = self.paths.columns.records().unwrap_or_default();
        let mut names: HashSet<Box<str>> = HashSet::new();
        let mut found = false;
        while let Some(name) = object.next_key::<Box<str>>()? {
            let path = if at.is_empty() { name.to_string() } else { format!("{at}.{name}") };
            let is_above = declared.strip_prefix(&path).is_some_and(|rest| rest.starts_with('.'));
            if !names.insert(name) {
                let place = self.paths.place();
                return self.paths.stop(JsonFault::TwoMembers { place, path: shown_path(&path) });
            }
            if path == declared {
                object.next_value_seed(List { records: self })?;
                found = true;
            } else if is_above {
                found |= object.next_value_seed(Around { records: self, at: &path })?;
            } else if self.paths.columns.ignores_path(&path) {
                object.next_value::<IgnoredAny>()?;
            } else {
                let line = self.paths.place().line;
                return self.paths.stop(JsonFault::Beside { line, path: shown_path(&path) });
            }
        }
        Ok(found)
    }
}

/// A document, or an item of one that is a list.
struct Document<'r, 'a, 't> {
    records: &'r mut Records<'a, 't>,
    is_item: bool,
}

impl<'de> DeserializeSeed<'de> for Document<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Document<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<(), A::Error> {
        let Some(declared) = self.records.paths.columns.records() else {
            return self.records.record(object);
        };
        if self.records.around("", object)? {
            return Ok(());
        }
        let (line, path) = (self.records.paths.place().line, declared.to_owned());
        self.records.paths.stop(JsonFault::NoRecords { line, path })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        if self.is_item {
            return Err(A::Error::custom("a list in a list"));
        }
        if self.records.paths.columns.records().is_none() {
            self.records.paths.account.borrow_mut().begin_records();
        }
        while list.next_element_seed(Document { records: self.records, is_item: true })?.is_some() {}
        Ok(())
    }
}

/// An object on the way to the declared list of records.
struct Around<'r, 'a, 't, 's> {
    records: &'r mut Records<'a, 't>,
    at: &'s str,
}

impl<'de> DeserializeSeed<'de> for Around<'_, '_, '_, '_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Around<'_, '_, '_, '_> {
    type Value = bool;

    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("an object around the records")
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<bool, A::Error> {
        self.records.around(self.at, object)
    }
}

/// The declared list of records.
struct List<'r, 'a, 't> {
    records: &'r mut Records<'a, 't>,
}

impl<'de> DeserializeSeed<'de> for List<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for List<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("a list of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.records.paths.account.borrow_mut().begin_records();
        while list.next_element_seed(Record { records: self.records })?.is_some() {}
        let mut account = self.records.paths.account.borrow_mut();
        account.end_records();
        account.left = LONGEST_RECORD;
        Ok(())
    }
}

/// A record in the declared list.
struct Record<'r, 'a, 't> {
    records: &'r mut Records<'a, 't>,
}

impl<'de> DeserializeSeed<'de> for Record<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Record<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<(), A::Error> {
        self.records.record(object)
    }
}
