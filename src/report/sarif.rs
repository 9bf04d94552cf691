//! Findings as SARIF 2.1.0, which code hosts and editors show beside the line.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::policy::{Finding, RuleResult};

/// A SARIF log of one run.
///
/// # Privacy
/// None: findings are about public texts.
#[must_use]
pub fn sarif(findings: &[Finding]) -> Value {
    let mut rules: BTreeMap<&str, &Finding> = BTreeMap::new();
    for finding in findings {
        rules.entry(&finding.rule).or_insert(finding);
    }
    let position = |finding: &Finding| rules.keys().position(|rule| *rule == finding.rule);
    let described = rules.values().map(|finding| {
        let article = if finding.article.is_empty() { &finding.rule } else { &finding.article };
        json!({ "id": finding.rule, "shortDescription": { "text": article } })
    });
    let results = findings.iter().map(|finding| {
        let mut physical = json!({ "artifactLocation": { "uri": uri(&finding.file) } });
        if let (Some((line, column)), Value::Object(map)) = (finding.place, &mut physical) {
            map.insert("region".into(), json!({ "startLine": line, "startColumn": column }));
        }
        let text = if finding.fix.is_empty() {
            finding.message.clone()
        } else {
            format!("{} (mend: {})", finding.message, finding.fix)
        };
        let kind = finding.result.map_or("fail", RuleResult::sarif_kind);
        json!({
            "ruleId": finding.rule,
            "ruleIndex": position(finding),
            "kind": kind,
            "level": if kind == "fail" { finding.level.as_str() } else { "none" },
            "message": { "text": text },
            "locations": [{ "physicalLocation": physical }],
        })
    });
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "hushtag",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": described.collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "results": results.collect::<Vec<_>>(),
        }],
    })
}

/// A path as a relative URI reference: everything but unreserved characters and `/` percent-encoded.
fn uri(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    path.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
