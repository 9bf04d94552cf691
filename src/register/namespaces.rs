//! Whose an event is: the namespaces of a place, and the spelling under which it keeps their ids.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::{Event, EventError};
use crate::consent::COLUMNS;
use crate::deidentify::IdForms;
use crate::types::{folded_word, is_blank};

/// The namespaces of a place, each with the forms that its studies declare for ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Namespaces {
    forms: BTreeMap<String, IdForms>,
    default: Option<String>,
}

impl Namespaces {
    /// These namespaces; an event that names none is of the only one.
    #[must_use]
    pub fn new(forms: BTreeMap<String, IdForms>) -> Self {
        let only = forms.keys().next().filter(|_| forms.len() == 1);
        Self { default: only.cloned(), forms }
    }

    /// The same namespaces, of which this one, if it is given, is meant where an event names none.
    #[must_use]
    pub fn with_default(self, default: Option<&str>) -> Self {
        Self { default: default.map(str::to_owned).or(self.default), ..self }
    }

    /// What an event is of that names none.
    #[must_use]
    pub fn default(&self) -> Option<&str> {
        self.default.as_deref()
    }

    /// All of them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.forms.keys().map(String::as_str)
    }

    /// The forms of a namespace.
    #[must_use]
    pub fn forms(&self, namespace: &str) -> Option<(&str, &IdForms)> {
        self.forms.get_key_value(namespace).map(|(name, forms)| (name.as_str(), forms))
    }

    /// Every spelling under which a register may hold an id of this namespace; of an unknown one as it is written.
    #[must_use]
    pub fn spellings(&self, namespace: &str, id: &str) -> BTreeSet<String> {
        let forms = self.forms.get(namespace).cloned().unwrap_or_default();
        forms.spellings(id)
    }

    /// The namespace as it is known, and the id in the spelling under which it is kept.
    ///
    /// # Errors
    /// [`EventError`]
    pub fn read(&self, namespace: Option<&str>, id: Option<&str>) -> Result<(String, String), EventError> {
        let (name, forms) = self.named(namespace)?;
        Ok((name.to_owned(), Self::id(forms, id)?.into_owned()))
    }

    /// The id in the spelling under which it is kept.
    ///
    /// # Errors
    /// [`EventError`]
    pub fn id<'a>(forms: &IdForms, id: Option<&'a str>) -> Result<Cow<'a, str>, EventError> {
        let id = id.filter(|id| !is_blank(id)).ok_or(EventError::NoPerson)?;
        forms.read(id).map_err(EventError::Id)
    }

    /// The namespace as it is known.
    ///
    /// # Errors
    /// [`EventError`]
    pub fn name(&self, namespace: Option<&str>) -> Result<&str, EventError> {
        self.named(namespace).map(|(name, _)| name)
    }

    /// The namespace as it is known, and its forms.
    ///
    /// # Errors
    /// [`EventError`]
    pub fn named(&self, namespace: Option<&str>) -> Result<(&str, &IdForms), EventError> {
        let named = namespace.map(folded_word).filter(|word| !word.is_empty());
        let found = match named {
            Some(word) => self.forms.iter().find(|(known, _)| folded_word(known) == *word),
            None => Some(self.default.as_ref().ok_or(EventError::NoNamespace)?)
                .and_then(|default| self.forms.get_key_value(default)),
        };
        found.map(|(name, forms)| (name.as_str(), forms)).ok_or(EventError::UnknownNamespace)
    }

    /// The event of these cells, in the order of [`COLUMNS`], with its namespace and id as they are kept.
    ///
    /// # Errors
    /// [`EventError`]
    pub fn attribute(&self, mut cells: [Option<String>; COLUMNS.len()]) -> Result<Event, EventError> {
        let [person, ids, ..] = &mut cells;
        let (namespace, id) = self.read(ids.as_deref(), person.as_deref())?;
        (*ids, *person) = (Some(namespace), Some(id));
        Event::new(cells)
    }
}
