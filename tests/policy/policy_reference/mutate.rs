//! Random changes of a regime's text.

use proptest::prelude::*;
use toml::{Table, Value};

use super::facts::{at, keys};

/// One change: what, and which of the possible places and words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change {
    what: usize,
    place: usize,
    pick: usize,
    word: usize,
}

/// Some changes of one regime.
pub(crate) fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = (0..16_usize, 0..5_040_usize, 0..5_040_usize, 0..5_040_usize)
        .prop_map(|(what, place, pick, word)| Change { what, place, pick, word });
    prop::collection::vec(change, 1..8)
}

/// Every word that a fact can have in a regime; of figures the names of the bands.
pub(crate) fn words_of(regime: &Table, fact: &str) -> Vec<String> {
    let own = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let with = |table: &str, word: &str| [keys(regime, &[table]), own(&[word])].concat();
    if let Some(name) = fact.strip_prefix("figure:") {
        return [keys(regime, &["figures", name, "bands"]), own(&["undeclared"])].concat();
    }
    if fact.starts_with("document:") {
        return own(&["missing", "late", "expired", "out-of-scope", "valid"]);
    }
    if fact.starts_with("notice:") {
        return own(&["undeclared", "incomplete", "complete"]);
    }
    if fact.starts_with("handler-kind:") {
        return own(&["absent", "present"]);
    }
    match fact {
        "action" => keys(regime, &["actions"]),
        "purpose" => with("purposes", "unknown"),
        "basis" => with("bases", "unknown"),
        "category" => with("categories", "unknown"),
        "purpose-class" => {
            let purposes = keys(regime, &["purposes"]);
            let class =
                |purpose: &String| at(regime, &["purposes", purpose, "class"])?.as_str().map(str::to_owned);
            purposes.iter().filter_map(class).chain(own(&["unknown"])).collect()
        }
        "recipient-role" => own(&[
            "handler",
            "joint",
            "entrusted",
            "affiliate",
            "foreign-authority",
            "state-organ",
            "unknown",
        ]),
        "recipient-place" => own(&["domestic", "abroad", "unsaid"]),
        "recipient-standing" => own(&["good", "suspended"]),
        "succession" => own(&["none", "announced", "unannounced"]),
        "handlers" | "read-categories" => own(&["one", "several"]),
        "handler-kinds" => own(&["known", "unknown"]),
        "age" => own(&["declared-adults", "read", "unsaid"]),
        "sub-processors" => own(&["none", "approved", "unapproved"]),
        "sensitive" | "recipient-named" | "admits-children" | "admits-minors" | "pointer-fields"
        | "own-list-counts" => own(&["yes", "no"]),
        other => panic!("no fact `{other}`"),
    }
}

/// All facts that a regime of these tables can name.
pub(crate) fn all_facts(regime: &Table) -> Vec<String> {
    let plain = "action purpose purpose-class basis recipient-role recipient-place recipient-named recipient-standing \
                 succession handlers read-categories handler-kinds age admits-children admits-minors sub-processors pointer-fields \
                 own-list-counts category sensitive";
    let tables = [
        ("document", "documents"),
        ("notice", "notices"),
        ("figure", "figures"),
        ("handler-kind", "handler_kinds"),
    ];
    let named = tables.into_iter().flat_map(|(fact, table)| {
        keys(regime, &[table]).into_iter().map(move |name| format!("{fact}:{name}"))
    });
    plain.split_whitespace().map(str::to_owned).chain(named).collect()
}

fn toggle(list: &mut Vec<Value>, word: &str) {
    match list.iter().position(|own| own.as_str() == Some(word)) {
        Some(place) => drop(list.remove(place)),
        None => list.push(word.into()),
    }
}

/// The list under a key, made where it is missing.
fn list_in<'a>(table: &'a mut Table, key: &str) -> &'a mut Vec<Value> {
    table.entry(key).or_insert_with(|| Value::Array(Vec::new())).as_array_mut().unwrap()
}

fn table_in<'a>(table: &'a mut Table, key: &str) -> &'a mut Table {
    table.entry(key).or_insert_with(|| Table::new().into()).as_table_mut().unwrap()
}

impl Change {
    fn of(self, words: &[String]) -> &str {
        &words[self.word % words.len()]
    }

    /// Some words of a fact: never none, seldom all.
    fn some(self, regime: &Table, fact: &str) -> Value {
        let words = words_of(regime, fact);
        let taken = words
            .iter()
            .enumerate()
            .filter(|(at, _)| self.word >> (at % 12) & 1 == 1)
            .map(|(_, word)| word.clone());
        let taken: Vec<String> = taken.collect();
        if taken.is_empty() { vec![self.of(&words).to_owned()].into() } else { taken.into() }
    }

    fn entry<'a>(self, regime: &'a mut Table, name: &str) -> Option<&'a mut Table> {
        let all: Vec<&mut Table> = match regime.get_mut(name)? {
            Value::Array(list) => list.iter_mut().filter_map(Value::as_table_mut).collect(),
            Value::Table(named) => named.iter_mut().filter_map(|(_, own)| own.as_table_mut()).collect(),
            _ => Vec::new(),
        };
        let count = all.len().max(1);
        all.into_iter().nth(self.place % count)
    }

    fn cell(self, regime: &mut Table) -> Option<&mut Table> {
        let row = self.entry(regime, "matrix")?;
        let count = row.len().max(1);
        row.iter_mut().nth(self.pick % count)?.1.as_table_mut()
    }

    /// Changes the regime; what does not fit is left alone.
    pub(crate) fn apply(self, regime: &mut Table) {
        self.tried(regime).unwrap_or_default();
    }

    fn tried(self, regime: &mut Table) -> Option<()> {
        let before = regime.clone();
        let facts = all_facts(&before);
        let fact = &facts[self.pick % facts.len()];
        match self.what {
            0 => {
                let demands = regime.get_mut("demands")?.as_array_mut()?;
                (!demands.is_empty()).then(|| drop(demands.remove(self.place % demands.len())))?;
            }
            1 | 2 => self.literal(&before, regime)?,
            3 => {
                let bands = self.entry(regime, "figures")?.get_mut("bands")?.as_table_mut()?;
                let count = bands.len().max(1);
                let bound = bands.iter_mut().nth(self.pick % count)?.1;
                let by = [-1, 1, 100_000, 1_000_000][self.word % 4];
                *bound = (bound.as_integer()? + by).max(0).into();
            }
            4 | 5 => toggle(list_in(self.cell(regime)?, "triggers"), self.of(&keys(&before, &["triggers"]))),
            6 => {
                let trigger = self.entry(regime, "triggers")?;
                match self.pick % 3 {
                    0 => drop(trigger.insert("of".into(), ["all", "sensitive"][self.word % 2].into())),
                    _ => drop(trigger.insert("displaceable".into(), self.word.is_multiple_of(2).into())),
                }
            }
            7 => {
                let category = self.entry(regime, "categories")?;
                toggle(list_in(category, "sensitive"), ["broad", "narrow"][self.word % 2]);
            }
            8 => {
                let name =
                    keys(&before, &["categories"])[self.place % keys(&before, &["categories"]).len()].clone();
                at(&before, &["categories", &name, "under"])?;
                drop(
                    table_in(table_in(regime, "matrix"), &name).remove(self.of(&keys(&before, &["actions"]))),
                );
            }
            9 => {
                let document = self.entry(regime, "documents")?;
                match ["", "1d", "60d", "46d", "61d", "400d"][self.word % 6] {
                    "" => drop(document.remove("max_age")),
                    days => drop(document.insert("max_age".into(), days.into())),
                }
            }
            10 => toggle(
                list_in(self.entry(regime, "notices")?, "states"),
                self.of(&keys(&before, &["statements"])),
            ),
            11 => self.denied(&before, fact, regime)?,
            12 => self.papers(&before, regime)?,
            13 => {
                let by_rule = [("when", fact), ("needs", &facts[self.place % facts.len()])];
                let mut demand = Table::new();
                demand.insert("rule".into(), self.of(&keys(&before, &["rules"])).into());
                for (key, fact) in by_rule {
                    table_in(&mut demand, key).insert(fact.clone(), self.some(&before, fact));
                }
                list_in(regime, "demands").push(demand.into());
            }
            14 => {
                let mut extra = Table::new();
                table_in(&mut extra, "when").insert(fact.clone(), self.some(&before, fact));
                list_in(&mut extra, "triggers").push(self.of(&keys(&before, &["triggers"])).into());
                list_in(regime, "extra_triggers").push(extra.into());
            }
            _ => self.head(regime)?,
        }
        Some(())
    }

    /// Another list of words for one fact of a demand.
    fn literal(self, before: &Table, regime: &mut Table) -> Option<()> {
        let demand = self.entry(regime, "demands")?;
        let facts = demand.get_mut(["needs", "when"][self.word % 2])?.as_table_mut()?;
        let count = facts.len().max(1);
        let (fact, words) = facts.iter_mut().nth(self.pick % count)?;
        *words = self.some(before, fact);
        Some(())
    }

    fn denied(self, before: &Table, fact: &str, regime: &mut Table) -> Option<()> {
        let cell = self.cell(regime)?;
        if cell.remove("deny").is_some() && self.word.is_multiple_of(2) {
            cell.remove("unless");
            return Some(());
        }
        cell.insert("deny".into(), self.of(&keys(before, &["rules"])).into());
        table_in(cell, "unless").insert(fact.to_owned(), self.some(before, fact));
        Some(())
    }

    fn papers(self, before: &Table, regime: &mut Table) -> Option<()> {
        let key = ["documents", "notices"][self.word % 2];
        let words = keys(before, &[key]);
        toggle(list_in(self.cell(regime)?, key), &words[self.word / 2 % words.len()]);
        Some(())
    }

    fn head(self, regime: &mut Table) -> Option<()> {
        match self.place % 5 {
            0 => drop(
                table_in(regime, "regime").insert("home".into(), ["CN", "HK", "DE"][self.word % 3].into()),
            ),
            1 => toggle(list_in(table_in(regime, "regime"), "material_changes"), "contact"),
            2 => {
                let action = Change { place: self.pick, ..self }.entry(regime, "actions")?;
                action.insert("names".into(), ["handlers", "recipient"][self.word % 2].into());
            }
            3 => {
                let basis = Change { place: self.pick, ..self }.entry(regime, "bases")?;
                basis.insert("consent".into(), self.word.is_multiple_of(2).into());
            }
            _ => {
                let purpose = Change { place: self.pick, ..self }.entry(regime, "purposes")?;
                purpose.insert("class".into(), ["research", "marketing", "sale"][self.word % 3].into());
            }
        }
        Some(())
    }
}
