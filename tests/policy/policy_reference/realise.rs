//! A study that is in a wanted situation, where there can be one.

use toml::{Table, Value};

use super::draw::{date_of, entry, set, table};
use super::facts::{Facts, keys, list};

/// The base study, changed so that the facts are those; whether it worked out has to be looked at.
pub(crate) fn realise(regime: &Table, base: &Table, facts: &Facts, profile: &str) -> Table {
    let mut study = base.clone();
    let word = |fact: &str| facts.get(fact).map_or("", String::as_str);
    for key in ["action", "purpose", "basis"] {
        set(&mut study, "study", key, word(key));
    }
    set(&mut study, "study", "profile", profile);
    table(&mut study, "study").remove("start");
    let handlers = handlers(regime, facts);
    set(table(&mut study, "datasets"), "data", "handler", "h0");
    set(table(&mut study, "datasets"), "data", "category", word("category"));
    if word("pointer-fields") == "yes" {
        let pointer: Table = toml::from_str("type = 'person'\nmax_reach = 2").unwrap();
        set(table(table(&mut study, "datasets"), "data"), "fields", "referrer", pointer);
    }
    study.insert("handlers".into(), handlers.into());
    for kind in keys(regime, &["documents"]) {
        let (approved, expires) = match word(&format!("document:{kind}")) {
            "late" => (1, 60),
            "expired" => (-1, 0),
            _ => (0, 60),
        };
        let own = table(table(&mut study, "documents"), &kind);
        own.insert("approved".into(), date_of(approved));
        own.insert("expires".into(), date_of(expires));
        match word(&format!("document:{kind}")) {
            "missing" => drop(table(&mut study, "documents").remove(&kind)),
            "out-of-scope" => drop(own.insert("recipients".into(), vec!["no-one"].into())),
            _ => {}
        }
    }
    notice(regime, facts, &mut study);
    for name in keys(regime, &["figures"]) {
        match word(&format!("figure:{name}")).parse::<i64>() {
            Ok(number) => set(&mut study, "figures", &name, number),
            Err(_) => drop(table(&mut study, "figures").remove(&name)),
        }
    }
    if word("age") != "declared-adults" {
        table(&mut study, "population").remove("age");
    }
    let admit = ["minors", "children"].into_iter().filter(|who| word(&format!("admits-{who}")) == "yes");
    set(&mut study, "population", "admit", admit.collect::<Vec<_>>());
    match word("sub-processors") {
        "none" => {}
        other => {
            set(&mut study, "study", "sub_processors", vec!["LEGAL-X"]);
            let listed = if other == "approved" { "LEGAL-X" } else { "LEGAL-Y" };
            if let Some(own) = table(&mut study, "documents").get_mut("entrust-contract") {
                own.as_table_mut().unwrap().insert("sub_processors".into(), vec![listed].into());
            }
        }
    }
    recipient(facts, entry(&mut study, "recipients", 0));
    study
}

fn handlers(regime: &Table, facts: &Facts) -> Vec<Value> {
    let is = |fact: &str, word: &str| facts.get(fact).is_some_and(|own| own == word);
    let known = keys(regime, &["handler_kinds"]);
    let present = known.into_iter().filter(|kind| is(&format!("handler-kind:{kind}"), "present"));
    let mut kinds: Vec<String> = present.collect();
    if is("handler-kinds", "unknown") || kinds.is_empty() {
        kinds.push("guild".into());
    }
    if is("handlers", "several") && kinds.len() == 1 {
        kinds.push(kinds[0].clone());
    }
    let handler = |(at, kind): (usize, &String)| {
        let own = [("id", format!("h{at}")), ("legal_id", format!("LEGAL-{at}")), ("kind", kind.clone())];
        own.into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect::<Table>().into()
    };
    kinds.iter().enumerate().map(handler).collect()
}

fn notice(regime: &Table, facts: &Facts, study: &mut Table) {
    let blocks = keys(regime, &["notices"]);
    let word = |block: &String| facts.get(&format!("notice:{block}")).map_or("", String::as_str);
    if blocks.iter().any(|block| word(block) == "undeclared") {
        table(study, "notice").remove("states");
        return;
    }
    let states = |block: &String| list(regime, &["notices", block, "states"]);
    let kept: Vec<String> =
        blocks.iter().filter(|block| word(block) != "incomplete").flat_map(states).collect();
    let gone: Vec<String> =
        blocks.iter().filter(|block| word(block) == "incomplete").flat_map(states).collect();
    let mut stated = list(study, &["notice", "states"]);
    stated.retain(|statement| kept.contains(statement) || !gone.contains(statement));
    set(study, "notice", "states", stated.into_iter().collect::<Vec<_>>());
}

fn recipient(facts: &Facts, own: &mut Table) {
    let word = |fact: &str| facts.get(fact).map_or("", String::as_str);
    own.insert("role".into(), word("recipient-role").into());
    let country = match word("recipient-place") {
        "domestic" => "CN",
        "abroad" => "ZZ",
        _ => "",
    };
    own.insert("country".into(), country.into());
    if word("recipient-named") == "no" {
        own.insert("contact".into(), "".into());
    }
    own.insert("suspended".into(), (word("recipient-standing") == "suspended").into());
    if word("succession") != "none" {
        own.insert("succeeds".into(), vec!["LEGAL-ID-0"].into());
    }
}
