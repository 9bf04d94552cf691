//! What a check finds in a policy file.

use std::fmt;

use serde::Serialize;

use super::{RuleResult, StudyError};

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Something to know; a check passes all the same.
    Note,
    /// Something to fix.
    Warning,
    /// The file does not work, or the use is denied.
    Error,
}

impl Level {
    /// The word, which SARIF uses too.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Something that should be known or fixed before a policy is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file.
    pub file: String,
    /// Line and column, from 1, where the finding has a place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<(usize, usize)>,
    /// How much it matters.
    pub level: Level,
    /// The rule: of the regime, or in capitals one of our own.
    pub rule: String,
    /// Its article, if it has one.
    pub article: String,
    /// What is wrong.
    pub message: String,
    /// What would fix it.
    pub fix: String,
    /// The result of the rule, for a finding about a rule of the regime.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<RuleResult>,
}

impl Finding {
    /// A finding of one of our own rules about a file as a whole.
    #[must_use]
    pub fn new(level: Level, rule: &str, message: impl Into<String>, fix: &str) -> Self {
        Self {
            file: String::new(),
            place: None,
            level,
            rule: rule.to_owned(),
            article: String::new(),
            message: message.into(),
            fix: fix.to_owned(),
            result: None,
        }
    }

    /// A finding about a rule of the regime with this result.
    #[must_use]
    pub fn with_result(self, result: RuleResult) -> Self {
        Self { result: Some(result), ..self }
    }

    /// An error of a file as a finding.
    #[must_use]
    pub fn of_error(rule: &str, error: &StudyError, fix: &str) -> Self {
        let place = Some((error.line, error.column));
        Self { place, ..Self::new(Level::Error, rule, error.what(), fix) }
    }

    /// The same finding with its article.
    #[must_use]
    pub fn under(self, article: &str) -> Self {
        Self { article: article.to_owned(), ..self }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some((line, column)) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        let article = if self.article.is_empty() { String::new() } else { format!(" ({})", self.article) };
        write!(f, ": {}: {}{article}: {}", self.level.as_str(), self.rule, self.message)?;
        if self.fix.is_empty() { Ok(()) } else { write!(f, "\n  fix: {}", self.fix) }
    }
}
