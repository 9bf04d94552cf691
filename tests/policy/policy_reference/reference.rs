//! The decision on a flow once more, slow: from the written meaning of a regime, over the TOML of regime and study alone.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::facts::{Facts, Set, at, flag, keys, list, situations, tables, text};

/// What is decided: nothing fails, or these rules do. The rest counts for a permitted flow alone.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Flow {
    pub(crate) failing: Set,
    pub(crate) consents: BTreeMap<String, Set>,
    pub(crate) recipients: Set,
    pub(crate) versions: (i64, i64),
}

/// Whether a fact is one of the words, as a regime reads it.
pub(crate) fn is_one_of(regime: &Table, facts: &Facts, fact: &str, words: &Set) -> bool {
    let known = |table: &str, word: &str| {
        if at(regime, &[table, word]).is_some() { word.to_owned() } else { "unknown".to_owned() }
    };
    if let Some(name) = fact.strip_prefix("figure:") {
        let number = facts[fact].parse::<i64>().ok();
        let bands = at(regime, &["figures", name, "bands"]).unwrap().as_table().unwrap();
        let reached = bands.values().filter_map(Value::as_integer).filter(|low| Some(*low) <= number).max();
        let band = |word: &String| bands.get(word).and_then(Value::as_integer);
        return words.iter().any(|word| {
            if word == "undeclared" {
                reached.is_none()
            } else {
                band(word).is_some() && band(word) == reached
            }
        });
    }
    words.contains(&match fact {
        "purpose" => known("purposes", &facts["purpose"]),
        "basis" => known("bases", &facts["basis"]),
        "category" => known("categories", &facts["category"]),
        "purpose-class" => match text(regime, &["purposes", &facts["purpose"], "class"]) {
            "" => "unknown".to_owned(),
            class => class.to_owned(),
        },
        fact => facts[fact].clone(),
    })
}

fn all_hold(regime: &Table, facts: &Facts, section: &Table, key: &str) -> bool {
    let wanted = keys(section, &[key]);
    wanted.iter().all(|fact| is_one_of(regime, facts, fact, &list(section, &[key, fact])))
}

/// The cell of the category for the action, its own or of a category above.
pub(crate) fn cell<'a>(regime: &'a Table, facts: &Facts) -> Option<&'a Table> {
    let mut category = facts["category"].as_str();
    loop {
        if let Some(cell) = at(regime, &["matrix", category, &facts["action"]]) {
            return cell.as_table();
        }
        category = at(regime, &["categories", category, "under"])?.as_str()?;
    }
}

/// The cell and the further sections that ask for papers and consents here.
fn asking<'a>(regime: &'a Table, facts: &Facts) -> Vec<&'a Table> {
    let extra =
        tables(regime, "extra_triggers").into_iter().filter(|own| all_hold(regime, facts, own, "when"));
    cell(regime, facts).into_iter().chain(extra).collect()
}

/// The rules that fail in a situation.
pub(crate) fn failing(regime: &Table, facts: &Facts) -> Set {
    let mut failing = Set::new();
    let is = |fact: &str, words: &[&str]| {
        is_one_of(regime, facts, fact, &words.iter().map(|w| (*w).into()).collect())
    };
    if ["purpose", "basis", "category", "recipient-role", "handler-kinds"]
        .iter()
        .any(|fact| is(fact, &["unknown"]))
    {
        failing.insert(text(regime, &["regime", "unknown"]).to_owned());
    }
    for demand in tables(regime, "demands") {
        if all_hold(regime, facts, demand, "when") && !all_hold(regime, facts, demand, "needs") {
            failing.insert(text(demand, &["rule"]).to_owned());
        }
    }
    for section in asking(regime, facts) {
        let papers =
            [("notices", "notice", vec!["complete", "undeclared"]), ("documents", "document", vec!["valid"])];
        for (key, fact, good) in papers {
            let bad = list(section, &[key]).into_iter().filter(|own| !is(&format!("{fact}:{own}"), &good));
            failing.extend(bad.map(|own| text(regime, &[key, &own, "rule"]).to_owned()));
        }
        let excused = !keys(section, &["unless"]).is_empty() && all_hold(regime, facts, section, "unless");
        let denied = section.get("deny").filter(|_| !excused).and_then(Value::as_str);
        failing.extend(denied.map(str::to_owned));
    }
    failing
}

/// The consents that are demanded in a situation.
pub(crate) fn triggers(regime: &Table, facts: &Facts) -> Set {
    let on_consent = flag(regime, &["bases", &facts["basis"], "consent"]);
    let asked = asking(regime, facts).into_iter().flat_map(|section| list(section, &["triggers"]));
    let falls_away = |trigger: &String| !on_consent && flag(regime, &["triggers", trigger, "displaceable"]);
    let out_of_scope = |trigger: &String| {
        text(regime, &["triggers", trigger, "of"]) == "sensitive" && facts["sensitive"] == "no"
    };
    asked.filter(|trigger| !falls_away(trigger) && !out_of_scope(trigger)).collect()
}

/// The decision.
pub(crate) fn decide(regime: &Table, study: &Table, recipient: &str, now: i64) -> Flow {
    let situations = situations(regime, study, recipient, now);
    let failing: Set = situations.iter().flat_map(|facts| failing(regime, facts)).collect();
    let mut flow = Flow { failing, ..Flow::default() };
    if !flow.failing.is_empty() {
        return flow;
    }
    for facts in &situations {
        for trigger in triggers(regime, facts) {
            flow.consents.entry(trigger).or_default().insert(facts["category"].clone());
        }
    }
    if flow.consents.is_empty() {
        return flow;
    }
    let recipients = tables(study, "recipients");
    let own = recipients.iter().find(|own| text(own, &["id"]) == recipient).unwrap();
    flow.recipients = match text(regime, &["actions", &situations[0]["action"], "names"]) {
        "handlers" => tables(study, "handlers").iter().map(|own| text(own, &["legal_id"]).into()).collect(),
        _ => list(own, &["succeeds"]).into_iter().chain([text(own, &["legal_id"]).into()]).collect(),
    };
    let newest = at(study, &["notice", "version"]).unwrap().as_integer().unwrap();
    let changes = at(study, &["notice", "changes"]).and_then(Value::as_array).cloned().unwrap_or_default();
    let material = list(regime, &["regime", "material_changes"]);
    let harmless = list(regime, &["regime", "slight_changes"]);
    let slight = |version: i64| {
        let changed_later = changes
            .iter()
            .map(|own| own.as_table().unwrap())
            .find(|own| own["version"].as_integer() == Some(version));
        let changed = changed_later.map(|own| list(own, &["changed"])).unwrap_or_default();
        !changed.is_empty() && changed.is_disjoint(&material) && changed.is_subset(&harmless)
    };
    let oldest = (0..=newest).rev().find(|version| *version == 0 || !slight(*version)).unwrap();
    flow.versions = (oldest, newest);
    flow
}
