//! Findings as SARIF 2.1.0, which code hosts and editors show beside the line.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::policy::{Finding, RuleResult};

/// What relative locations are relative to (SARIF 2.1.0, section 3.14.14).
const ROOT: &str = "%SRCROOT%";

/// A SARIF log of one run; `root` is the folder that the names of files are relative to.
///
/// # Privacy
/// None: findings are about public texts.
#[must_use]
pub fn sarif(findings: &[Finding], root: Option<&Path>) -> Value {
    let mut rules: BTreeMap<&str, &Finding> = BTreeMap::new();
    for finding in findings {
        rules.entry(&finding.rule).or_insert(finding);
    }
    let position = |finding: &Finding| rules.keys().position(|rule| *rule == finding.rule);
    let results = findings.iter().map(|finding| {
        // A finding about a file as a whole is shown at its beginning.
        let (line, column) = finding.place.unwrap_or((1, 1));
        let text = if finding.fix.is_empty() {
            finding.message.clone()
        } else {
            format!("{} (fix: {})", finding.message, finding.fix)
        };
        let kind = finding.result.map_or("fail", RuleResult::sarif_kind);
        json!({
            "ruleId": finding.rule,
            "ruleIndex": position(finding),
            "kind": kind,
            "level": if kind == "fail" { finding.level.as_str() } else { "none" },
            "message": { "text": text },
            "locations": [{ "physicalLocation": {
                "artifactLocation": location(&finding.file),
                "region": { "startLine": line, "startColumn": column },
            } }],
        })
    });
    let mut run = json!({
        "tool": { "driver": {
            "name": "hushtag",
            "version": env!("CARGO_PKG_VERSION"),
            "rules": rules.values().map(|finding| rule(finding)).collect::<Vec<_>>(),
        } },
        "columnKind": "unicodeCodePoints",
        "results": results.collect::<Vec<_>>(),
    });
    if let (Some(root), Value::Object(run)) = (root, &mut run) {
        let folder = format!("file://{}/", encoded(root.display().to_string().trim_end_matches('/')));
        run.insert("originalUriBaseIds".into(), json!({ ROOT: { "uri": folder } }));
    }
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    })
}

/// A rule with its help. The help URI is a name, since the book has no fixed address: its page on checks explains each of them.
fn rule(finding: &Finding) -> Value {
    let article = if finding.article.is_empty() { &finding.rule } else { &finding.article };
    let help = own_rule(&finding.rule).map_or_else(
        || {
            format!(
                "Rule {} of the regime, under {}. `hushtag policy explain` shows what it asks, the words of the article, and what was looked at.",
                finding.rule, article
            )
        },
        str::to_owned,
    );
    json!({
        "id": finding.rule,
        "shortDescription": { "text": article },
        "fullDescription": { "text": help },
        "help": { "text": help },
        "helpUri": format!("urn:hushtag:rule:{}", encoded(&finding.rule)),
    })
}

/// What the rules of `policy check` itself ask.
const OWN_RULES: &[(&str, &str)] = &[
    ("APPROVAL", "Studies should take effect only with the signature of every handler."),
    ("CONSENT", "A use that is sealed rests on consent: consent alone lets people into a sandbox."),
    ("DELTA", "The number of declared people times delta must stay far below one."),
    ("FIELDS", "A duty of the data category asks that the field is coarsened or dropped."),
    (
        "INFERS",
        "A tag that infers a sensitive category says so, so that consents of that category are asked for.",
    ),
    (
        "MAX-AGE",
        "An epoch should stop answering some hours after its seal, so that a withdrawal takes effect soon.",
    ),
    ("METRIC", "A metric is a formula over numbers that the study can release."),
    ("PRICE", "A query at its default errors should not cost a large part of the study's budget."),
    ("REGIME", "The study names a regime that is built in, or a file beside it."),
    ("RETENTION", "Records are read only as far back as the declared retention, by their time field."),
    ("RULE", "A rule of a regime is asked for by a demand, or the regime states where it is met."),
    ("SHADOWED", "A demand decides something that no other demand of its rule decides."),
    ("SYNTAX", "The file parses: TOML with the keys of the reference, each of its type."),
    ("TAG", "A tag is in a tag set, and each of its labels can occur."),
    ("VACUOUS", "A demand can fail."),
    ("WORD", "The words of the study are words that its regime knows."),
];

/// What a rule of `policy check` itself asks; `None` for a rule of a regime.
fn own_rule(rule: &str) -> Option<&'static str> {
    OWN_RULES.iter().find(|(own, _)| *own == rule).map(|(_, asks)| *asks)
}

/// A file: an absolute path as a `file:` URI, a relative one as a reference to the root.
fn location(path: &str) -> Value {
    if path.starts_with('/') {
        json!({ "uri": format!("file://{}", encoded(path)) })
    } else {
        json!({ "uri": encoded(path.strip_prefix("./").unwrap_or(path)), "uriBaseId": ROOT })
    }
}

/// A text as a part of a URI: everything but unreserved characters and `/` percent-encoded (RFC 3986, section 2).
fn encoded(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    path.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_book_explains_every_rule_in_the_words_of_its_help() {
        let book = include_str!("../../docs/src/checks.md");
        let rows = book.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
        let rows: Vec<(&str, &str)> =
            rows.filter_map(|(rule, text)| Some((rule, text.strip_suffix(" |")?))).collect();
        assert_eq!(rows, OWN_RULES);
    }
}
