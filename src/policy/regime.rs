//! A regime as data: articles, triggers, categories, thresholds and messages; this file holds only their shape.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// A regime file that does not parse or contradicts itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegimeError {
    /// No regime of this name is built in.
    #[error("unknown regime `{name}`: built in are {}", .known.join(", "))]
    Unknown {
        /// What the study says.
        name: String,
        /// The built-in regimes.
        known: Vec<&'static str>,
    },
    /// Not the shape of a regime.
    #[error("the regime file is broken")]
    Syntax(#[from] toml::de::Error),
    /// An action demands a trigger or a rule that the file does not define.
    #[error("the regime names `{name}` but does not define it")]
    Undefined {
        /// The trigger or rule.
        name: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    id: String,
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "version")]
    _version: u32,
    bases: BTreeSet<String>,
    prohibited_purposes: BTreeSet<String>,
}

/// What an action demands.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ActionRules {
    pub(super) triggers: BTreeSet<String>,
    pub(super) documents: BTreeSet<String>,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Scope {
    All,
    Sensitive,
}

/// A kind of separate consent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Trigger {
    #[serde(rename = "article")]
    _article: String,
    /// The categories that the consent must list.
    pub(super) of: Scope,
    /// Demanded by every action as soon as such a category is read.
    #[serde(default)]
    pub(super) always: bool,
    #[serde(rename = "mark")]
    _mark: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Category {
    sensitive: bool,
    #[serde(rename = "mark")]
    _mark: String,
}

/// A rule's article and messages; `{}` stands for what failed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    pub(super) article: String,
    pub(super) because: String,
    pub(super) fix: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RegimeFile {
    regime: Head,
    actions: BTreeMap<String, ActionRules>,
    triggers: BTreeMap<String, Trigger>,
    categories: BTreeMap<String, Category>,
    rules: BTreeMap<String, Rule>,
}

/// The rules that the mechanism in `decide` asks for; a regime file must define each.
const DECIDED: [&str; 7] = ["R06", "R10", "R13", "R14", "R23", "R28", "R55"];

/// The regimes built into the crate.
const BUILT_IN: [(&str, &str); 1] = [("cn-pipl", include_str!("../../policies/cn-pipl/regime.toml"))];

/// A regime, checked.
#[derive(Debug)]
pub struct Regime {
    file: RegimeFile,
}

impl Regime {
    /// The built-in regime of this name.
    ///
    /// # Errors
    /// [`RegimeError::Unknown`] with the names that there are.
    pub fn built_in(name: &str) -> Result<Self, RegimeError> {
        match BUILT_IN.iter().find(|(known, _)| *known == name) {
            Some((_, text)) => Self::parse(text),
            None => {
                let name = name.chars().take(80).collect();
                Err(RegimeError::Unknown { name, known: BUILT_IN.iter().map(|(known, _)| *known).collect() })
            }
        }
    }

    /// Parses the text of a regime file.
    ///
    /// # Errors
    /// [`RegimeError`]
    pub fn parse(text: &str) -> Result<Self, RegimeError> {
        let file: RegimeFile = toml::from_str(text)?;
        let demanded = file.actions.values().flat_map(|action| &action.triggers);
        if let Some(name) = demanded.into_iter().find(|name| !file.triggers.contains_key(*name)) {
            return Err(RegimeError::Undefined { name: name.clone() });
        }
        if let Some(name) = DECIDED.iter().find(|name| !file.rules.contains_key(**name)) {
            return Err(RegimeError::Undefined { name: (*name).to_owned() });
        }
        Ok(Self { file })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.file.regime.id
    }

    pub(super) fn allows_basis(&self, basis: &str) -> bool {
        self.file.regime.bases.contains(basis)
    }

    pub(super) fn prohibits(&self, purpose: &str) -> bool {
        self.file.regime.prohibited_purposes.contains(purpose)
    }

    pub(super) fn action(&self, action: &str) -> Option<&ActionRules> {
        self.file.actions.get(action)
    }

    pub(super) fn triggers(&self) -> &BTreeMap<String, Trigger> {
        &self.file.triggers
    }

    /// Whether a category is sensitive; `None` for one that the regime does not know.
    pub(super) fn is_sensitive(&self, category: &str) -> Option<bool> {
        self.file.categories.get(category).map(|category| category.sensitive)
    }

    pub(super) fn rule(&self, id: &str) -> Option<&Rule> {
        self.file.rules.get(id)
    }
}
