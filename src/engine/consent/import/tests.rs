//! A register that imported a file covers the same people as the file, whatever its words.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::{LazyLock, RwLock};

use proptest::prelude::*;

use super::*;
use crate::consent::{Ages, Covered, Demand, Fold};
use crate::deidentify::{Form, IdForms};
use crate::engine::consent::events::Consents;
use crate::engine::ids::intern::Interner;
use crate::engine::read::reading::Reading;
use crate::engine::read::{Id, Position};
use crate::policy::{Decision, Regime, Study, decide};
use crate::register::{FILE, Register, RegisterError};
use crate::storage::Image;
use crate::types::{Secret, Timestamp};

const PEOPLE: u32 = 24;

/// The section of a handler whose log has other words.
const SECTION: &str = r#"
[consents]
columns = { person = "user", event = "status" }
timezone = "Asia/Shanghai"
evidence = "UI-REVIEW-2026-03"
[consents.values.event]
ok = "given"
[consents.values.purpose]
measure = { purpose = "campaign-measurement", trigger = "SC23" }
pay = { purpose = "campaign-measurement", trigger = "SC29" }
[consents.constants]
handler = "social-platform"
own_step = true
shown_at = "at"
"#;

/// A study and what its permitted recipients demand.
fn study(section: &str) -> (Study, Regime, Vec<Demand>) {
    let text = include_str!("../../../../policies/demo/study.toml");
    let text = text.replace("2027-09-01", "2100-01-01").replace("2026-09-01", "2020-01-01");
    let study = Study::parse("study.toml", &format!("{text}{section}")).unwrap();
    let regime = Regime::built_in(&study.regime).unwrap();
    let now = Timestamp::parse("2026-10-01T00:00:00Z").unwrap();
    let demands = study.recipients.iter().map(|recipient| match decide(&study, &regime, recipient, now) {
        Decision::Permit(flow) => Demand { ages: Ages::DeclaredAdults, ..flow.demand().clone() },
        Decision::Deny(reasons) => panic!("{reasons:?}"),
    });
    let demands = demands.collect();
    (study, regime, demands)
}

static PLAIN: LazyLock<(Study, Regime, Vec<Demand>)> = LazyLock::new(|| study(""));
static OWN: LazyLock<(Study, Regime, Vec<Demand>)> = LazyLock::new(|| study(SECTION));

/// Who is in by one input, person by person for every recipient.
fn inside(study: &Study, demands: &[Demand], input: Input) -> Vec<Vec<bool>> {
    let as_of = Timestamp::parse("2026-10-01T00:00:00Z").unwrap();
    let folds: Vec<Fold> = demands.iter().map(|demand| Fold::new(demand.clone(), as_of)).collect();
    let mut interner = Interner::default();
    let namespace = interner.intern_namespace("phone");
    // The register walks people in another order, so they are numbered before.
    for person in 0..PEOPLE {
        interner.intern_id(namespace, &Id::of(&id(person))).unwrap();
    }
    let namespaces = BTreeMap::from([("phone", Form::Undeclared)]);
    let reading = Reading::default();
    let mut consents = Consents::new(folds, &reading);
    let interner = RwLock::new(interner);
    consents.read((Position::Given(0), input), (&study.consents, &namespaces), &interner).unwrap();
    let covered = |fold: Fold| -> Covered { fold.finish(PEOPLE as usize, &[]) };
    let (folds, _held) = consents.finish(&interner.into_inner().unwrap()).unwrap();
    folds
        .into_iter()
        .map(covered)
        .map(|all| (0..PEOPLE).map(|person| all.contains(person)).collect())
        .collect()
}

fn id(person: u32) -> String {
    format!("1380000{person:04}")
}

/// The events of a file as the register gives them back.
fn by_register(study: &Study, regime: &Regime, input: Input) -> (Imported, Register) {
    let mut forms = IdForms::default();
    forms.add(Form::Undeclared);
    let namespaces = Namespaces::new([("phone".to_owned(), forms)].into());
    let (known, progress) = (study.known_words(regime), Progress::default());
    let terms = ImportTerms {
        table: &study.consents,
        namespaces: &namespaces,
        known: &known,
        progress: &progress,
        erased: None,
        threads: None,
    };
    let key = Secret::new([7; 32]);
    let (register, imported) = Register::create(&Image::new(), &key, "s", |writer| {
        let keys = writer.packers();
        import(input, &terms, || keys.packer(), |part| writer.load(part).map_err(Stopped::from))
    })
    .unwrap_or_else(|_: Stopped| panic!("the file was refused"));
    (imported, register)
}

/// What a seal reads of a register.
fn read(register: &Register) -> Input {
    let snapshot = register.snapshot().unwrap();
    Input::Register(
        FILE.into(),
        Box::new(snapshot.reader(None, 2, None).unwrap()),
        snapshot.tombstones().unwrap(),
    )
}

/// Why an import stopped.
struct Stopped;

impl From<EngineError> for Stopped {
    fn from(_: EngineError) -> Self {
        Self
    }
}

impl From<RegisterError> for Stopped {
    fn from(_: RegisterError) -> Self {
        Self
    }
}

fn csv(text: &str) -> Input {
    Input::Stream("log.csv".into(), Box::new(Cursor::new(text.as_bytes().to_vec())))
}

/// The columns of the table, each with words of which the first is clean.
const COLUMNS_WRITTEN: [(&str, &[&str]); 18] = [
    (
        "event",
        &["given", "given", "granted", "withdrawn", "OPT_OUT", "hold", "lifted", "paused", "", "deceased"],
    ),
    ("trigger", &["SC23", "SC29", "sc23", "SC23|SC29", "all", "SC99", " ", ""]),
    (
        "purpose",
        &["campaign-measurement", "Campaign_Measurement", "ad-targeting", "newsletter", "*", "", "\u{3000}"],
    ),
    (
        "recipient",
        &[
            "LEGAL-ID-C",
            "brand-insights",
            "legal id c",
            "LEGAL-ID-X",
            "OTHER-COMPANY-77",
            "LEGAL-ID-C;OTHER-COMPANY-77",
            "",
        ],
    ),
    (
        "at",
        &[
            "2026-09-01T10:00:00+08:00",
            "2026-09-02T00:00:00Z",
            "2026-09-03 10:00:00",
            "2026-09-04",
            "2026-10-01",
            "2026-12-01T00:00:00Z",
            "",
            "soon",
        ],
    ),
    ("shown_at", &["2026-09-01T09:59:00+08:00", "", "2026-09-30T00:00:00Z", "x"]),
    ("valid_to", &["", "9999-12-31", "2026-09-20T00:00:00Z", "never"]),
    ("handler", &["social-platform", "elsewhere"]),
    ("kind", &["separate", "Separate", "ordinary", "implied"]),
    (
        "categories",
        &["social-relation|payment-record|profile", "social-relation,payment-record,profile", "profile"],
    ),
    ("methods", &["aggregate", ""]),
    ("notice", &["N-2026-04", "N-1"]),
    ("notice_version", &["3", "2", "three", "007"]),
    ("giver", &["self", "SELF", "guardian", "no-one"]),
    ("own_step", &["true", "True", "是", "no", "maybe", "1"]),
    ("pre_ticked", &["false", "0", "yes"]),
    ("bundle_size", &["1", "2", "01", "one"]),
    ("service_gate", &["false", "F", "true", ""]),
];

/// A table whose rows are clean but for some cells; `renamed` columns have other names, and `left_out` are not there.
fn table(
    rows: &[(u32, Vec<usize>)],
    renamed: &[(&str, &str)],
    left_out: &[&str],
    clean: &[(&str, &str)],
) -> String {
    let columns = || COLUMNS_WRITTEN.iter().enumerate().filter(|(_, (name, _))| !left_out.contains(name));
    let name = |known: &str| {
        renamed
            .iter()
            .find(|(column, _)| *column == known)
            .map_or(known.to_owned(), |(_, name)| (*name).to_owned())
    };
    let mut text = name("person");
    columns().for_each(|(_, (column, _))| text.push_str(&format!(",{}", name(column))));
    for (person, choices) in rows {
        text.push_str(&format!("\n{}", id(*person)));
        for (place, (column, words)) in columns() {
            let choice = choices[place];
            let own = clean.iter().find(|(known, _)| known == column).map(|(_, word)| *word);
            let word =
                own.filter(|_| choice % 2 == 0).or_else(|| words.get(choice).copied()).unwrap_or(words[0]);
            text.push_str(&format!(",\"{word}\""));
        }
    }
    text.push('\n');
    text
}

/// Rows of which each has a few odd cells: choices beyond the words of a column are its first.
fn rows() -> impl Strategy<Value = Vec<(u32, Vec<usize>)>> {
    let cell = prop_oneof![14 => Just(usize::MAX - 1), 1 => 0..10usize];
    proptest::collection::vec((0..PEOPLE, proptest::collection::vec(cell, COLUMNS_WRITTEN.len())), 10..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Rows of the consent table with whatever words.
    #[test]
    fn a_file_and_its_import_put_the_same_people_in(mut rows in rows()) {
        let (study, regime, demands) = &*PLAIN;
        // Every person with a row has a clean consent of the other trigger, too.
        let trigger = COLUMNS_WRITTEN.iter().position(|(name, _)| *name == "trigger").unwrap();
        let other: Vec<_> = rows.iter().map(|(person, choices)| {
            let mut choices = choices.clone();
            choices[trigger] = 1;
            (*person, choices)
        }).collect();
        rows.extend(other);
        let text = table(&rows, &[], &[], &[]);
        let (imported, register) = by_register(study, regime, csv(&text));
        prop_assert_eq!(imported.events, rows.len() as u64);
        let by_file = inside(study, demands, csv(&text));
        prop_assert_eq!(inside(study, demands, read(&register)), by_file, "{}", text);
    }

    /// Rows of a handler's own table, as the study declares it.
    #[test]
    fn a_handlers_own_table_and_its_import_put_the_same_people_in(mut rows in rows()) {
        let (study, regime, demands) = &*OWN;
        let purpose = COLUMNS_WRITTEN.iter().position(|(name, _)| *name == "purpose").unwrap();
        let other: Vec<_> = rows.iter().map(|(person, choices)| {
            let mut choices = choices.clone();
            choices[purpose] = usize::MAX;
            (*person, choices)
        }).collect();
        rows.extend(other);
        let renamed = [("person", "user"), ("event", "status")];
        let text = table(&rows, &renamed, &["trigger", "handler", "own_step", "shown_at"], &[("event", "ok"), ("purpose", "measure")]);
        let text = text.replace("\"campaign-measurement\"", "\"pay\"");
        let (_, register) = by_register(study, regime, csv(&text));
        let by_file = inside(study, demands, csv(&text));
        prop_assert_eq!(inside(study, demands, read(&register)), by_file, "{}", text);
    }
}

/// The comparison is not of empty sets: clean rows put their people in, by both ways and both tables.
#[test]
fn clean_rows_put_people_in_by_both_ways() {
    let clean = |choice: usize| -> Vec<usize> { vec![choice; COLUMNS_WRITTEN.len()] };
    let both = |place: usize, second: usize| {
        (0..PEOPLE).flat_map(move |person| {
            let mut other = clean(usize::MAX);
            other[place] = second;
            [(person, clean(usize::MAX)), (person, other)]
        })
    };
    let place = |column: &str| COLUMNS_WRITTEN.iter().position(|(name, _)| *name == column).unwrap();
    let all = vec![vec![true; PEOPLE as usize]];
    let rows: Vec<_> = both(place("trigger"), 1).collect();
    let (study, regime, demands) = &*PLAIN;
    let text = table(&rows, &[], &[], &[]);
    assert_eq!(inside(study, demands, csv(&text)), all);
    assert_eq!(inside(study, demands, read(&by_register(study, regime, csv(&text)).1)), all);

    let rows: Vec<_> = both(place("purpose"), usize::MAX - 1).collect();
    let (study, regime, demands) = &*OWN;
    let renamed = [("person", "user"), ("event", "status")];
    let own = [("event", "ok"), ("purpose", "measure")];
    let text = table(&rows, &renamed, &["trigger", "handler", "own_step", "shown_at"], &own);
    let text = text.replace("\"campaign-measurement\"", "\"pay\"").replace("\"given\"", "\"ok\"");
    assert_eq!(inside(study, demands, csv(&text)), all);
    assert_eq!(inside(study, demands, read(&by_register(study, regime, csv(&text)).1)), all);
}
