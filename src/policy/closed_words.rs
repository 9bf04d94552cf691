//! Words of a study for which its regime has a closed list, each checked in its place: an unknown one is refused.

use std::collections::BTreeMap;
use std::ops::Range;

use super::compile::{Misplaced, unknown};
use super::file::StudyFile;
use super::placed::Spanned;
use super::regime::Regime;
use super::{StudyError, StudyFault};
use crate::consent::{is_readable, items};
use crate::types::{is_same_word, nearest};

/// A figure that this program itself reads, under every regime.
const PEOPLE: &str = "people";

/// Every word of a study's text that is on no list of its regime, with its place and the nearest word that is.
///
/// Checked are kinds of documents and what they cover, statements and changes of the notice, figures, the profile, countries, and
/// what words of consents are mapped to.
/// An unknown purpose, basis, category, role or kind of handler is a reason by which the use is denied.
///
/// # Privacy
/// None: studies and regimes are public texts.
#[must_use]
pub fn unknown_words(name: &str, text: &str, regime: &Regime) -> Vec<StudyError> {
    match toml::from_str::<StudyFile>(text) {
        Ok(file) => {
            let place = |(span, fault): Misplaced| StudyError::at(name, text, Some(span), fault);
            Check { file: &file, regime, found: Vec::new() }.all().into_iter().map(place).collect()
        }
        Err(error) => vec![StudyError::syntax(name, text, &error)],
    }
}

struct Check<'a> {
    file: &'a StudyFile,
    regime: &'a Regime,
    found: Vec<Misplaced>,
}

impl<'a> Check<'a> {
    fn all(mut self) -> Vec<Misplaced> {
        let (file, regime) = (self.file, &self.regime.file);
        self.each("document", file.documents.keys(), keys(&regime.documents));
        for document in file.documents.values() {
            self.each("purpose", &document.purposes, keys(&regime.purposes));
            self.each("category", &document.categories, keys(&regime.categories));
        }
        self.each("statement of a notice", file.notice.states.iter().flatten(), keys(&regime.statements));
        let head = &regime.regime;
        for change in &file.notice.changes {
            let known = head.material_changes.iter().chain(&head.slight_changes).map(String::as_str);
            self.each("change of a notice", &change.get_ref().changed, known);
        }
        self.each("figure", file.figures.keys(), keys(&regime.figures).chain([PEOPLE]));
        self.each("profile", file.study.profile.iter(), head.profiles.iter().map(String::as_str));
        for recipient in file.recipients.get_ref() {
            self.country(&recipient.country, recipient.id.span());
        }
        self.consents();
        self.found.sort_by_key(|(span, _)| span.start);
        self.found
    }

    fn each(
        &mut self,
        kind: &'static str,
        words: impl IntoIterator<Item = &'a Spanned<String>>,
        known: impl Iterator<Item = &'a str> + Clone,
    ) {
        let strange = words.into_iter().filter(|word| !known.clone().any(|known| known == word.get_ref()));
        self.found.extend(strange.map(|word| unknown(kind, word, known.clone())));
    }

    /// Words of `[consents]`: a consent with one that is on no list would be none, without any error.
    fn consents(&mut self) {
        let (file, regime) = (self.file, &self.regime.file);
        let handlers: Vec<&str> = file
            .handlers
            .get_ref()
            .iter()
            .flat_map(|handler| [handler.id.get_ref().as_str(), handler.legal_id.as_str()])
            .collect();
        let purposes: Vec<&str> = keys(&regime.purposes).chain([file.study.purpose.as_str()]).collect();
        for (place, column, word) in file.consents.words() {
            let known: (&'static str, Vec<&str>) = match column {
                "trigger" => ("trigger", keys(&regime.triggers).collect()),
                "purpose" => ("purpose", purposes.clone()),
                "categories" => ("category", keys(&regime.categories).collect()),
                "handler" => ("handler", handlers.clone()),
                _ if is_readable(column, &word) => continue,
                _ => ("word of the consent table", Vec::new()),
            };
            let (kind, known) = known;
            for item in items(&word).filter(|item| !known.iter().any(|known| is_same_word(known, item))) {
                let nearest = nearest(item, known.iter().copied());
                let name = item.chars().take(80).collect();
                self.found.push((place.clone(), StudyFault::Unknown { kind, name, nearest }));
            }
        }
    }

    /// A country is two capital letters; a recipient without a country is denied by its regime.
    fn country(&mut self, country: &str, place: Range<usize>) {
        let is_code = country.len() == 2 && country.bytes().all(|letter| letter.is_ascii_uppercase());
        if !is_code && !country.trim().is_empty() {
            let name = country.chars().take(80).collect::<String>();
            let nearest = (country.trim().len() == 2).then(|| country.trim().to_ascii_uppercase());
            self.found.push((place, StudyFault::Unknown { kind: "country", name, nearest }));
        }
    }
}

fn keys<V>(table: &BTreeMap<String, V>) -> impl Iterator<Item = &str> + Clone {
    table.keys().map(String::as_str)
}
