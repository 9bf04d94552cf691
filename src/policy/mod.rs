//! Layer 1: the study file, the regime and the decision whether a use is permitted at all.
//!
//! A study is parsed into types that cannot be invalid; every error has its place and names what was probably meant. A regime is
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
mod tokens;
mod words;

#[doc(hidden)]
pub use closed_words::unknown_words;
pub use decide::{Decision, Flow, Opinion, Permit, Reason, decide, with_opinion};
#[doc(hidden)]
pub use diff::Relation;
pub use diff::{Comparison, Difference};
pub use explain::Explanation;
#[doc(hidden)]
pub use explain::{Line, replayed};
pub use fault::StudyError;
#[doc(hidden)]
pub use fault::StudyFault;
pub use finding::{Finding, Level};
#[doc(hidden)]
pub use links::{IdColumn, LinksTable};
pub use metrics::Metric;
#[doc(hidden)]
pub use metrics::{Formula, Operand};
pub use outcome::{RuleOutcome, RuleResult};
#[doc(hidden)]
pub use papers::{Paper, PaperKind};
#[doc(hidden)]
pub use reads::Category;
#[doc(hidden)]
pub use regime::Mark;
pub use regime::{Lang, Regime, RegimeError};
#[doc(hidden)]
pub use scenario::Ran;
pub use scenario::Scenarios;
pub use schema::SchemaOf;
pub use study::{Action, Dataset, Handler, Recipient, ReleaseTerms, Role, Study};
#[doc(hidden)]
pub use study::{Covers, Document, Field, FieldKind, Notice, Screen, Shape};
#[doc(hidden)]
pub use tokens::TokenTerms;
#[doc(hidden)]
pub use words::{Word, WordsOf};
