//! A study in the words of its regime: titles, and how sensitive the data behind a tag is.

use std::collections::BTreeSet;

use super::regime::Lang;
use super::{Regime, Study};
use crate::tags::{Measure, Tag};
use crate::types::DatasetName;

/// A data category as a regime sees it under a study.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Category {
    /// Its word in the study.
    pub name: String,
    /// Its title; the word where the regime does not know it.
    pub title: String,
    /// Whether it is sensitive under this study.
    pub sensitive: bool,
}

impl Regime {
    /// The data category called `name`.
    #[must_use]
    pub fn category(&self, study: &Study, name: &str, lang: Lang) -> Category {
        let title = self.file.categories.get(name).map_or(name, |category| category.title.of(lang));
        let sensitive = self.is_sensitive_in(study, name);
        Category { name: name.to_owned(), title: title.to_owned(), sensitive }
    }

    /// The data categories that a tag inherits or infers.
    #[must_use]
    pub fn categories_of_tag(&self, study: &Study, tag: &Tag, lang: Lang) -> BTreeSet<Category> {
        let inferred = study.infers.get(tag.name()).map(|name| self.category(study, name, lang));
        let read = self.of_tables(study, study.catalogue.read_by_tag(tag), lang);
        read.into_iter().chain(inferred).collect()
    }

    /// The data categories that a measure inherits.
    #[must_use]
    pub fn categories_of_measure(&self, study: &Study, measure: &Measure, lang: Lang) -> BTreeSet<Category> {
        self.of_tables(study, study.catalogue.read_by_measure(measure), lang)
    }

    fn of_tables(&self, study: &Study, tables: BTreeSet<&DatasetName>, lang: Lang) -> BTreeSet<Category> {
        let tables = tables.into_iter().filter_map(|name| study.dataset(name));
        tables.map(|table| self.category(study, &table.category, lang)).collect()
    }

    /// The title of a purpose; its word where the regime does not know it.
    #[must_use]
    pub fn purpose_title<'a>(&'a self, purpose: &'a str, lang: Lang) -> &'a str {
        self.file.purposes.get(purpose).map_or(purpose, |known| known.title.of(lang))
    }

    /// The title of a kind of document; its word where the regime does not know it.
    #[must_use]
    pub fn document_title<'a>(&'a self, kind: &'a str, lang: Lang) -> &'a str {
        self.file.documents.get(kind).map_or(kind, |known| known.title.of(lang))
    }

    /// The article of a rule and what it asks.
    #[must_use]
    pub fn rule_asks(&self, rule: &str, lang: Lang) -> Option<(&str, &str)> {
        let rule = self.file.rules.get(rule)?;
        Some((rule.article.get_ref().as_str(), rule.asks.of(lang)))
    }

    /// Whether a category is sensitive under a study.
    pub(super) fn is_sensitive_in(&self, study: &Study, category: &str) -> bool {
        // An epoch does not separate the rows of children, so all rows are as sensitive as theirs.
        let all = study.admits.children && self.file.regime.children_sensitive;
        all || self.is_sensitive(category, study.profile.as_deref())
    }
}
