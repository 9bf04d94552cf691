//! Random studies: a permitted one with random edits of everything that a decision looks at.

use proptest::prelude::*;
use toml::{Table, Value};

use super::facts::{at, keys, list};
use super::reference;

/// The day around which dates and instants are drawn.
const DAY: jiff::civil::Date = jiff::civil::date(2026, 11, 1);

/// One edit: what is changed, and which of the possible words are taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edit {
    what: usize,
    pick: usize,
    other: usize,
}

/// A random study and instant.
#[derive(Debug, Clone)]
pub(crate) struct Draw {
    pub(crate) edits: Vec<Edit>,
    second: i64,
}

/// Draws edits and an instant.
pub(crate) fn draws() -> impl Strategy<Value = Draw> {
    let edit = (0..WEIGHTS.iter().map(|(weight, _)| weight).sum(), 0..5_040_usize, 0..5_040_usize)
        .prop_map(|(what, pick, other)| Edit { what, pick, other });
    let seconds = prop::sample::select(vec![-86_400, -1, 0, 1, 43_200, 86_399, 86_400]);
    (prop::collection::vec(edit, 1..10), seconds).prop_map(|(edits, second)| Draw { edits, second })
}

impl Draw {
    /// The instant of the decision, in seconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        DAY.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_second() + self.second
    }

    /// The base study with the edits.
    pub(crate) fn study(&self, regime: &Table, base: &Table) -> Table {
        let mut study = base.clone();
        for edit in &self.edits {
            edit.apply(regime, &mut study);
        }
        for document in table(&mut study, "documents").iter_mut().map(|(_, own)| own) {
            let own = document.as_table_mut().unwrap();
            if own["expires"].to_string() <= own["approved"].to_string() {
                let approved: jiff::civil::Date = own["approved"].to_string().parse().unwrap();
                own.insert("expires".into(), date(approved, 1));
            }
        }
        study
    }
}

/// A study with all documents and statements that the regime knows, for the first use that the reference permits.
pub(crate) fn base(regime: &Table, study: &str) -> Table {
    let mut study: Table = toml::from_str(study).unwrap();
    for kind in keys(regime, &["documents"]) {
        let dates = [("approved", date(DAY, -60)), ("expires", date(DAY, 60)), ("id", "D-1".into())];
        let document: Table = dates.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        table(&mut study, "documents").insert(kind, document.into());
    }
    set(&mut study, "notice", "states", keys(regime, &["statements"]));
    let now = Draw { edits: Vec::new(), second: 0 }.now();
    let mut purposes = keys(regime, &["purposes"]);
    purposes.sort_by_key(|purpose| purpose != "campaign-measurement");
    for purpose in purposes {
        for basis in keys(regime, &["bases"]) {
            set(&mut study, "study", "purpose", purpose.as_str());
            set(&mut study, "study", "basis", basis.as_str());
            let flow = reference::decide(regime, &study, "brand-insights", now);
            if flow.failing.is_empty() && !flow.consents.is_empty() {
                return study;
            }
        }
    }
    panic!("nothing that a study may do");
}

/// The day of the decision and some days later.
pub(crate) fn date_of(days: i32) -> Value {
    date(DAY, days)
}

/// Noon of the day of the decision.
pub(crate) fn noon() -> i64 {
    Draw { edits: Vec::new(), second: 43_200 }.now()
}

fn date(day: jiff::civil::Date, days: i32) -> Value {
    Value::Datetime(day.saturating_add(jiff::Span::new().days(days)).to_string().parse().unwrap())
}

/// A table of the study, made where it is missing.
pub(crate) fn table<'a>(study: &'a mut Table, name: &str) -> &'a mut Table {
    study.entry(name).or_insert_with(|| Table::new().into()).as_table_mut().unwrap()
}

/// Sets a key of a table of the study.
pub(crate) fn set(study: &mut Table, name: &str, key: &str, value: impl Into<Value>) {
    table(study, name).insert(key.into(), value.into());
}

/// An entry of a list of tables.
pub(crate) fn entry<'a>(study: &'a mut Table, name: &str, at: usize) -> &'a mut Table {
    let all = study[name].as_array_mut().unwrap();
    let at = at % all.len();
    all[at].as_table_mut().unwrap()
}

/// Keys of a table of the regime, and a word that it does not know.
fn words(regime: &Table, name: &str) -> Vec<String> {
    let known = keys(regime, &[name]);
    // The unknown word is one of many, so that it does not decide most cases.
    known.iter().cycle().take(3 * known.len()).cloned().chain(["unheard-of".to_owned()]).collect()
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

type Apply = fn(Edit, &Table, &mut Table);

/// How often each edit is drawn.
const WEIGHTS: [(usize, Apply); 31] = [
    (3, Edit::action),
    (2, |edit, regime, study| set(study, "study", "purpose", edit.one(&words(regime, "purposes")))),
    (2, |edit, regime, study| set(study, "study", "basis", edit.one(&words(regime, "bases")))),
    (4, |edit, regime, study| edit.dataset(regime, study, "data")),
    (3, Edit::relation),
    (3, Edit::members),
    (1, |edit, _, study| edit.recipient(study, "role", &ROLES)),
    (1, |edit, _, study| edit.recipient(study, "country", &["CN", " CN", "HK", "cn", ""])),
    (1, |edit, _, study| {
        edit.recipient(study, edit.pick_of(&["legal_id", "name", "contact"]), &["", " ", "x"])
    }),
    (1, |edit, _, study| {
        let kind = edit.one(&documents(study));
        table(study, "documents").remove(&kind);
    }),
    (3, Edit::approved),
    (2, Edit::expires),
    (3, Edit::scope),
    (2, Edit::statements),
    (1, |_, _, study| drop(table(study, "notice").remove("states"))),
    (2, Edit::changes),
    (6, Edit::figures),
    (2, Edit::profile),
    (1, |edit, _, study| {
        set(
            study,
            "population",
            "admit",
            edit.pick_of::<&[&str]>(&[&["minors"], &["adults", "children"], &["adults"], &[]]).to_vec(),
        )
    }),
    (1, |_, _, study| drop(table(study, "population").remove("age"))),
    (2, Edit::sub_processors),
    (1, |_, _, study| {
        drop(entry(study, "recipients", 0).insert("succeeds".into(), vec!["LEGAL-ID-0"].into()))
    }),
    (1, |edit, _, study| {
        drop(entry(study, "recipients", 0).insert("suspended".into(), (edit.pick % 3 > 0).into()))
    }),
    (3, |edit, regime, study| {
        set(table(study, "tags"), "spend_tier", "infers", edit.one(&words(regime, "categories")))
    }),
    (1, Edit::one_handler),
    (2, |edit, regime, study| {
        drop(
            entry(study, "handlers", edit.other)
                .insert("kind".into(), edit.one(&words(regime, "handler_kinds")).into()),
        )
    }),
    (2, |_, _, study| {
        let pointer = [("type", Value::from("person")), ("max_reach", 2.into())];
        let pointer: Table = pointer.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        set(table(table(study, "datasets"), "data"), "fields", "referrer", pointer);
    }),
    (2, |edit, _, study| set(study, "study", "start", date(DAY, edit.pick_of(&[-61, -60, -59, -1, 0, 1])))),
    (1, |_, _, study| drop(table(study, "study").remove("start"))),
    (1, Edit::second_recipient),
    (2, |edit, _, study| {
        drop(entry(study, "recipients", 0).insert("role".into(), edit.pick_of(&ROLES[..4]).into()))
    }),
];

const ROLES: [&str; 6] = ["handler", "joint", "entrusted", "affiliate", "foreign-authority", "state-organ"];

fn documents(study: &Table) -> Vec<String> {
    let all = keys(study, &["documents"]);
    if all.is_empty() { strings(&["pipia"]) } else { all }
}

impl Edit {
    fn apply(self, regime: &Table, study: &mut Table) {
        let mut left = self.what;
        for (weight, apply) in WEIGHTS {
            if left < weight {
                return apply(self, regime, study);
            }
            left -= weight;
        }
    }

    fn one(self, words: &[String]) -> String {
        words[self.pick % words.len()].clone()
    }

    fn pick_of<T: Copy>(self, all: &[T]) -> T {
        all[self.other % all.len()]
    }

    fn recipient(self, study: &mut Table, key: &str, words: &[&str]) {
        let word = words[self.pick % words.len()];
        entry(study, "recipients", 0).insert(key.into(), word.into());
    }

    /// An action, half of the time with what such a use needs.
    fn action(self, regime: &Table, study: &mut Table) {
        let action = self.one(&keys(regime, &["actions"]));
        let (role, country) = match action.as_str() {
            "entrust" => ("entrusted", "CN"),
            "export" => ("handler", "DE"),
            "joint" => ("joint", "CN"),
            _ => ("handler", "CN"),
        };
        set(study, "study", "action", action);
        if self.other.is_multiple_of(2) {
            let own = entry(study, "recipients", 0);
            own.extend([("role".to_owned(), role.into()), ("country".to_owned(), country.into())]);
        }
    }

    fn dataset(self, regime: &Table, study: &mut Table, name: &str) {
        set(table(study, "datasets"), name, "category", self.one(&words(regime, "categories")));
    }

    fn relation(self, regime: &Table, study: &mut Table) {
        let text = "kind = 'relation'\nhandler = 'social-platform'\nids = 'phone'\nowner = 'a'\ntarget = 'b'\ncategory = 'x'\nmax_reach = 2";
        set(study, "datasets", "list", toml::from_str::<Table>(text).unwrap());
        self.dataset(regime, study, "list");
        let size =
            |role| toml::from_str::<Table>(&format!("over = 'list'\nrole = '{role}'\nsize = true")).unwrap();
        match self.other % 4 {
            0 => set(study, "measures", "friends", size("own")),
            1 => set(study, "measures", "friends", size("audience")),
            2 => {
                let bands: Table =
                    [("few".to_owned(), 0.into()), ("many".to_owned(), 3.into())].into_iter().collect();
                set(table(study, "tags"), "friends_tier", "measure", size("own"));
                set(table(study, "tags"), "friends_tier", "bands", bands);
            }
            _ => {}
        }
    }

    fn members(self, regime: &Table, study: &mut Table) {
        let text = "kind = 'people'\nhandler = 'social-platform'\nids = 'phone'\nowner = 'user'\ncategory = 'x'\nfields = { region = 'text' }";
        set(study, "datasets", "members", toml::from_str::<Table>(text).unwrap());
        self.dataset(regime, study, "members");
        if self.other.is_multiple_of(3) {
            let kind = ["birth-year", "age-band"][self.pick % 2];
            set(table(table(study, "datasets"), "members"), "fields", "age", kind);
            table(study, "population").remove("age");
        }
    }

    /// Around the start, the day, and the oldest age that counts.
    fn approved(self, regime: &Table, study: &mut Table) {
        let kind = self.one(&documents(study));
        let oldest = at(regime, &["documents", &kind, "max_age"]).and_then(Value::as_str);
        let oldest = oldest.map_or(400, |days| days.trim_end_matches('d').parse::<i32>().unwrap());
        let back = self.pick_of(&[-1, 0, 1, 46, 47, 48, oldest - 1, oldest, oldest + 1]);
        set(table(study, "documents"), &kind, "approved", date(DAY, -back));
        table(table(study, "documents"), &kind).entry("expires").or_insert(date(DAY, 60));
        set(table(study, "documents"), &kind, "id", "D-2");
    }

    fn expires(self, _: &Table, study: &mut Table) {
        let kind = self.one(&documents(study));
        table(table(study, "documents"), &kind).entry("approved").or_insert(date(DAY, -60));
        set(table(study, "documents"), &kind, "expires", date(DAY, self.pick_of(&[-59, -1, 0, 1, 2])));
        set(table(study, "documents"), &kind, "id", "D-3");
    }

    fn scope(self, _: &Table, study: &mut Table) {
        let kind = self.one(&documents(study));
        let purpose = at(study, &["study", "purpose"]).unwrap().as_str().unwrap().to_owned();
        let category = at(study, &["datasets", "data", "category"]).unwrap().as_str().unwrap().to_owned();
        let (key, words) = match self.other % 8 {
            0 => ("purposes", vec![purpose]),
            1 => ("purposes", strings(&["research", "sale"])),
            2 => ("categories", vec![category, "profile".to_owned()]),
            3 => ("categories", strings(&["profile"])),
            4 => ("recipients", strings(&["brand-insights", "x"])),
            5 => ("recipients", strings(&["LEGAL-ID-C"])),
            6 => ("recipients", strings(&["somebody"])),
            _ => ("purposes", Vec::new()),
        };
        if at(study, &["documents", &kind]).is_some() {
            set(table(study, "documents"), &kind, key, words);
        }
    }

    fn statements(self, _: &Table, study: &mut Table) {
        let stated: Vec<String> = list(study, &["notice", "states"]).into_iter().collect();
        if !stated.is_empty() {
            let gone = self.one(&stated);
            let left: Vec<String> = stated.into_iter().filter(|word| *word != gone).collect();
            set(study, "notice", "states", left);
        }
    }

    fn changes(self, regime: &Table, study: &mut Table) {
        let material: Vec<String> = list(regime, &["regime", "material_changes"]).into_iter().collect();
        let changes = |version: i64, words: Vec<String>| -> Value {
            let own = [("version", version.into()), ("changed", Value::from(words))];
            own.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Table>().into()
        };
        let all = match self.other % 5 {
            0 => vec![changes(4, strings(&["contact"]))],
            4 => vec![changes(4, strings(&["contact", "purposes"]))],
            1 => vec![
                changes(4, strings(&["contact"])),
                changes(3, vec![self.one(&material), "contact".into()]),
            ],
            2 => (0..=4).map(|version| changes(version, strings(&["contact"]))).collect(),
            _ => vec![changes(4, Vec::new()), changes(3, strings(&["contact"]))],
        };
        set(study, "notice", "changes", all);
    }

    fn figures(self, regime: &Table, study: &mut Table) {
        let names = keys(regime, &["figures"]);
        if names.is_empty() {
            return;
        }
        let name = self.one(&names);
        let bands = at(regime, &["figures", &name, "bands"]).unwrap().as_table().unwrap();
        let bounds: Vec<i64> = bands.values().filter_map(Value::as_integer).collect();
        let around = self.pick_of(&bounds) + [-1, 0, 1][self.pick / names.len() % 3];
        set(study, "figures", &name, around.max(0));
    }

    fn profile(self, regime: &Table, study: &mut Table) {
        let profiles: Vec<String> = list(regime, &["regime", "profiles"]).into_iter().collect();
        match self.other % 6 {
            0 => drop(table(study, "study").remove("profile")),
            1 => set(study, "study", "profile", "home-made"),
            _ => set(study, "study", "profile", self.one(&profiles)),
        }
    }

    fn sub_processors(self, _: &Table, study: &mut Table) {
        set(study, "study", "sub_processors", vec!["LEGAL-X", "LEGAL-Y"]);
        let listed: &[&str] = self.pick_of(&[&["LEGAL-X", "LEGAL-Y", "LEGAL-Z"], &["LEGAL-X"], &[]]);
        if at(study, &["documents", "entrust-contract"]).is_some() {
            set(table(study, "documents"), "entrust-contract", "sub_processors", listed.to_vec());
        }
    }

    fn one_handler(self, _: &Table, study: &mut Table) {
        let handlers = study["handlers"].as_array_mut().unwrap();
        handlers.truncate(1);
        let own = handlers[0]["id"].as_str().unwrap().to_owned();
        for dataset in table(study, "datasets").iter_mut().map(|(_, own)| own) {
            dataset.as_table_mut().unwrap().insert("handler".into(), own.clone().into());
        }
    }

    fn second_recipient(self, regime: &Table, study: &mut Table) {
        let mut own = entry(study, "recipients", 0).clone();
        own.insert("id".into(), "other-brand".into());
        own.insert("legal_id".into(), "LEGAL-ID-D".into());
        study["recipients"].as_array_mut().unwrap().truncate(1);
        study["recipients"].as_array_mut().unwrap().push(own.into());
        self.dataset(regime, study, "data");
    }
}
