//! Layer 1: the study file, the regime and the decision whether a use is permitted at all.
//!
//! A study is parsed into types that cannot be invalid; every error has its place and says what was meant. A regime is
//! data: articles, triggers, categories and messages live in its file, Rust holds the mechanism only.

mod closed_words;
mod compile;
mod consents;
mod decide;
mod diff;
mod diff_study;
mod explain;
mod explain_person;
mod explain_table;
mod facts;
mod fault;
mod fields;
mod file;
mod finding;
mod known;
mod links;
mod lint;
mod located;
mod logic;
mod measures;
mod metrics;
#[cfg(test)]
mod opinion_tests;
mod outcome;
#[cfg(test)]
mod outcome_tests;
mod papers;
mod phrases;
mod placed;
mod reads;
mod record_measures;
mod regime;
mod scenario;
mod schema;
mod study;
mod test_section;
mod tests_written;
mod words;

pub use closed_words::unknown_words;
pub use decide::{Decision, Flow, Opinion, Permit, Reason, decide, with_opinion};
pub use diff::{Comparison, Difference, Relation, diff_regimes};
pub use diff_study::diff_studies;
pub use explain::{Explanation, Line, replayed};
pub use fault::{Fault, StudyError};
pub use finding::{Finding, Level};
pub use links::{IdColumn, LinksTable};
pub use lint::{lint_regime, lint_study};
pub use metrics::{Formula, Metric, Operand};
pub use outcome::{RuleOutcome, RuleResult};
pub use papers::{Paper, PaperKind};
pub use reads::Category;
pub use regime::{Lang, Mark, Regime, RegimeError};
pub use scenario::{Ran, Scenarios};
pub use schema::SchemaOf;
pub use study::{
    Action, Covers, Dataset, Document, Field, FieldKind, Handler, Notice, Recipient, ReleaseTerms, Role,
    Screen, Shape, Study,
};
pub use words::{Word, WordsOf};
