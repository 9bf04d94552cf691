//! Real data: the Ciao trust network and reviews, through the library from files to answers.
//! Guards that answers are about the right people (promise 1) and are what an independent count says, within the noise.
//!
//! Consents are made by a rule: everybody whose number does not end in 0 consents cleanly for both triggers; of the rest,
//! the number modulo 7 picks one flaw. The truth is counted here with plain maps over the same files.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use hushtag::dp::Delta;
use hushtag::engine::{IngestReport, Input, Progress, Reading, Sources};
use hushtag::operator::{
    Analyst, Answer, Approval, Keys, Operator, PoolTerms, SealTerms, Setup, StudySource, verify_log,
};
use hushtag::release::Released;
use hushtag::storage::Folder;
use hushtag::types::{DatasetName, EpochId, NanoEpsilon, RecipientId, SystemClock, Timestamp};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

const STUDY: &str = include_str!("../../../../policies/ciao/study.toml");
const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/ciao");
const DAY: i64 = 86_400;

/// The folder of the data, or a note that it is not there.
fn data() -> Option<&'static Path> {
    let data = Path::new(DATA);
    if data.is_dir() {
        return Some(data);
    }
    println!("skipped: the public data is not beside this checkout");
    None
}

/// One column of a Parquet file, batch by batch.
fn column(path: &Path, name: &str) -> Vec<ArrayRef> {
    let file = std::fs::File::open(path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    reader.map(|batch| batch.unwrap().column_by_name(name).unwrap().clone()).collect()
}

fn texts(path: &Path, name: &str) -> Vec<String> {
    let of =
        |array: &ArrayRef| array.as_string::<i32>().iter().map(|cell| cell.unwrap().to_owned()).collect();
    column(path, name).iter().flat_map(of as fn(&ArrayRef) -> Vec<String>).collect()
}

/// Whole numbers; instants in milliseconds.
fn integers(path: &Path, name: &str) -> Vec<i64> {
    let of = |array: &ArrayRef| {
        let numbers = arrow_cast::cast(array, &DataType::Int64).unwrap();
        assert_eq!(numbers.null_count(), 0);
        numbers.as_primitive::<Int64Type>().values().to_vec()
    };
    column(path, name).iter().flat_map(of).collect()
}

fn number(id: &str) -> u64 {
    id.trim_start_matches('u').parse().unwrap()
}

fn consents_cleanly(id: &str) -> bool {
    !number(id).is_multiple_of(10)
}

/// The events of everybody by the rule above.
fn consents(people: &BTreeSet<String>) -> String {
    events(people, |person| (!consents_cleanly(person)).then(|| number(person) % 7))
}

/// The events of everybody, each with the flaw that a rule picks, if any.
fn events(people: &BTreeSet<String>, flaw: impl Fn(&str) -> Option<u64>) -> String {
    let mut csv = String::from(
        "person,handler,event,kind,trigger,purpose,recipient,categories,methods,notice,notice_version,shown_at,at,\
         valid_to,giver,own_step,pre_ticked,bundle_size,service_gate\n",
    );
    for person in people {
        let flaw = flaw(person);
        for trigger in ["SC23", "SC29"] {
            let mut event = |event, at, valid_to, recipient, bundle| {
                writeln!(
                    csv,
                    "{person},trust-site,{event},separate,{trigger},research-replay,{recipient},\
                     social-relation|payment-record,aggregate,N-CIAO,1,2011-03-01T08:00:00+02:00,{at},{valid_to},self,\
                     true,false,{bundle},false"
                )
                .unwrap();
            };
            let (march, own) = ("2011-03-02T00:00:00Z", "CIAO-RESEARCHER");
            match flaw {
                Some(0) => {}
                Some(1) => {
                    event("given", march, "", own, 1);
                    event("withdrawn", "2011-03-03T00:00:00Z", "", own, 1);
                }
                Some(2) => event("given", march, "2011-04-01T00:00:00Z", own, 1),
                Some(3) => event("given", march, "", own, 2),
                Some(4) => event("given", march, "", "SOMEBODY-ELSE", 1),
                Some(5) => event("given", "2011-04-13T00:00:01Z", "", own, 1),
                Some(_) if trigger == "SC29" => {}
                _ => event("given", march, "", own, 1),
            }
        }
    }
    csv
}

/// What the test knows and the sandbox may not say.
struct Truth {
    people: BTreeSet<String>,
    follows: BTreeSet<(String, String)>,
    /// Amount and instant of each payment.
    payments: BTreeMap<String, Vec<(i64, i64)>>,
    rows: (u64, u64),
}

impl Truth {
    fn read(folder: &Path) -> Self {
        let people: BTreeSet<String> = texts(&folder.join("people.parquet"), "user").into_iter().collect();
        let follows = texts(&folder.join("follows.parquet"), "follower")
            .into_iter()
            .zip(texts(&folder.join("follows.parquet"), "followee"));
        let follows: Vec<(String, String)> = follows.collect();
        let path = folder.join("payments.parquet");
        let amounts = integers(&path, "amount_minor");
        let times = integers(&path, "at");
        let mut payments: BTreeMap<String, Vec<(i64, i64)>> = BTreeMap::new();
        let rows = (follows.len() as u64, amounts.len() as u64);
        for ((payer, amount), at) in texts(&path, "payer").into_iter().zip(amounts).zip(times) {
            payments.entry(payer).or_default().push((amount, at / 1000));
        }
        Self { people, follows: follows.into_iter().collect(), payments, rows }
    }

    fn consenting(&self) -> impl Iterator<Item = &String> {
        self.people.iter().filter(|person| consents_cleanly(person))
    }

    /// Payments in the window `[2000-04-30, 2011-04-13)`.
    fn payments_of(&self, person: &str) -> impl Iterator<Item = (i64, i64)> {
        let until = Timestamp::parse("2011-04-13T00:00:00Z").unwrap().seconds();
        let all = self.payments.get(person).into_iter().flatten().copied();
        all.filter(move |(_, at)| (until - 4000 * DAY..until).contains(at))
    }

    fn spend(&self, person: &str) -> i64 {
        self.payments_of(person).map(|(amount, _)| amount).sum::<i64>().clamp(0, 50_000)
    }

    fn days(&self, person: &str) -> i64 {
        let until = Timestamp::parse("2011-04-13T00:00:00Z").unwrap().seconds();
        self.payments_of(person).map(|(_, at)| (until - at) / DAY).min().unwrap_or(i64::MAX)
    }

    fn following(&self, person: &str) -> i64 {
        let owner = person.to_owned();
        let end = format!("{person}\0");
        self.follows.range((owner, String::new())..(end, String::new())).count().try_into().unwrap()
    }
}

fn label(value: i64, bands: &[(&'static str, i64)]) -> &'static str {
    bands.iter().rev().find(|(_, bound)| value >= *bound).map_or(bands[0].0, |(label, _)| *label)
}

const SPEND: [(&str, i64); 5] = [("none", 0), ("low", 1), ("mid", 5_000), ("high", 10_000), ("top", 30_000)];
const ORDERS: [(&str, i64); 4] = [("none", 0), ("few", 1), ("some", 12), ("many", 40)];
const FOLLOWING: [(&str, i64); 4] = [("nobody", 0), ("few", 1), ("some", 5), ("many", 20)];
const FANS: [(&str, i64); 4] = [("none", 0), ("few", 1), ("some", 4), ("many", 12)];

/// Sums by label.
type Expected = BTreeMap<&'static str, i128>;

fn tally<'a>(people: impl Iterator<Item = (&'static str, i128)> + 'a) -> Expected {
    people.fold(Expected::new(), |mut all, (label, value)| {
        *all.entry(label).or_default() += value;
        all
    })
}

struct Sandbox {
    folder: tempfile::TempDir,
    operator: Operator,
    hygiene: IngestReport,
}

/// A sealed sandbox over the data under `study`, with consents by the rule above.
fn sealed(data: &Path, people: &BTreeSet<String>, study: &str, epsilon: &str) -> Sandbox {
    sealed_with(data, &consents(people), study, epsilon)
}

fn sealed_with(data: &Path, consents: &str, study: &str, epsilon: &str) -> Sandbox {
    let folder = tempfile::tempdir().unwrap();
    let events = folder.path().join("consents.csv");
    std::fs::write(&events, consents).unwrap();
    let pool = PoolTerms::new(NanoEpsilon::parse(epsilon).unwrap()).with_delta(Delta::DEFAULT);
    let setup = Setup::new(vec![StudySource::new("study.toml", study)], pool).with_approval(Approval::None);
    let dir = folder.path().join("sandbox");
    let operator = Operator::init(&dir, setup, Keys::InFolder, Box::new(SystemClock)).unwrap();
    let operator = operator.without_response_slot();
    let progress = Arc::new(Progress::default());
    let terms = SealTerms::new(
        EpochId::new("2011-04").unwrap(),
        Timestamp::parse_or_end_of_day("2011-04-12").unwrap(),
    )
    .with_reading(Reading::default().with_progress(Arc::clone(&progress)));
    let table = |name: &str| {
        let path: PathBuf = data.join(name).with_extension("parquet");
        (DatasetName::new(name).unwrap(), Input::Path(path))
    };
    let sources = Sources::new(vec![table("follows"), table("payments")], vec![Input::Path(events)]);
    let hygiene = operator.seal(&terms, sources).unwrap().hygiene;
    assert_eq!(progress.rows(), hygiene.files.iter().map(|file| file.rows).sum::<u64>());
    Sandbox { folder, operator, hygiene }
}

fn analyst(operator: &Operator) -> Analyst {
    operator.analyst(&RecipientId::new("researcher").unwrap(), None).unwrap()
}

fn ask(analyst: &Analyst, question: &str) -> Released {
    match analyst.ask(question, None).unwrap() {
        Answer::Released(released) => *released,
        Answer::Refused(reasons) => panic!("{question}: {reasons:?}"),
    }
}

/// Every released number of `column` is within three half-widths (almost six sigma) of the truth.
fn close(released: &Released, column: &str, part: usize, truth: &Expected) {
    let allowed = 3 * i128::from(released.parts[part].half_width);
    for row in &released.rows {
        let name = row.group[0].1.as_str();
        let expected = truth.get(name).copied().unwrap_or(0);
        match row.cells.iter().find(|cell| cell.name == column) {
            Some(cell) => {
                let off = (cell.noisy.unwrap() - expected).abs();
                assert!(off <= allowed, "{}: {name} is off by {off}, allowed {allowed}", released.question);
            }
            None => assert!(row.suppressed, "{name} has no {column}"),
        }
    }
    let labels: BTreeSet<&str> = released.rows.iter().map(|row| row.group[0].1.as_str()).collect();
    assert!(truth.keys().all(|label| labels.contains(label)), "{labels:?}");
}

#[test]
fn own_record_answers_are_what_an_independent_count_says() {
    let Some(data) = data() else { return };
    let truth = Truth::read(data);
    let sandbox = sealed(data, &truth.people, STUDY, "4");
    let analyst = analyst(&sandbox.operator);

    let people = |of: &dyn Fn(&str) -> &'static str| tally(truth.consenting().map(|id| (of(id), 1)));
    let spend = people(&|id| label(truth.spend(id), &SPEND));
    let question = "SELECT spend_tier, COUNT(*) AS people FROM tags GROUP BY spend_tier";
    close(&ask(&analyst, question), "people", 0, &spend);
    let following = people(&|id| label(truth.following(id), &FOLLOWING));
    let question = "SELECT following, COUNT(*) AS people FROM tags GROUP BY following";
    close(&ask(&analyst, question), "people", 0, &following);

    let inactive = || truth.consenting().filter(|id| truth.days(id) >= 1_000);
    let tier = |id: &str| label(truth.payments_of(id).count().min(200).try_into().unwrap(), &ORDERS);
    let question = "SELECT order_freq, COUNT(*) AS people, SUM(spend) AS total FROM tags \
                    WHERE lapsed <> 'active' GROUP BY order_freq";
    let answer = ask(&analyst, question);
    close(&answer, "people", 0, &tally(inactive().map(|id| (tier(id), 1))));
    close(&answer, "total", 1, &tally(inactive().map(|id| (tier(id), i128::from(truth.spend(id))))));
}

#[test]
fn audience_answers_are_what_an_independent_count_says() {
    let Some(data) = data() else { return };
    let truth = Truth::read(data);
    // The cut is keyed, so it cannot be counted from outside. Lists are left whole here (the longest has 804 names), and the
    // huge pool pays for it: a test of the kernels, not of the price.
    let study =
        STUDY.replace("max_reach = 8", "max_reach = 1000").replace("epsilon = 4.0", "epsilon = 1000000.0");
    let sandbox = sealed(data, &truth.people, &study, "1000000");
    let analyst = analyst(&sandbox.operator);

    let mut fans: BTreeMap<&String, (i64, i64)> = truth.consenting().map(|id| (id, (0, 0))).collect();
    for (follower, followee) in truth.follows.iter().filter(|(follower, _)| consents_cleanly(follower)) {
        if let Some((count, spend)) = fans.get_mut(followee) {
            *count += 1;
            *spend += truth.spend(follower);
        }
    }
    let sizes = tally(fans.values().map(|(count, _)| (label(*count, &FANS), 1)));
    let question =
        "SELECT audience_size, COUNT(*) AS people FROM tags GROUP BY audience_size WITH (error = 15)";
    close(&ask(&analyst, question), "people", 0, &sizes);
    let mean = |(count, spend): &(i64, i64)| match count {
        0 => "nobody",
        // Compared as fractions: a mean of 9,999.5 is not yet 10,000.
        count if *spend >= 20_000 * count => "high",
        count if *spend >= 10_000 * count => "mid",
        _ => "low",
    };
    let question =
        "SELECT audience_spend, COUNT(*) AS people FROM tags GROUP BY audience_spend WITH (error = 15)";
    close(&ask(&analyst, question), "people", 0, &tally(fans.values().map(|of| (mean(of), 1))));
}

/// The book's page on truncation: its measures and its numbers, as measured.
#[test]
fn the_books_example_of_a_cut_is_what_is_measured() {
    const PAGE: &str = include_str!("../../../../docs/src/cut.md");
    const BIG: &str = "1000000000";
    let Some(data) = data() else { return };
    let truth = Truth::read(data);
    let events = events(&truth.people, |_| None);
    let measures = PAGE.split_once("```toml\n[measures]\n").unwrap().1.split_once("```").unwrap().0;
    let (before, rest) = STUDY.split_once("[measures.fans]").unwrap();
    let (_, after) = rest.split_once("[tags.spend_tier]").unwrap();
    let own: String =
        before.replace("[measures.spend]", &format!("[measures]\n{measures}\n[measures.spend]"));
    let table: Vec<Vec<&str>> = PAGE
        .lines()
        .filter(|line| line.starts_with("| "))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    assert_eq!(table[0], ["released", "8", "32", "whole lists"]);
    let written = |row: &str, column: usize| -> f64 {
        let row = table.iter().find(|cells| cells[0].contains(row)).unwrap();
        row[column].replace(',', "").parse().unwrap()
    };
    for (column, reach) in [(1, 8), (3, 1_000)] {
        let study =
            format!("{own}[tags.spend_tier]{after}").replace("epsilon = 4.0", &format!("epsilon = {BIG}.0"));
        let study = study.replace("max_reach = 8", &format!("max_reach = {reach}"));
        let sandbox = sealed_with(data, &events, &study, BIG);
        let analyst = analyst(&sandbox.operator);
        let close = |row: &str, found: f64| {
            let wanted = written(row, column);
            // Keys of the cut move numbers a little, and counts have some noise.
            let allowed = 0.08 * wanted + if row.starts_with("band") { 15.0 } else { 0.0 };
            assert!((found - wanted).abs() <= allowed, "{row} at {reach}: {found} and not {wanted}");
        };
        for (measure, error) in
            [("fans", 1_000), ("strong", 1_000), ("fans_spend", 200_000), ("fans_rich", 1_000)]
        {
            let answer = ask(
                &analyst,
                &format!("SELECT AVG({measure}) AS x FROM tags WITH (error = 4, error({measure}) = {error})"),
            );
            let found = answer.rows[0].cells[0].estimate.unwrap().to_string();
            close(&format!("`AVG({measure})`"), found.parse().unwrap());
        }
        let sizes = ask(
            &analyst,
            "SELECT audience_size, COUNT(*) AS people FROM tags GROUP BY audience_size WITH (error = 9)",
        );
        for label in ["many", "none"] {
            let row = sizes.rows.iter().find(|row| row.group[0].1 == label).unwrap();
            #[expect(clippy::cast_precision_loss, reason = "a count of people")]
            let found = row.cells[0].noisy.unwrap() as f64;
            close(&format!("band `{label}`"), found);
        }
    }
}

#[test]
fn the_hygiene_counts_every_row() {
    let Some(data) = data() else { return };
    let truth = Truth::read(data);
    let sandbox = sealed(data, &truth.people, STUDY, "4");
    let file = |dataset: &str| {
        sandbox
            .hygiene
            .files
            .iter()
            .find(|file| file.dataset == dataset)
            .unwrap_or_else(|| panic!("{dataset}"))
    };
    let (follows, payments) = (file("follows"), file("payments"));
    assert_eq!((follows.rows, payments.rows), truth.rows);
    assert_eq!((follows.rows, payments.rows), (111_781, 284_086));
    assert_eq!((follows.self_follows, follows.duplicates, follows.used), (0, 0, 111_781));
    // Zero amounts are good rows, and so are the 290 that look alike.
    assert_eq!(payments.used, 284_086);
    assert!(sandbox.hygiene.files.iter().all(|file| file.dropped.is_empty()));
    assert_eq!(follows.undeclared_columns, ["since"]);
    assert_eq!(payments.undeclared_columns, ["merchant", "category"]);
    assert_eq!(usize::try_from(file("consents").rows).unwrap(), consents(&truth.people).lines().count() - 1);
}

#[test]
fn a_forecast_is_charged_once_and_the_books_agree() {
    let Some(data) = data() else { return };
    let truth = Truth::read(data);
    let sandbox = sealed(data, &truth.people, STUDY, "4");
    let analyst = analyst(&sandbox.operator);
    let question = "SELECT lapsed, COUNT(*) FROM tags WHERE audience_spend = 'high' GROUP BY lapsed";
    let forecast = analyst.forecast(question).unwrap();
    assert_eq!(forecast.reach, 9);
    assert_eq!(analyst.remaining().unwrap().spent, 0, "a forecast is free");
    let first = ask(&analyst, question);
    assert!(!first.stored);
    assert_eq!(first.units, forecast.cost);
    assert_eq!(analyst.remaining().unwrap().spent, forecast.cost);
    // Other spaces, other spelling: the same question.
    let again =
        ask(&analyst, "select lapsed, count(*) from tags where audience_spend='high' group by lapsed");
    assert!(again.stored);
    assert_eq!(again.rows, first.rows);
    assert_eq!(analyst.remaining().unwrap().spent, forecast.cost, "a repeated question is free");

    let folder = Folder::open(&sandbox.folder.path().join("sandbox")).unwrap();
    let verified = verify_log(&folder, None, Some(Keys::InFolder), None).unwrap();
    assert_eq!((verified.studies, verified.charges), (1, Some(1)));
}

#[test]
fn the_command_does_the_same() {
    let Some(data) = data() else { return };
    let truth = Truth::read(data);
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("consents.csv"), consents(&truth.people)).unwrap();
    let hushtag = |line: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hushtag"));
        command.current_dir(home.path()).env_remove("HUSHTAG_ROOT_KEY").args(["--quiet", "--format", "json"]);
        // Questions hold spaces, so words are parted by `|`.
        let output = command.args(line.split('|')).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{line}: {message}");
        output.stdout
    };
    let study = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/ciao/study.toml");
    hushtag(&format!("init|box|--study|{study}|--epsilon|4|--approval|none"));
    hushtag(&format!(
        "seal|box|--epoch|2011-04|--as-of|2011-04-12|--data|follows={DATA}/follows.parquet|\
         --data|payments={DATA}/payments.parquet|--consents|consents.csv"
    ));
    let question = "SELECT spend_tier, COUNT(*) AS people FROM tags GROUP BY spend_tier";
    let ask = || -> serde_json::Value {
        serde_json::from_slice(&hushtag(&format!("ask|box|--recipient|researcher|{question}"))).unwrap()
    };
    let (first, again) = (ask(), ask());
    assert_eq!((&first["stored"], &again["stored"]), (&false.into(), &true.into()));
    assert_eq!(first["rows"], again["rows"]);
    let expected = tally(truth.consenting().map(|id| (label(truth.spend(id), &SPEND), 1)));
    for row in first["rows"].as_array().unwrap().iter().filter(|row| row["suppressed"] == false) {
        let number = |name: &str| i128::from(row["people"][name].as_i64().unwrap());
        // A tier without people may still be shown, by its noise.
        let truth = expected.get(row["group"]["spend_tier"].as_str().unwrap()).copied().unwrap_or(0);
        let width = number("high") - number("noisy");
        assert!(width > 0 && (number("noisy") - truth).abs() <= 3 * width, "{row}");
    }
    hushtag("audit|verify|box");
}
