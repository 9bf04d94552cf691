//! The columns of a consent file: which one a name means, however it is spelled, and which names are refused.

use std::collections::{BTreeMap, BTreeSet};

use super::event::COLUMNS;
use super::terms::{MARKS, column_of};
use crate::types::{folded_word, nearest};

/// Names that other programs give to a column, without anything but letters and digits. None is read silently: which of
/// several meanings such a column has, only the study or the author of the file can decide.
const SYNONYMS: [(&str, &[&str]); 16] = [
    (
        "valid_to",
        &[
            "validuntil",
            "validtill",
            "validthrough",
            "expiresat",
            "expireson",
            "expiresin",
            "expires",
            "expiry",
            "expirydate",
            "expiration",
            "expirationdate",
            "enddate",
            "endsat",
            "endat",
            "until",
        ],
    ),
    (
        "person",
        &[
            "userid",
            "user",
            "uid",
            "id",
            "subjectid",
            "datasubject",
            "datasubjectid",
            "customerid",
            "memberid",
            "openid",
            "phone",
            "identifier",
        ],
    ),
    (
        "at",
        &[
            "timestamp",
            "time",
            "date",
            "datetime",
            "createdat",
            "updatedat",
            "updated",
            "eventtime",
            "occurredat",
            "interactiondate",
        ],
    ),
    ("event", &["status", "action", "state", "decision", "eventtype", "consentstatus", "preference"]),
    ("trigger", &["consenttype", "legalbasis", "basis"]),
    ("purpose", &["purposeid", "purposename", "processingpurpose"]),
    ("recipient", &["recipientid", "thirdparty", "partner", "sharedwith", "disclosedto"]),
    ("handler", &["controller", "collector", "collectedby", "handlerid", "datacontroller"]),
    ("categories", &["category", "datacategory", "datacategories", "personaldata"]),
    ("methods", &["method", "processing"]),
    ("notice", &["noticeid", "policyid", "privacynotice", "noticename"]),
    ("notice_version", &["version", "policyversion", "noticeversionnumber"]),
    ("shown_at", &["noticeshownat", "displayedat", "presentedat"]),
    ("giver", &["givenby", "consenter"]),
    ("kind", &["consentkind", "form"]),
    ("ids", &["namespace", "idtype", "idnamespace", "identitytype"]),
];

/// How the columns of one handler's consent files are called: by the names of [`COLUMNS`], unless declared otherwise.
///
/// Names are compared by their letters and digits alone, in their folded form: `VALID_TO`, `Valid To` and `validTo` are
/// `valid_to`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConsentColumns {
    /// By the key of the file's name, the column that it is.
    mapped: BTreeMap<String, &'static str>,
    /// Keys of names that hold nothing about a consent.
    ignored: BTreeSet<String>,
    /// Columns that are declared as constants, which no file may have.
    constant: BTreeSet<&'static str>,
    /// Keys of the paths above mapped ones: `purposes` where `purposes.id` is mapped.
    above: BTreeSet<String>,
    /// Where in a JSON document its records are; `None` where each document, or each item of a list of them, is one.
    records: Option<String>,
}

/// What a path of a JSON document is: the names of the objects that a value lies in and its own, with dots between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathUse {
    /// It lies above paths that are mapped, and holds nothing of its own.
    Above,
    /// A column of [`COLUMNS`], by its position there.
    Column(usize),
    /// It is ignored, with all that lies below it.
    Ignored,
    /// It names what the document is, and may hold this text alone.
    Mark(&'static str),
    /// It is neither known nor mapped nor ignored, or a constant; what lies below it may be read.
    Unknown,
}

/// Which column of a file each column of the consent table is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedColumns {
    places: [Option<usize>; COLUMNS.len()],
}

/// Why the columns of a file, or a declaration of them, are not those of a consent table.
///
/// # Privacy
/// A name is shown only if it looks like a name: the first line of a file without a header holds values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ColumnError {
    /// A column that is not known, not mapped and not ignored.
    #[error(
        "column {column} is no column of a consent table{}; rename it, or list it under `ignore` of `[consents]` if it holds nothing about a consent",
        .meant.map(|meant| format!(": did you mean `{meant}`?")).unwrap_or_default()
    )]
    Unknown {
        /// Its name in backticks, or its position from 1.
        column: String,
        /// The column that such a name mostly means.
        meant: Option<&'static str>,
    },
    /// Two columns of a file, or of a declaration, that have the same meaning.
    #[error("column {first} and column {second} both map to `{column}`")]
    Twice {
        /// The column of the consent table.
        column: &'static str,
        /// The name or position of the first.
        first: String,
        /// The name or position of the second.
        second: String,
    },
    /// A column that ends consents, and is declared to hold nothing about them.
    #[error(
        "column {column} ends consents and cannot be ignored: without it ended ones would count; name it under `columns`"
    )]
    Ends {
        /// Its name in backticks, or its position from 1.
        column: String,
    },
    /// A column of a file that is declared as a constant.
    #[error(
        "column {column} means `{constant}`, which `[consents]` declares as a constant; remove the constant, or list the column under `ignore`"
    )]
    Constant {
        /// Its name in backticks, or its position from 1.
        column: String,
        /// The column of the consent table.
        constant: &'static str,
    },
}

impl ConsentColumns {
    /// Columns under other names: for some columns of [`COLUMNS`] the name that files give them, and the names of columns that
    /// hold nothing about a consent.
    ///
    /// # Errors
    /// [`ColumnError`] for a column that no consent table has, and for one name that means two columns.
    pub fn new<'a>(
        columns: impl IntoIterator<Item = (&'a str, &'a str)>,
        ignored: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, ColumnError> {
        let mut all = Self::default();
        for (column, name) in columns {
            let known = known(&key(column)).ok_or_else(|| unknown(shown(0, column), column))?;
            if let Some(other) = all.mapped.insert(key(name), known) {
                let [first, second] = [other, known].map(|column| format!("`{column}`"));
                return Err(ColumnError::Twice { column: known, first, second });
            }
            all.above.extend(objects_above(name).map(key));
        }
        for name in ignored {
            let column = known(&key(name)).or_else(|| column_of(name)).or_else(|| synonym(name));
            if column == Some("valid_to") && !all.mapped.values().any(|mapped| *mapped == "valid_to") {
                return Err(ColumnError::Ends { column: shown(0, name) });
            }
            all.ignored.insert(key(name));
        }
        Ok(all)
    }

    /// The same columns, of which these are constants: a file that has one of them is refused.
    #[must_use]
    pub fn with_constants(mut self, columns: impl IntoIterator<Item = &'static str>) -> Self {
        self.constant.extend(columns);
        self
    }

    /// Columns under the names of [`COLUMNS`], of which the same ones are constants.
    #[must_use]
    pub fn under_own_names(&self) -> Self {
        Self { constant: self.constant.clone(), ..Self::default() }
    }

    /// Whether a column is declared as a constant.
    #[must_use]
    pub fn is_constant(&self, column: &str) -> bool {
        self.constant.contains(column)
    }

    /// The same columns, of records that lie at a path of a JSON document.
    #[must_use]
    pub fn with_records(mut self, path: Option<String>) -> Self {
        self.records = path;
        self
    }

    /// Where in a JSON document its records are.
    #[must_use]
    pub fn records(&self) -> Option<&str> {
        self.records.as_deref()
    }

    /// Which column a name means; `None` for one that is ignored. `place` is its position, from 0.
    ///
    /// # Errors
    /// [`ColumnError`] for a name that is neither known nor ignored, and for a constant.
    pub fn column(&self, place: usize, name: &str) -> Result<Option<&'static str>, ColumnError> {
        if self.ignored.contains(&key(name)) {
            return Ok(None);
        }
        self.column_of(name, || shown(place, name)).map(Some)
    }

    fn column_of(&self, name: &str, shown: impl FnOnce() -> String) -> Result<&'static str, ColumnError> {
        let key = key(name);
        match self.mapped.get(&key).copied().or_else(|| known(&key)).or_else(|| column_of(name)) {
            None => Err(unknown(shown(), name)),
            Some(column) if self.constant.contains(column) => {
                Err(ColumnError::Constant { column: shown(), constant: column })
            }
            Some(column) => Ok(column),
        }
    }

    /// What a path of a JSON document is.
    #[must_use]
    pub fn path_use(&self, path: &str) -> PathUse {
        if self.ignores_path(path) {
            return PathUse::Ignored;
        }
        let key = key(path);
        let column = self.mapped.get(&key).copied().or_else(|| known(&key)).or_else(|| column_of(path));
        let mark = MARKS.iter().find(|(mark, _)| *mark == path && column.is_none());
        let column = column.filter(|column| !self.constant.contains(column));
        let position = column.and_then(|column| COLUMNS.iter().position(|known| *known == column));
        match position {
            Some(position) => PathUse::Column(position),
            None if let Some((_, text)) = mark => PathUse::Mark(text),
            None if self.above.contains(&key) => PathUse::Above,
            None => PathUse::Unknown,
        }
    }

    /// The column that a value at a path states, by its position in [`COLUMNS`].
    ///
    /// # Errors
    /// [`ColumnError`] as [`ConsentColumns::column`], which names the path with `?` for what may be a value.
    pub fn value_at(&self, path: &str) -> Result<usize, ColumnError> {
        let column = self.column_of(path, || shown_path(path))?;
        let position = COLUMNS.iter().position(|known| *known == column);
        position.ok_or_else(|| unknown(shown_path(path), path))
    }

    /// Whether a path of a JSON document is ignored: itself, or an object that it lies in.
    #[must_use]
    pub fn ignores_path(&self, path: &str) -> bool {
        objects_above(path).chain([path]).any(|above| self.ignored.contains(&key(above)))
    }

    /// Finds the columns of a file whose header has these names.
    ///
    /// # Errors
    /// [`ColumnError`] for a name that is neither known nor ignored, and for two names of one column.
    ///
    /// # Privacy
    /// A function of the header alone.
    pub fn resolve(&self, names: &[&str]) -> Result<ResolvedColumns, ColumnError> {
        let mut places = [None; COLUMNS.len()];
        for (place, name) in names.iter().enumerate() {
            let Some(column) = self.column(place, name)? else { continue };
            let slot = COLUMNS.iter().position(|known| *known == column);
            let Some(slot) = slot.and_then(|slot| places.get_mut(slot)) else { continue };
            if let Some(first) = slot.replace(place) {
                let before = names.get(first).copied().unwrap_or_default();
                let (first, second) = (shown(first, before), shown(place, name));
                return Err(ColumnError::Twice { column, first, second });
            }
        }
        Ok(ResolvedColumns { places })
    }
}

impl ResolvedColumns {
    /// The position in the file of a column of [`COLUMNS`], from 0.
    #[must_use]
    pub fn place(&self, column: &str) -> Option<usize> {
        let position = COLUMNS.iter().position(|known| *known == column)?;
        self.places.get(position).copied().flatten()
    }
}

/// Letters and digits of the folded name; of a name without any, the folded name itself.
fn key(name: &str) -> String {
    let folded = folded_word(name);
    let plain: String = folded.chars().filter(|letter| letter.is_alphanumeric()).collect();
    if plain.is_empty() { folded } else { plain }
}

fn known(key: &str) -> Option<&'static str> {
    COLUMNS.into_iter().find(|column| column.chars().filter(|letter| *letter != '_').eq(key.chars()))
}

/// The objects that a path of a JSON document lies in, from the outermost.
fn objects_above(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('.').filter_map(|(at, _)| path.get(..at))
}

/// The error of a name, or of a path, by the column that its last name suggests.
fn unknown(column: String, name: &str) -> ColumnError {
    let meant = synonym(name).or_else(|| {
        let near = nearest(&last_key(name), COLUMNS)?;
        COLUMNS.into_iter().find(|column| *column == near)
    });
    ColumnError::Unknown { column, meant }
}

/// The column that other programs call by the last name of a path.
fn synonym(path: &str) -> Option<&'static str> {
    let key = last_key(path);
    SYNONYMS.iter().find(|(_, names)| names.contains(&key.as_str())).map(|(column, _)| *column)
}

fn last_key(path: &str) -> String {
    key(path.rsplit('.').next().unwrap_or(path))
}

/// A name in backticks if it looks like one, and its position otherwise.
fn shown(place: usize, name: &str) -> String {
    if is_name(name) { format!("`{name}`") } else { (place + 1).to_string() }
}

/// Whether a name of a column is no value by its looks: the first line of a file without a header has values.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let digits = name.chars().filter(|letter| letter.is_numeric()).count();
    let plain = |letter: char| letter.is_alphanumeric() || "_- .()/%:\u{ff08}\u{ff09}".contains(letter);
    name.chars().any(char::is_alphabetic)
        && name.chars().all(plain)
        && digits < 5
        && name.chars().count() <= 64
}

/// A path in backticks, with `?` for every name in it that may be a value, such as an object whose members are called by the ids of
/// people.
#[must_use]
pub fn shown_path(path: &str) -> String {
    let is_name = |name: &str| {
        let digits = name.chars().filter(|letter| letter.is_numeric()).count();
        let plain = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | ' ' | ':');
        let bare = name.strip_prefix(['@', '$']).unwrap_or(name);
        bare.chars().any(char::is_alphabetic)
            && bare.chars().all(plain)
            && digits < 5
            && bare.chars().count() <= 64
    };
    let names: Vec<&str> = path.split('.').map(|name| if is_name(name) { name } else { "?" }).collect();
    format!("`{}`", names.join("."))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_spelling_of_a_column_is_that_column() {
        for names in [
            ["person", "VALID_TO", "at"],
            ["Person", "Valid To", "AT "],
            ["\u{feff}PERSON", "validTo", "At"],
            ["ｐｅｒｓｏｎ", "valid-to", "\u{200b}at"],
        ] {
            let found = ConsentColumns::default().resolve(&names).unwrap();
            let places = ["person", "valid_to", "at", "ids"].map(|column| found.place(column));
            assert_eq!(places, [Some(0), Some(1), Some(2), None], "{names:?}");
        }
    }

    #[test]
    fn an_unknown_column_is_refused_with_the_one_that_was_meant() {
        let refused =
            |name: &str| ConsentColumns::default().resolve(&["person", name]).unwrap_err().to_string();
        for (name, meant) in [
            ("valid_until", "valid_to"),
            ("expires_at", "valid_to"),
            ("Expiry", "valid_to"),
            ("user_id", "person"),
            ("timestamp", "at"),
            ("recipents", "recipient"),
            ("namespace", "ids"),
        ] {
            let text = refused(name);
            assert!(
                text.starts_with(&format!(
                    "column `{name}` is no column of a consent table: did you mean `{meant}`?"
                )),
                "{text}"
            );
        }
        assert!(refused("").starts_with("column 2 is no column"), "{}", refused(""));
        // A first line of values is not repeated.
        for value in ["13800000001", "a@b.example", "2026-09-01T00:00:00Z"] {
            assert!(refused(value).starts_with("column 2 is no column"), "{}", refused(value));
        }
        let twice = ConsentColumns::default().resolve(&["valid_to", "person", "VALID TO"]).unwrap_err();
        assert_eq!(twice.to_string(), "column `valid_to` and column `VALID TO` both map to `valid_to`");
    }

    #[test]
    fn a_declaration_renames_and_ignores() {
        let columns = ConsentColumns::new([("person", "user_id"), ("at", "updated")], ["IP"]).unwrap();
        let found = columns.resolve(&["ip", "User-Id", "updated", "event"]).unwrap();
        assert_eq!(["person", "at", "event"].map(|column| found.place(column)), [Some(1), Some(2), Some(3)]);
        assert!(columns.resolve(&["user_id", "person"]).is_err(), "both are the person");
        assert!(ConsentColumns::new([("persn", "a")], []).is_err());
        assert!(ConsentColumns::new([("person", "a"), ("at", "A")], []).is_err());
        for end in ["VALID TO", "expires_at", "purposes.expiryDate", "validUntil"] {
            let ignored = ConsentColumns::new([], [end]).unwrap_err();
            assert!(matches!(ignored, ColumnError::Ends { .. }), "{end}: {ignored}");
            assert!(ConsentColumns::new([("valid_to", "ends")], [end]).is_ok(), "another column ends them");
        }
    }

    proptest! {
        /// Every name of a header is one column, ignored, or refused; nothing is passed over.
        #[test]
        fn no_column_is_passed_over(
            names in proptest::collection::vec(prop_oneof![
                proptest::sample::select(COLUMNS.to_vec()).prop_map(str::to_owned),
                proptest::sample::select(COLUMNS.to_vec()).prop_map(|name| name.to_uppercase().replace('_', " ")),
                any::<String>(),
                Just("channel".to_owned()),
            ], 0..6),
        ) {
            let columns = ConsentColumns::new([], ["channel"]).unwrap();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            if let Ok(found) = columns.resolve(&names) {
                let mut taken: Vec<usize> = COLUMNS.iter().filter_map(|column| found.place(column)).collect();
                taken.extend((0..names.len()).filter(|place| names[*place] == "channel"));
                taken.sort_unstable();
                prop_assert_eq!(taken, (0..names.len()).collect::<Vec<_>>());
            }
        }
    }
}
