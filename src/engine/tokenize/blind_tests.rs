//! Two platforms that make blind tokens, each of its own tables with the other's help, join to the cubes of the raw tables, bit for bit;
//! and the public data sets do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray as _;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;
use crate::blind_token::{CheckedRequest, EvaluationBook, FilePlace, Parties, Request, Work, unblind};
use crate::engine::{EngineError, MaxBadRows, Sources, build};
use crate::keys::BlindTokenKey;
use crate::policy::{Decision, Regime, Study, decide};
use crate::storage::Image;
use crate::types::{Secret, Timestamp};
use hushtag_population::{Population, PopulationConfig};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data");

/// The tables of one platform and of the other, by name.
type Tables = [BTreeMap<&'static str, PathBuf>; 2];

fn key(byte: u8) -> BlindTokenKey {
    BlindTokenKey::from_seed(Secret::new([byte; 32])).unwrap()
}

/// The study with both keys pinned.
fn keyed(text: &str, handlers: [&str; 2], keys: [&BlindTokenKey; 2]) -> Study {
    let mut text = text.to_owned();
    for (id, key) in handlers.into_iter().zip(keys) {
        let line = format!("[[handlers]]\nid = \"{id}\"\n");
        assert!(text.contains(&line));
        text = text.replace(&line, &format!("{line}token_key = \"{}\"\n", key.public()));
    }
    text.push_str("\n[tokens]\nmax_ids = 1_000_000\npadding = 64\n");
    Study::parse("keyed.toml", &text).unwrap()
}

fn reading() -> Reading {
    Reading { max_bad_rows: "100".parse::<MaxBadRows>().unwrap(), ..Reading::default() }
}

/// One platform's tables as blind tokens, in `folder`.
fn blinded(
    study: &Study,
    [own, peer]: [&BlindTokenKey; 2],
    tables: &BTreeMap<&'static str, PathBuf>,
    as_of: Timestamp,
    folder: &Path,
) -> BTreeMap<&'static str, PathBuf> {
    let image = Image::new();
    let at = |name: &'static str| FilePlace { storage: &image, name };
    let parties = |key| Parties::new(study, key).unwrap();
    let work = Work { threads: 2, progress: &|_| () };
    let terms = |table| RequestIds { study, table, reading: reading() };
    let namespaces: BTreeSet<&str> =
        tables.keys().flat_map(|table| terms(table).namespaces().unwrap()).collect();
    let mut request = Request::new(parties(own), own, at("state"), namespaces, work).unwrap();
    for (table, path) in tables {
        request_ids(&terms(table), Input::Path(path.clone()), &mut request).unwrap();
    }
    request.finish(at("request")).unwrap();
    let checked = CheckedRequest::read(parties(peer), at("request"), work).unwrap();
    let counting = EvaluationBook::new(at("book"), peer).count(checked, as_of).unwrap();
    counting.counted.evaluate(peer, at("reply"), work).unwrap();
    let tokens = unblind(parties(own), own, at("state"), at("reply"), work).unwrap();
    let regime = Regime::built_in(&study.regime).unwrap();
    let treated = tables.iter().map(|(table, path)| {
        let out = folder.join(format!("{table}.tokens.parquet"));
        let tokens = TokenSource::Blind(&tokens);
        let terms = TokeniseTerms { study, regime: &regime, table, tokens, as_of, reading: reading() };
        tokenise(&terms, Input::Path(path.clone()), &out).unwrap();
        (*table, out)
    });
    treated.collect()
}

/// Counts and sums of a cube.
type Cells = (Vec<u64>, Vec<i128>);

fn sealed(study: &Study, tables: &Tables, as_of: Timestamp) -> Result<Vec<Cells>, EngineError> {
    let regime = Regime::built_in(&study.regime).unwrap();
    let Decision::Permit(flow) = decide(study, &regime, &study.recipients[0], as_of) else {
        panic!("the study is permitted");
    };
    let flows = [(study.recipients[0].id.clone(), flow.demand().clone())];
    let mut sources = Sources::default();
    for (table, path) in tables.iter().flatten() {
        match *table {
            "consents" => sources.consents.push(Input::Path(path.clone())),
            name => sources.data.push((name.parse().unwrap(), Input::Path(path.clone()))),
        }
    }
    let (built, _) = build(study, &flows, sources, as_of, &Secret::new([9; 32]), &reading())?;
    let cells = built[0].cubes.iter().map(|cube| cube.reveal_in_test().cells_in_test());
    Ok(cells.map(|(counts, sums)| (counts.to_vec(), sums.to_vec())).collect())
}

/// Seals raw and blind and compares every cell; gives how many people are in.
fn same_cubes(
    study: &Study,
    keys: [&BlindTokenKey; 2],
    raw: &Tables,
    as_of: Timestamp,
    folder: &Path,
) -> u64 {
    let [a, b] = keys;
    let expected = sealed(study, raw, as_of).unwrap();
    let tokens =
        [blinded(study, [a, b], &raw[0], as_of, folder), blinded(study, [b, a], &raw[1], as_of, folder)];
    assert!(sealed(study, &tokens, as_of).unwrap() == expected, "a cell differs");
    expected[0].0.iter().sum()
}

fn demo() -> (tempfile::TempDir, Study, Tables, Timestamp) {
    let place = tempfile::tempdir().unwrap();
    let config =
        PopulationConfig { people: 300, follows_per_person: 5, payments_per_person: 6, ..Default::default() };
    let as_of = Timestamp::from_seconds(config.as_of);
    let files = Population::new(config).unwrap().write_parquet(&place.path().join("raw")).unwrap();
    // Lists are shorter than their cut, which is made by pseudonyms, and those differ.
    let text = include_str!("../../../policies/demo/study.toml").replace("max_reach = 6", "max_reach = 64");
    let text = text.replace(
        "fields = { amount = \"amount\", at = \"time\" }",
        "fields = { amount = \"amount\", at = \"time\", referrer = { type = \"person\", max_reach = 64 } }",
    );
    let study = keyed(&text, ["social-platform", "payment-platform"], [&key(1), &key(2)]);
    let tables = [
        BTreeMap::from([
            ("follows", files.follows),
            ("members", files.members),
            ("consents", files.consents),
        ]),
        BTreeMap::from([("payments", files.payments)]),
    ];
    (place, study, tables, as_of)
}

#[test]
fn blind_tables_join_to_the_cubes_of_the_raw_ones() {
    let (place, study, tables, as_of) = demo();
    let people = same_cubes(&study, [&key(1), &key(2)], &tables, as_of, place.path());
    assert!(people > 200, "{people}");
}

#[test]
fn what_can_never_meet_is_refused() {
    let (place, study, raw, as_of) = demo();
    let (a, b, c) = (key(1), key(2), key(3));
    let folder = |name: &str| {
        let folder = place.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        folder
    };
    let [own, other] = [
        blinded(&study, [&a, &b], &raw[0], as_of, &folder("a")),
        blinded(&study, [&b, &a], &raw[1], as_of, &folder("b")),
    ];
    // Blind tokens and raw ids.
    let mixed = sealed(&study, &[own.clone(), raw[1].clone()], as_of);
    assert!(matches!(mixed, Err(EngineError::MixedTokens { .. })));
    // Blind tokens and tokens under a shared key.
    let shared = crate::deidentify::TokenKey::new(&Secret::new([7; 32]));
    let regime = Regime::built_in("cn-pipl").unwrap();
    let out = place.path().join("shared.parquet");
    let tokens = TokenSource::Shared(&shared);
    let terms = TokeniseTerms {
        study: &study,
        regime: &regime,
        table: "payments",
        tokens,
        as_of,
        reading: reading(),
    };
    tokenise(&terms, Input::Path(raw[1]["payments"].clone()), &out).unwrap();
    let mixed = sealed(&study, &[own.clone(), BTreeMap::from([("payments", out)])], as_of);
    let said = mixed.unwrap_err().to_string();
    assert!(said.contains("blind tokens of keys") && said.contains("tokens of key"), "{said}");
    // Tokens of other keys than the study pins: of a study before its keys were changed.
    let text = include_str!("../../../policies/demo/study.toml");
    let renewed = keyed(text, ["social-platform", "payment-platform"], [&a, &c]);
    let foreign = sealed(&renewed, &[own.clone(), other.clone()], as_of);
    assert!(matches!(foreign, Err(EngineError::ForeignTokens { .. })));
    let unpinned = Study::parse("demo.toml", text).unwrap();
    let foreign = sealed(&unpinned, &[own, other], as_of);
    assert!(matches!(foreign, Err(EngineError::ForeignTokens { .. })));
}

/// An id that came into the table after the request.
#[test]
fn an_id_that_was_not_requested_stops_the_table() {
    let (place, study, raw, as_of) = demo();
    let (a, b) = (key(1), key(2));
    let image = Image::new();
    let at = |name: &'static str| FilePlace { storage: &image, name };
    let work = Work { threads: 1, progress: &|_| () };
    let parties = |key| Parties::new(&study, key).unwrap();
    let mut request = Request::new(parties(&b), &b, at("state"), BTreeSet::from(["phone"]), work).unwrap();
    request.add("phone", b"13800000000").unwrap();
    request.finish(at("request")).unwrap();
    let checked = CheckedRequest::read(parties(&a), at("request"), work).unwrap();
    let counting = EvaluationBook::new(at("book"), &a).count(checked, as_of).unwrap();
    counting.counted.evaluate(&a, at("reply"), work).unwrap();
    let tokens = unblind(parties(&b), &b, at("state"), at("reply"), work).unwrap();
    let regime = Regime::built_in("cn-pipl").unwrap();
    let out = place.path().join("payments.tokens.parquet");
    let tokens = TokenSource::Blind(&tokens);
    let terms = TokeniseTerms {
        study: &study,
        regime: &regime,
        table: "payments",
        tokens,
        as_of,
        reading: reading(),
    };
    let error = tokenise(&terms, Input::Path(raw[1]["payments"].clone()), &out).unwrap_err().to_string();
    assert!(error.contains("did not ask for") && !error.contains("1380"), "{error}");
    assert!(!out.exists());
}

/// Everybody whose number does not end in 0 consents.
fn consents(data: &Path, out: &Path) {
    let file = std::fs::File::open(data.join("people.parquet")).unwrap();
    let batches = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let mut csv = String::from(
        "person,handler,event,kind,trigger,purpose,recipient,categories,methods,notice,notice_version,shown_at,at,\
         valid_to,giver,own_step,pre_ticked,bundle_size,service_gate\n",
    );
    for batch in batches.map(Result::unwrap) {
        let people = batch.column_by_name("user").unwrap().as_string::<i32>().iter().flatten();
        for person in people.filter(|person| !person.ends_with('0')) {
            for trigger in ["SC23", "SC29"] {
                let _ = writeln!(
                    csv,
                    "{person},trust-site,given,separate,{trigger},research-replay,CIAO-RESEARCHER,\
                     social-relation|payment-record,aggregate,N-CIAO,1,2011-03-01T08:00:00+02:00,2011-03-02T00:00:00Z,,self,\
                     true,false,1,false"
                );
            }
        }
    }
    std::fs::write(out, csv).unwrap();
}

/// A public data set through blind tokens, if it is beside this checkout.
fn public(name: &str, as_of: &str) {
    let data = Path::new(DATA).join(name);
    if !data.is_dir() {
        println!("skipped: the public data is not beside this checkout");
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let events = place.path().join("consents.csv");
    consents(&data, &events);
    let text =
        include_str!("../../../policies/ciao/study.toml").replace("max_reach = 8", "max_reach = 10_000");
    let study = keyed(&text, ["trust-site", "review-site"], [&key(1), &key(2)]);
    let raw = [
        BTreeMap::from([("follows", data.join("follows.parquet")), ("consents", events)]),
        BTreeMap::from([("payments", data.join("payments.parquet"))]),
    ];
    let as_of = Timestamp::parse_or_end_of_day(as_of).unwrap();
    let people = same_cubes(&study, [&key(1), &key(2)], &raw, as_of, place.path());
    assert!(people > 4_000, "{people}");
}

#[test]
fn ciao_joins_through_blind_tokens_to_the_cubes_of_raw_ids() {
    public("ciao", "2011-04-12");
}

#[test]
fn a_part_of_deezer_joins_through_blind_tokens_to_the_cubes_of_raw_ids() {
    public("deezer_small", "2018-01-01");
}

#[test]
#[ignore = "all of deezer: 180,000 ids through both platforms"]
fn deezer_joins_through_blind_tokens_to_the_cubes_of_raw_ids() {
    public("deezer", "2018-01-01");
}
