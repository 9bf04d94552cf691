//! Every fact once more, slow: from its written meaning, over the TOML of regime and study alone.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

/// Words.
pub(crate) type Set = BTreeSet<String>;
/// One word for every fact; purpose, basis and category as the study spells them, figures as numbers.
pub(crate) type Facts = BTreeMap<String, String>;

/// The value at a path of keys.
pub(crate) fn at<'a>(table: &'a Table, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    let value = table.get(*first)?;
    if rest.is_empty() { Some(value) } else { at(value.as_table()?, rest) }
}

/// A word, or nothing.
pub(crate) fn text<'a>(table: &'a Table, path: &[&str]) -> &'a str {
    at(table, path).and_then(Value::as_str).unwrap_or("")
}

/// Whether it says so.
pub(crate) fn flag(table: &Table, path: &[&str]) -> bool {
    at(table, path).and_then(Value::as_bool).unwrap_or(false)
}

/// The words of a list.
pub(crate) fn list(table: &Table, path: &[&str]) -> Set {
    let list = at(table, path).and_then(Value::as_array).into_iter().flatten();
    list.map(|word| word.as_str().unwrap().to_owned()).collect()
}

/// The keys of a table.
pub(crate) fn keys(table: &Table, path: &[&str]) -> Vec<String> {
    at(table, path).and_then(Value::as_table).map(|own| own.keys().cloned().collect()).unwrap_or_default()
}

/// The tables of an array or the values of a table.
pub(crate) fn tables<'a>(table: &'a Table, key: &str) -> Vec<&'a Table> {
    match table.get(key) {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_table).collect(),
        Some(Value::Table(named)) => named.values().filter_map(Value::as_table).collect(),
        _ => Vec::new(),
    }
}

fn midnight(value: &Value) -> i64 {
    format!("{}T00:00:00Z", value.as_datetime().unwrap()).parse::<jiff::Timestamp>().unwrap().as_second()
}

fn document(regime: &Table, study: &Table, recipient: &Table, kind: &str, now: i64) -> &'static str {
    let Some(own) = at(study, &["documents", kind]).and_then(Value::as_table) else { return "missing" };
    let (approved, expires) = (midnight(&own["approved"]), midnight(&own["expires"]));
    let starts = at(study, &["study", "start"]).map_or(now, midnight);
    if approved > starts || approved > now {
        return "late";
    }
    let days = text(regime, &["documents", kind, "max_age"]).strip_suffix('d');
    let too_old = days.is_some_and(|days| now - approved >= days.parse::<i64>().unwrap() * 86_400);
    if now >= expires || too_old {
        return "expired";
    }
    let covers = |key: &str, one_of: &[&str]| {
        let scope = list(own, &[key]);
        scope.is_empty() || one_of.iter().any(|word| scope.contains(*word))
    };
    let who = [text(recipient, &["id"]), text(recipient, &["legal_id"])];
    let categories = categories(study).iter().all(|category| covers("categories", &[category]));
    let whole =
        covers("purposes", &[text(study, &["study", "purpose"])]) && covers("recipients", &who) && categories;
    if whole { "valid" } else { "out-of-scope" }
}

fn categories(study: &Table) -> Set {
    let read = tables(study, "datasets").into_iter().map(|dataset| text(dataset, &["category"]));
    let inferred = tables(study, "tags").into_iter().map(|tag| text(tag, &["infers"]));
    read.chain(inferred.filter(|word| !word.is_empty())).map(str::to_owned).collect()
}

fn is_sensitive(regime: &Table, study: &Table, category: &str) -> bool {
    let profiles = at(regime, &["regime", "profiles"]).unwrap().as_array().unwrap();
    let profile = at(study, &["study", "profile"]).unwrap_or(&profiles[0]);
    let under = list(regime, &["categories", category, "sensitive"]);
    let known = at(regime, &["categories", category]).is_some();
    let by_profile = if profiles.contains(profile) {
        under.contains(profile.as_str().unwrap())
    } else {
        !under.is_empty()
    };
    let by_age = at(regime, &["regime", "children_sensitive"]).and_then(Value::as_bool).unwrap_or(false)
        && list(study, &["population", "admit"]).contains("children");
    !known || by_profile || by_age
}

fn notice(regime: &Table, study: &Table, block: &str) -> &'static str {
    if at(study, &["notice", "states"]).is_none() {
        return "undeclared";
    }
    let (stated, wanted) = (list(study, &["notice", "states"]), list(regime, &["notices", block, "states"]));
    if wanted.is_subset(&stated) { "complete" } else { "incomplete" }
}

/// The situation of every category that the study reads.
pub(crate) fn situations(regime: &Table, study: &Table, recipient: &str, now: i64) -> Vec<Facts> {
    let recipients = tables(study, "recipients");
    let recipient = *recipients.iter().find(|own| text(own, &["id"]) == recipient).unwrap();
    let handlers = tables(study, "handlers");
    let kinds: Set = handlers.iter().map(|own| text(own, &["kind"]).to_owned()).collect();
    let known: Set = keys(regime, &["handler_kinds"]).into_iter().collect();
    let fields: Vec<&Value> =
        tables(study, "datasets").into_iter().flat_map(|own| own.get("fields")).collect();
    let fields: Vec<&Value> = fields.iter().flat_map(|own| own.as_table().unwrap().values()).collect();
    let of_type = |wanted: &str| fields.iter().any(|f| f.get("type").unwrap_or(f).as_str() == Some(wanted));
    let inline = tables(study, "tags").into_iter().filter_map(|tag| tag.get("measure")?.as_table());
    let mut measures = tables(study, "measures").into_iter().chain(inline);
    let own_lists = measures.any(|own| text(own, &["role"]) == "own" && flag(own, &["size"]));
    let is_named =
        ["legal_id", "name", "contact"].iter().all(|key| !text(recipient, &[key]).trim().is_empty());
    let admit = list(study, &["population", "admit"]);
    let subs = list(study, &["study", "sub_processors"]);
    let yes = |is: bool| if is { "yes" } else { "no" };
    let either = |is: bool, one: &'static str, other: &'static str| if is { one } else { other };
    let mut facts = Facts::new();
    let mut say = |name: &str, word: &str| facts.insert(name.to_owned(), word.to_owned());
    for key in ["action", "purpose", "basis"] {
        say(key, text(study, &["study", key]));
    }
    let role = text(recipient, &["role"]);
    say("recipient-role", if role.is_empty() { "handler" } else { role });
    let country = text(recipient, &["country"]).trim();
    let home = text(regime, &["regime", "home"]);
    say(
        "recipient-place",
        if country.is_empty() { "unsaid" } else { either(country == home, "domestic", "abroad") },
    );
    say("recipient-named", yes(is_named));
    say("recipient-standing", either(flag(recipient, &["suspended"]), "suspended", "good"));
    let announced = document(regime, study, recipient, "succession", now) == "valid";
    let succeeds = either(announced, "announced", "unannounced");
    say("succession", if list(recipient, &["succeeds"]).is_empty() { "none" } else { succeeds });
    say("handlers", either(handlers.len() > 1, "several", "one"));
    say("read-categories", either(categories(study).len() > 1, "several", "one"));
    say("handler-kinds", either(kinds.is_subset(&known), "known", "unknown"));
    for kind in known {
        say(&format!("handler-kind:{kind}"), either(kinds.contains(&kind), "present", "absent"));
    }
    let read = either(of_type("birth-year") || of_type("age-band"), "read", "unsaid");
    say(
        "age",
        if text(study, &["population", "age"]) == "declared-adults" { "declared-adults" } else { read },
    );
    say("admits-children", yes(admit.contains("children")));
    say("admits-minors", yes(admit.contains("minors")));
    let approved = subs.is_subset(&list(study, &["documents", "entrust-contract", "sub_processors"]));
    say("sub-processors", if subs.is_empty() { "none" } else { either(approved, "approved", "unapproved") });
    say("pointer-fields", yes(of_type("person")));
    say("own-list-counts", yes(own_lists));
    for kind in keys(regime, &["documents"]) {
        say(&format!("document:{kind}"), document(regime, study, recipient, &kind, now));
    }
    for block in keys(regime, &["notices"]) {
        say(&format!("notice:{block}"), notice(regime, study, &block));
    }
    for name in keys(regime, &["figures"]) {
        let number = at(study, &["figures", &name]).map_or("undeclared".into(), Value::to_string);
        say(&format!("figure:{name}"), &number);
    }
    let of = |category: String| {
        let sensitive = yes(is_sensitive(regime, study, &category)).to_owned();
        let own = [("category".to_owned(), category), ("sensitive".to_owned(), sensitive)];
        facts.clone().into_iter().chain(own).collect()
    };
    categories(study).into_iter().map(of).collect()
}
