//! The record of a sandbox for the public registry of deployments of differential privacy of OpenDP, as a draft.
//!
//! Fields and words are those of its published schema of July 2026.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::audit::Kind;
use crate::dp::Accounting;
use crate::operator::{Approval, OperatorError, Reader, Status};
use crate::policy::Study;
use crate::types::NanoRho;

/// How a record begins that this library made, and may make again; its version follows.
pub const REGISTRY_MARK: &str = "# record of a registry, made by hushtag ";

/// What the registry asks for and neither studies nor books say.
const LEFT: &str = "# A draft. Left to the data curators: data_product_sector, implementation.justification, administrative (sources,
# registry_authors), and all that they know of the region and the use. Nothing here depends on the data of people.
";

/// A value of the record.
enum Node {
    Map(Vec<(&'static str, Node)>),
    Number(String),
    Text(String),
    Texts(Vec<String>),
}

fn text(text: impl Into<String>) -> Node {
    Node::Text(text.into())
}

/// The record of a sandbox as YAML: one deployment, since one pool covers all its studies.
///
/// # Errors
/// [`OperatorError`] when the books cannot be read.
///
/// # Privacy
/// Reads studies, the kinds and times of log entries, and the budget: public constants and costs, no number about people.
pub fn registry_yaml(reader: &Reader) -> Result<String, OperatorError> {
    let status = reader.status()?;
    // The date of the first publication; before it, that of the sandbox.
    let asked = reader.entries().find(|entry| entry.as_ref().map_or(true, |entry| entry.kind == Kind::Ask));
    let first = asked.or_else(|| reader.entries().next()).transpose()?;
    let at = first.map_or_else(|| reader.now(), |entry| entry.at).to_string();
    let published = at.split_once('T').map_or(at.as_str(), |(day, _)| day);
    let studies: Vec<&Study> = reader.studies().map(|(study, _)| study).collect();
    let ids: Vec<&str> = studies.iter().map(|study| study.id.as_str()).collect();
    let deployment = Node::Map(vec![
        ("basic", basic(&studies, &ids, published)),
        ("dp_variant", variant(&studies, status.accounting)),
        ("privacy_loss", loss(&studies, &status)),
        ("deployment_model", model(&studies, &status)),
        ("accounting", accounting()),
        ("implementation", implementation(&studies)),
    ]);
    let year = published.split('-').next().unwrap_or_default();
    let record = Node::Map(vec![
        ("url_slug", text(format!("hushtag-{}-{year}", ids.join("-")))),
        ("status", text("Draft")),
        ("tier", Node::Number("3".to_owned())),
        ("deployment", deployment),
    ]);
    let mut page = format!("{REGISTRY_MARK}{}\n{LEFT}", env!("CARGO_PKG_VERSION"));
    record.write(0, &mut page);
    Ok(page)
}

/// Every different one, in the order of the studies.
fn different(of: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    of.filter(|one| seen.insert(one.clone())).collect()
}

fn basic(studies: &[&Study], ids: &[&str], published: &str) -> Node {
    let called = |name: &str, id: &str| if name.is_empty() { id.to_owned() } else { name.to_owned() };
    let handlers = studies.iter().flat_map(|study| &study.handlers);
    let recipients = studies.iter().flat_map(|study| &study.recipients);
    let uses = studies.iter().map(|study| {
        let (id, action) = (study.id.as_str(), study.action.as_str());
        format!("{} (study {id}: {action}, on the basis of {}).", study.purpose, study.basis)
    });
    let laws = different(studies.iter().map(|study| study.regime.clone())).join(", ");
    let countries = different(recipients.clone().map(|recipient| recipient.country.clone())).join(", ");
    let to = different(recipients.map(|recipient| called(&recipient.name, recipient.id.as_str())));
    let about = format!(
        "Counts, sums, means and quantiles, also by group, over tags of people who consented, joined over the tables of the handlers. Answers go to: {}.",
        to.join(", ")
    );
    Node::Map(vec![
        ("name", text(format!("Answers under {}", ids.join(", ")))),
        (
            "data_curators",
            Node::Texts(different(handlers.map(|handler| called(&handler.name, handler.id.as_str())))),
        ),
        ("intended_use", text(uses.collect::<Vec<_>>().join(" "))),
        ("data_product_type", text("SQL queries")),
        (
            "data_product_region",
            text(format!("Regime of the study: {laws}. Countries of recipients: {countries}.")),
        ),
        ("description", text(about)),
        ("publication_date", text(published)),
    ])
}

fn variant(studies: &[&Study], accounting: Accounting) -> Node {
    let name = match accounting {
        Accounting::Pure => "Pure DP",
        Accounting::Zcdp { .. } => "Zero-concentrated DP",
    };
    let datasets = different(studies.iter().flat_map(|study| {
        let of = |dataset: &crate::policy::Dataset| format!("{} of {}", dataset.name, dataset.handler);
        study.datasets.iter().map(of).collect::<Vec<_>>()
    }));
    Node::Map(vec![
        ("variant_name", text(name)),
        (
            "data_domain",
            text(format!(
                "All tables with the declared columns, of any number of people: {}.",
                datasets.join(", ")
            )),
        ),
        (
            "unprotected_quantities",
            text(
                "None in answers. Public by themselves: vocabulary, clamps, reach, costs and refusals, which depend on the study alone, and kinds and times of log entries. Which ids belong to one person is not protected. Exact facts about the join go to an auditor only, where one is named, encrypted to a key of theirs.",
            ),
        ),
    ])
}

fn loss(studies: &[&Study], status: &Status) -> Node {
    let relations = studies.iter().flat_map(|study| study.catalogue.relations());
    let cuts = relations.filter_map(|one| Some(format!("{} to {}", one.name(), one.max_reach?)));
    let cuts = different(cuts).join(", ");
    let cuts = if cuts.is_empty() { "none".to_owned() } else { cuts };
    // What was spent in earlier windows counts on.
    let left = status.pool.limit.saturating_sub(status.totals.pool);
    let all = status.totals.lifetime.saturating_add(left);
    let mut parameters = vec![("epsilon", Node::Number(status.accounting.epsilon(all).to_string()))];
    if let Some(delta) = status.accounting.delta() {
        parameters.push(("delta", Node::Number(pointed(&delta.to_string()))));
        parameters.push(("rho", Node::Number(NanoRho::new(all).to_string())));
    }
    let spent = |units| status.accounting.epsilon(units);
    let details = format!(
        "All that was spent in all windows and all that is left of this one: one pool covers all people, studies, recipients and epochs. Epsilon of the pool in force {}, spent of it {}, spent ever {}, renewals {}. Epsilons of zero-concentrated DP do not add up; rho does.",
        spent(status.pool.limit),
        spent(status.totals.pool),
        spent(status.totals.lifetime),
        status.totals.renewals
    );
    Node::Map(vec![
        ("privacy_unit", text("Person")),
        (
            "privacy_unit_details",
            text(format!(
                "Adjacent inputs differ by adding or removing all that one person owns in the datasets of all handlers: records, list of ties, profile, and consent, so whether they are in. Rows of others that name this person stay. Lists are cut for each owner: {cuts}."
            )),
        ),
        ("privacy_parameters", Node::Map(parameters)),
        ("privacy_parameters_details", text(details)),
    ])
}

/// A number with an exponent as every version of YAML reads it: with a point.
fn pointed(number: &str) -> String {
    if number.contains('.') { number.to_owned() } else { number.replace('e', ".0e") }
}

fn model(studies: &[&Study], status: &Status) -> Node {
    let window = status.pool.window_days.map_or_else(
        || "The pool is never renewed.".to_owned(),
        |days| {
            format!("A renewal needs a window of {days} days to be over and the signatures of all handlers.")
        },
    );
    let caps = different(
        studies.iter().filter_map(|study| Some(format!("study {} at most epsilon {}", study.id, study.cap?))),
    );
    let caps = if caps.is_empty() { "no caps of studies".to_owned() } else { caps.join(", ") };
    let approved = match status.approval {
        Approval::Signatures => "a study takes effect once every handler has signed it",
        Approval::None => "studies take effect without signatures",
    };
    let source = if status.epochs.len() > 1 { "Dynamic" } else { "Static" };
    Node::Map(vec![
        ("model_name", text("Central")),
        (
            "actors",
            text(
                "Operator and host: trusted with everything. Handlers: with their own rows and consents. Auditor, where one is named: with exact facts about the join; each opening is logged. Recipients: not trusted, and assumed to collude.",
            ),
        ),
        ("release_type", text("Many releases")),
        (
            "release_type_details",
            text(format!("A query that does not fit the pool is refused before anything is drawn. {window}")),
        ),
        ("data_source_type", text(source)),
        (
            "data_source_type_details",
            text(format!("Epochs sealed: {}; all of them spend from one pool.", status.epochs.len())),
        ),
        ("access_type", text("Interactive")),
        (
            "access_type_details",
            text(format!(
                "Recipients that a study names send queries; {approved}. One pool for all: {caps}. Costs add up over recipients."
            )),
        ),
    ])
}

fn accounting() -> Node {
    Node::Map(vec![
        (
            "post_processing",
            text(
                "Counts below zero are shown as 0 and means inside their clamp, with the unbiased value beside; groups whose noisy count is small are suppressed; rows may be selected and sorted by released numbers; averages, quantiles and named metrics are computed from released numbers.",
            ),
        ),
        (
            "composition",
            text(
                "Fully adaptive sequential composition: costs are rounded up and added. Mutually exclusive cells of one query are one vector, under the sensitivity of that vector. The same query is answered from store, at no cost.",
            ),
        ),
    ])
}

fn implementation(studies: &[&Study]) -> Node {
    let retention = studies.iter().map(|study| study.retention).min();
    let kept = retention
        .map_or_else(String::new, |days| format!(" Its key is destroyed after {days} at the latest."));
    let mechanisms = format!(
        "Discrete Gaussian or discrete Laplace mechanism, sampled exactly on integers (arXiv 2004.00010), by hushtag {} (Rust). No floating point between data and answer. Answers leave on a fixed response slot. Noise comes from a generator for each release, seeded by the system. Rows are not kept: an epoch is a table of counts and sums by labels, encrypted.{kept}",
        env!("CARGO_PKG_VERSION")
    );
    Node::Map(vec![
        (
            "preprocessing_and_hyperparameter_tuning",
            text(
                "Values are floored to whole units and clamped to declared ranges, lists are cut to declared lengths, labels are closed lists. Declared constants are to come from public knowledge or from a charged quantile.",
            ),
        ),
        ("mechanisms", text(mechanisms)),
    ])
}

impl Node {
    /// Writes the value after its key, whose lines are indented by `depth` steps.
    fn write(&self, depth: usize, page: &mut String) {
        let indent = "  ".repeat(depth);
        match self {
            Self::Number(number) => {
                let _ = writeln!(page, " {number}");
            }
            Self::Text(text) => {
                let _ = writeln!(page, " {}", quoted(text));
            }
            Self::Texts(all) => {
                page.push('\n');
                for text in all {
                    let _ = writeln!(page, "{indent}- {}", quoted(text));
                }
            }
            Self::Map(all) => {
                if depth > 0 {
                    page.push('\n');
                }
                for (key, node) in all {
                    let _ = write!(page, "{indent}{key}:");
                    node.write(depth + 1, page);
                }
            }
        }
    }
}

/// A double-quoted scalar, which every version of YAML reads as the same text (YAML 1.2.2, 7.3.1).
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            // Breaks of lines in one version or another, and what no version prints.
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(letter));
            }
            letter if letter.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(letter));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_quoted_so_that_every_text_is_one_scalar() {
        assert_eq!(quoted("a: \"b\" # \\ 研究\n- c"), r#""a: \"b\" # \\ 研究\u000a- c""#);
        assert_eq!(quoted("\u{85}\u{2028}\u{feff}\u{7f}"), r#""\u0085\u2028\ufeff\u007f""#);
        assert_eq!((pointed("1e-12").as_str(), pointed("1.5e-12").as_str()), ("1.0e-12", "1.5e-12"));
    }
}
