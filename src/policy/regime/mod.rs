//! A regime: a law as data. Articles, purposes, categories, triggers, the matrix and every text live in its file; Rust holds
//! the mechanism only, so that another law is another file.

mod compile;
mod file;
mod vocabulary;

pub use file::Mark;

pub(super) use compile::{Compiled, cell, compile};
pub(super) use file::{Coarse, Head, Names, NoticeBlock, PersonReason, RegimeFile, Rule, Scope, Text};
pub(super) use vocabulary::{MISSING, UNDECLARED, UNKNOWN, add_facts};

use super::logic::Vocabulary;
use super::{StudyError, StudyFault};

/// A regime that is not built in, or whose file is broken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegimeError {
    /// No regime of this name is built in.
    #[error("unknown regime `{name}`: built in are {}, and the path of a file ends in `.toml`{}", .known.join(", "), meant(.name, .known))]
    Unknown {
        /// What the study declares.
        name: String,
        /// The built-in regimes.
        known: Vec<&'static str>,
    },
    /// The file does not have what a regime needs.
    #[error(transparent)]
    Broken(#[from] StudyError),
}

fn meant(name: &str, known: &[&str]) -> String {
    let meant = crate::tags::nearest(name, known.iter().copied());
    meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default()
}

/// The language in which decisions are explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Simplified Chinese.
    Zh,
}

impl Text {
    /// The text in a language; English where there is no other.
    pub(super) fn of(&self, lang: Lang) -> &str {
        match lang {
            Lang::Zh if !self.zh.is_empty() => &self.zh,
            Lang::En | Lang::Zh => &self.en,
        }
    }
}

/// The regimes built into the crate.
pub(super) const BUILT_IN: [(&str, &str); 2] = [
    ("cn-pipl", include_str!("../../../policies/cn-pipl/regime.toml")),
    ("gdpr-subset", include_str!("../../../policies/gdpr-subset/regime.toml")),
];

/// The largest regime file, in bytes.
const LARGEST: usize = 4 << 20;

/// A regime, checked as a whole: every word that it names is defined, every cell of its matrix is there.
#[derive(Debug)]
pub struct Regime {
    hash: String,
    pub(super) file: RegimeFile,
    pub(super) vocabulary: Vocabulary,
    pub(super) compiled: Compiled,
}

impl Regime {
    /// The text of the built-in regime of this name.
    ///
    /// # Errors
    /// [`RegimeError::Unknown`] with the names that there are.
    pub fn built_in_text(name: &str) -> Result<&'static str, RegimeError> {
        match BUILT_IN.iter().find(|(known, _)| *known == name) {
            Some((_, text)) => Ok(text),
            None => {
                let name = name.chars().take(80).collect();
                Err(RegimeError::Unknown { name, known: BUILT_IN.iter().map(|(known, _)| *known).collect() })
            }
        }
    }

    /// The built-in regime of this name.
    ///
    /// # Errors
    /// [`RegimeError::Unknown`] with the names that there are.
    pub fn built_in(name: &str) -> Result<Self, RegimeError> {
        Self::parse(name, Self::built_in_text(name)?)
    }

    /// Parses the text of a regime file; `name` is how errors call the file.
    ///
    /// # Errors
    /// [`RegimeError::Broken`] with line, column and what was meant, for the first thing that is wrong.
    ///
    /// # Privacy
    /// None: a regime is a public text.
    pub fn parse(name: &str, text: &str) -> Result<Self, RegimeError> {
        if text.len() > LARGEST {
            let fault = StudyFault::Contradiction("a regime file has at most 4 MiB".into());
            return Err(StudyError::at(name, text, None, fault).into());
        }
        let file: RegimeFile =
            toml::from_str(text).map_err(|error| StudyError::syntax(name, text, &error))?;
        let mut vocabulary = Vocabulary::default();
        add_facts(&mut vocabulary, &file);
        let compiled = compile(&file, &vocabulary)
            .map_err(|(span, fault)| StudyError::at(name, text, Some(span), fault))?;
        let hash = format!("blake3:{}", blake3::hash(text.as_bytes()).to_hex());
        Ok(Self { hash, file, vocabulary, compiled })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.file.regime.id
    }

    /// `blake3:` and the hash of the file's bytes; one changed byte is another regime.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Its name, version and language-dependent title.
    #[must_use]
    pub fn title(&self, lang: Lang) -> String {
        format!("{} ({} v{})", self.file.regime.name.of(lang), self.file.regime.id, self.file.regime.version)
    }

    /// The age below which a person is a child, and that from which they are an adult, in years.
    #[must_use]
    pub const fn age_thresholds(&self) -> (u8, u8) {
        (self.file.regime.child_below, self.file.regime.adult_from)
    }

    /// The rules, in alphabetical order.
    pub fn rules(&self) -> impl Iterator<Item = &str> {
        self.file.rules.keys().map(String::as_str)
    }

    /// Whether a category is sensitive under a profile; under any, where the profile is not one of the regime's.
    pub(super) fn is_sensitive(&self, category: &str, profile: Option<&str>) -> bool {
        let profiles = &self.file.regime.profiles;
        let profile = profile.or(profiles.first().map(String::as_str)).unwrap_or_default();
        let known = profiles.iter().any(|known| known == profile);
        self.file.categories.get(category).is_none_or(|category| {
            category.sensitive.iter().any(|under| !known || under.get_ref() == profile)
        })
    }
}
