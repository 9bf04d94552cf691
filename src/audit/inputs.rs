//! Commitments to the inputs of a seal: the log holds one for each table, the openings are sealed beside the epoch.
//!
//! The commitment to a file is HMAC-SHA256 under a fresh 256-bit key over the 32 bytes of its SHA-256. The commitment to a table, which
//! the `seal` entry holds, is HMAC-SHA256 under another fresh key over the commitments to its files, 32 bytes each, in ascending order
//! of their bytes. So an entry has as many items as the studies have tables, however many parts were handed in, and one file can be
//! shown without the hashes of the others.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::commitment::{Commitment, commit};
use super::key_entries::{from_hex, hex};
use crate::types::json::{from_canonical, to_canonical};
use crate::types::{DatasetName, Secret};

/// How an input was handed in, and so which bytes its hash covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum InputForm {
    /// A file: its bytes on disk, compressed or not. Columns in the names of its folders are not covered.
    File,
    /// A pipe or a reader of bytes: the bytes as they came, before they were decompressed.
    Stream,
    /// Arrow batches of the caller: the bytes of the Arrow IPC stream that this version writes for them.
    Batches,
}

impl InputForm {
    /// Its word in openings and in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Stream => "stream",
            Self::Batches => "batches",
        }
    }
}

/// SHA-256 (FIPS 180-4) of the bytes of one input, and how many there were.
///
/// # Privacy
/// Neither leaves without a key: a short file can be found by its hash.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FileDigest {
    /// The hash.
    pub sha256: [u8; 32],
    /// The length in bytes.
    pub bytes: u64,
}

/// A table of a seal: a dataset, or consents (`None`).
pub type InputTable = Option<DatasetName>;

/// The openings of all commitments to the inputs of one seal.
pub struct InputOpenings {
    tables: Vec<TableOpening>,
}

struct TableOpening {
    table: InputTable,
    key: Secret,
    /// In the order of their commitments.
    files: Vec<FileOpening>,
}

struct FileOpening {
    commitment: Commitment,
    key: Secret,
    digest: FileDigest,
    form: InputForm,
}

impl FileOpening {
    fn new(key: Secret, digest: FileDigest, form: InputForm) -> Self {
        Self { commitment: commit(&key, &digest.sha256), key, digest, form }
    }
}

/// A text that is not what [`InputOpenings::to_text`] writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the openings that a seal wrote")]
pub struct InvalidOpenings;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenOpenings {
    v: u8,
    inputs: Vec<WrittenTable>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTable {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dataset: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    consents: bool,
    key: String,
    files: Vec<WrittenFile>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFile {
    key: String,
    sha256: String,
    bytes: u64,
    form: InputForm,
}

impl InputOpenings {
    /// Commits to what was read for each of `tables`, which are public, under keys that `fresh` gives. A table without files gets a
    /// commitment, too; a file of any other table is left out.
    ///
    /// # Errors
    /// Those of `fresh`.
    pub fn new<E>(
        tables: impl IntoIterator<Item = InputTable>,
        read: impl IntoIterator<Item = (InputTable, FileDigest, InputForm)>,
        mut fresh: impl FnMut() -> Result<Secret, E>,
    ) -> Result<Self, E> {
        let tables = tables.into_iter().map(|table| (Order::of(table), Vec::new()));
        let mut all: BTreeMap<Order, Vec<FileOpening>> = tables.collect();
        for (table, digest, form) in read {
            if let Some(files) = all.get_mut(&Order::of(table)) {
                files.push(FileOpening::new(fresh()?, digest, form));
            }
        }
        let tables = all.into_iter().map(|(order, mut files)| {
            files.sort_by_key(|file| file.commitment.bytes());
            Ok(TableOpening { table: order.table, key: fresh()?, files })
        });
        Ok(Self { tables: tables.collect::<Result<_, _>>()? })
    }

    /// What the `seal` entry holds as `inputs`: a commitment for each table, datasets by name, consents last.
    #[must_use]
    pub fn commitments(&self) -> Value {
        let item = |opening: &TableOpening| {
            let files: Vec<u8> = opening.files.iter().flat_map(|file| file.commitment.bytes()).collect();
            let commitment = commit(&opening.key, &files).to_string();
            match &opening.table {
                Some(dataset) => json!({ "dataset": dataset, "commitment": commitment }),
                None => json!({ "consents": true, "commitment": commitment }),
            }
        };
        self.tables.iter().map(item).collect()
    }

    /// As which tables, and in which form, a file with this hash was read. The length is not compared: no commitment covers it.
    #[must_use]
    pub fn uses(&self, digest: &FileDigest) -> Vec<(&InputTable, InputForm)> {
        let of_table = |opening: &TableOpening| {
            let found = opening.files.iter().find(|file| file.digest.sha256 == digest.sha256)?;
            Some(found.form)
        };
        self.tables.iter().filter_map(|opening| Some((&opening.table, of_table(opening)?))).collect()
    }

    /// Canonical JSON (RFC 8785); `None` for a length that it cannot hold.
    #[must_use]
    pub fn to_text(&self) -> Option<Zeroizing<String>> {
        let file = |file: &FileOpening| WrittenFile {
            key: hex(file.key.expose()),
            sha256: hex(&file.digest.sha256),
            bytes: file.digest.bytes,
            form: file.form,
        };
        let table = |opening: &TableOpening| WrittenTable {
            dataset: opening.table.as_ref().map(ToString::to_string),
            consents: opening.table.is_none(),
            key: hex(opening.key.expose()),
            files: opening.files.iter().map(file).collect(),
        };
        let written = WrittenOpenings { v: 1, inputs: self.tables.iter().map(table).collect() };
        let value = serde_json::to_value(written).ok()?;
        to_canonical(&value).ok().map(Zeroizing::new)
    }

    /// Reads what [`InputOpenings::to_text`] writes, and nothing else.
    ///
    /// # Errors
    /// [`InvalidOpenings`]
    pub fn parse(text: &str) -> Result<Self, InvalidOpenings> {
        let value = from_canonical(text).map_err(|_| InvalidOpenings)?;
        let written: WrittenOpenings = serde_json::from_value(value).map_err(|_| InvalidOpenings)?;
        let secret = |text: &str| from_hex(text).map(Secret::new).ok_or(InvalidOpenings);
        let mut tables = Vec::new();
        for table in written.inputs {
            let named = match (table.dataset, table.consents) {
                (Some(name), false) => Some(DatasetName::new(&name).map_err(|_| InvalidOpenings)?),
                (None, true) => None,
                _ => return Err(InvalidOpenings),
            };
            let file = |file: WrittenFile| {
                let sha256 = from_hex(&file.sha256).ok_or(InvalidOpenings)?;
                let digest = FileDigest { sha256, bytes: file.bytes };
                Ok(FileOpening::new(secret(&file.key)?, digest, file.form))
            };
            let files = table.files.into_iter().map(file).collect::<Result<Vec<_>, _>>()?;
            if !files.is_sorted_by_key(|file| file.commitment.bytes()) {
                return Err(InvalidOpenings);
            }
            tables.push(TableOpening { table: named, key: secret(&table.key)?, files });
        }
        let ascends = |pair: &[TableOpening]| match pair {
            [one, next] => Order::of(one.table.clone()) < Order::of(next.table.clone()),
            _ => false,
        };
        if written.v == 1 && tables.windows(2).all(ascends) {
            Ok(Self { tables })
        } else {
            Err(InvalidOpenings)
        }
    }
}

/// Datasets by name, then consents.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Order {
    is_consents: bool,
    table: InputTable,
}

impl Order {
    fn of(table: InputTable) -> Self {
        Self { is_consents: table.is_none(), table }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(byte: u8) -> FileDigest {
        FileDigest { sha256: [byte; 32], bytes: u64::from(byte) }
    }

    fn openings(files: &[(Option<&str>, u8)]) -> InputOpenings {
        let table = |name: &str| Some(DatasetName::new(name).unwrap());
        let mut next = 0;
        let fresh = || {
            next += 1;
            Ok::<_, std::convert::Infallible>(Secret::new([next; 32]))
        };
        let read = files.iter().map(|(name, byte)| (name.and_then(table), digest(*byte), InputForm::File));
        InputOpenings::new([None, table("payments"), table("follows")], read, fresh).unwrap()
    }

    #[test]
    fn an_entry_has_one_commitment_for_each_table_however_many_files_there_are() {
        let (few, many) =
            (openings(&[]), openings(&[(Some("payments"), 1), (Some("payments"), 2), (None, 3)]));
        let shape = |openings: &InputOpenings| {
            let items = openings.commitments().as_array().unwrap().clone();
            let named = |item: &Value| (item["dataset"].clone(), item["consents"].clone());
            items.iter().map(named).collect::<Vec<_>>()
        };
        assert_eq!(shape(&few), shape(&many));
        assert_eq!(shape(&few)[2], (Value::Null, json!(true)));
        assert_eq!(few.commitments().to_string().len(), many.commitments().to_string().len());
        assert_ne!(few.commitments(), many.commitments());
    }

    #[test]
    fn the_text_comes_back_and_any_other_opens_nothing() {
        let made = openings(&[(Some("payments"), 1), (Some("payments"), 2), (None, 3), (Some("unread"), 4)]);
        let text = made.to_text().unwrap();
        let read = InputOpenings::parse(&text).unwrap();
        assert_eq!((read.to_text().unwrap(), read.commitments()), (text.clone(), made.commitments()));
        assert_eq!(read.uses(&digest(3)), [(&None, InputForm::File)]);
        assert!(read.uses(&digest(4)).is_empty() && read.uses(&digest(5)).is_empty());
        // A hash, a key or a table that is another one opens other commitments.
        for (old, new) in [("0101", "0102"), ("0303", "0304"), ("follows", "fellows")] {
            let other = text.replacen(old, new, 1);
            assert_ne!(other, *text);
            let opened = InputOpenings::parse(&other).ok();
            let same = opened.is_some_and(|read| {
                read.commitments() == made.commitments()
                    && read.uses(&digest(3)) == [(&None, InputForm::File)]
            });
            assert!(!same, "{other}");
        }
        for (old, new) in
            [("\"v\":1", "\"v\":2"), ("file\"", "pipe\""), ("\"consents\":true,", ""), ("{", " {")]
        {
            assert!(InputOpenings::parse(&text.replacen(old, new, 1)).is_err(), "{old}");
        }
    }
}
