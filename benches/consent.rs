//! What consents cost: two million events of made-up people, from a Parquet file to who is in, and the fold alone. Prints
//! events a second on one core, and memory.
//!
//! `cargo bench --bench consent`; `HUSHTAG_BENCH_PEOPLE` (1000000) changes the size. Without `--bench` it does nothing, so
//! that `cargo test` stays quick.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

pub mod support;

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch, RecordBatchIterator};
use arrow_schema::{DataType, Field, Schema};
use hushtag::consent::{Demand, Fold, Row};
use hushtag::engine::{Input, Reading, Sources, build};
use hushtag::policy::{Decision, Regime, Study, decide};
use hushtag::types::{RecipientId, Secret, Timestamp};
use hushtag_population::{Population, PopulationConfig};

/// The fewest tables that a study can have: consents are all there is to read.
const STUDY: &str = r#"
[study]
id = "consents"
regime = "cn-pipl"
purpose = "campaign-measurement"
action = "provide"
basis = "consent"
retention = "90d"
methods = ["aggregate"]
[notice]
id = "N-2026-04"
version = 3
[documents]
pipia = { id = "PIA-2026-014", approved = 2026-09-01, expires = 2027-09-01 }
provision-contract = { id = "CONTRACT-1", approved = 2026-09-01, expires = 2027-09-01 }
[[handlers]]
id = "social-platform"
legal_id = "LEGAL-ID-A"
kind = "platform"
[[handlers]]
id = "payment-platform"
legal_id = "LEGAL-ID-B"
kind = "payment-institution"
[[recipients]]
id = "brand-insights"
legal_id = "LEGAL-ID-C"
name = "Brand Insights"
contact = "privacy@brand.example"
country = "CN"
[population]
age = "declared-adults"
[datasets.members]
kind = "people"
handler = "social-platform"
ids = "phone"
owner = "user"
category = "payment-record"
fields = { region = "text" }
[tags.region]
field = "members.region"
values = ["east", "south"]
[release]
min_people = 20
default_error = 200
"#;

fn main() -> Result<(), Box<dyn Error>> {
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let people = match std::env::var("HUSHTAG_BENCH_PEOPLE") {
        Ok(text) => text.parse()?,
        Err(_) => 1_000_000,
    };
    let config = PopulationConfig {
        people,
        follows_per_person: 0,
        payments_per_person: 0,
        ..PopulationConfig::default()
    };
    let study = Study::parse("study.toml", STUDY)?;
    let demand = demand(&study, Timestamp::from_seconds(config.as_of))?;
    let slots = demand.requirements.len() * 24;
    println!(
        "{people} people, {} consents demanded of each: {slots} bytes a person",
        demand.requirements.len()
    );
    fold_alone(&config, &demand)?;

    let folder = tempfile::tempdir()?;
    let as_of = Timestamp::from_seconds(config.as_of);
    let files = Population::new(config)?.write_parquet(folder.path())?;
    println!("peak memory before: {}", support::peak_memory());
    for _ in 0..3 {
        let flows = [(RecipientId::new("brand-insights")?, demand.clone())];
        let sources =
            Sources::new(vec![("members".parse()?, no_people())], vec![Input::Path(files.consents.clone())]);
        let start = Watch::start();
        let (_, hygiene) = build(&study, &flows, sources, as_of, &Secret::new([9; 32]), &Reading::default())?;
        let events: u64 = hygiene.files.iter().map(|file| file.rows).sum();
        report("from Parquet to who is in", events, &start);
    }
    println!("peak memory after: {}", support::peak_memory());
    Ok(())
}

fn demand(study: &Study, now: Timestamp) -> Result<Demand, Box<dyn Error>> {
    let regime = Regime::built_in(&study.regime)?;
    let recipient = study.recipients.first().ok_or("the study has a recipient")?;
    match decide(study, &regime, recipient, now) {
        Decision::Permit(flow) => Ok(flow.demand().clone()),
        Decision::Deny(reasons) => Err(format!("the study is not permitted: {reasons:?}").into()),
    }
}

/// A members table without a row.
fn no_people() -> Input {
    let field = |name: &str| Field::new(name, DataType::Utf8, false);
    let schema = Arc::new(Schema::new(vec![field("user"), field("region")]));
    Input::Reader("members".into(), Box::new(RecordBatchIterator::new([], schema)))
}

/// Rows that are already text in memory, observed ten times over.
fn fold_alone(config: &PopulationConfig, demand: &Demand) -> Result<(), Box<dyn Error>> {
    let some = PopulationConfig { people: config.people.min(50_000), ..config.clone() };
    let people = some.people as usize;
    let batches = Population::new(some)?.consents().collect::<Result<Vec<_>, _>>()?;
    let rows: Vec<Row<'_>> =
        batches.iter().flat_map(|batch| (0..batch.num_rows()).filter_map(|at| row(batch, at))).collect();
    let mut fold = Fold::new(demand.clone(), Timestamp::from_seconds(config.as_of));
    let start = Watch::start();
    for _ in 0..10 {
        for (position, row) in rows.iter().enumerate() {
            fold.observe(u32::try_from(position % people)?, row);
        }
    }
    let covered = fold.finish(people, &[]);
    report("the fold alone, every row read again", rows.len() as u64 * 10, &start);
    assert!(covered.contains(0) || !covered.contains(u32::MAX));

    let mut fold = Fold::new(demand.clone(), Timestamp::from_seconds(config.as_of));
    let first = rows.first().ok_or("there is no row")?;
    let reading = fold.read(first);
    let times: Vec<_> = rows.iter().map(Row::times).collect();
    let start = Watch::start();
    for _ in 0..10 {
        for (position, times) in times.iter().enumerate() {
            fold.observe_reading(u32::try_from(position % people)?, &reading, times);
        }
    }
    let covered = fold.finish(people, &[]);
    report("the fold alone, rows read before", rows.len() as u64 * 10, &start);
    assert!(covered.contains(0) || !covered.contains(u32::MAX));
    Ok(())
}

fn row(batch: &RecordBatch, at: usize) -> Option<Row<'_>> {
    let cell = |name: &str| {
        let column = batch.column_by_name(name).filter(|column| !column.is_null(at))?;
        match column.data_type() {
            DataType::Boolean => Some(if column.as_boolean().value(at) { "true" } else { "false" }),
            DataType::Utf8 => Some(column.as_string::<i32>().value(at)),
            // The notice's version and the size of the bundle: the values do not matter here.
            _ => Some(if name == "bundle_size" { "1" } else { "3" }),
        }
    };
    Some(Row {
        handler: cell("handler"),
        event: cell("event"),
        kind: cell("kind"),
        trigger: cell("trigger"),
        purpose: cell("purpose"),
        recipient: cell("recipient"),
        categories: cell("categories"),
        methods: cell("methods"),
        notice: cell("notice"),
        notice_version: cell("notice_version"),
        shown_at: cell("shown_at"),
        at: cell("at"),
        valid_to: cell("valid_to"),
        giver: cell("giver"),
        own_step: cell("own_step"),
        pre_ticked: cell("pre_ticked"),
        bundle_size: cell("bundle_size"),
        service_gate: cell("service_gate"),
        service_necessary: cell("service_necessary"),
    })
}

/// A clock, and the processor time of this thread where the system shows it: other work on the machine costs no events.
struct Watch {
    clock: Instant,
    processor: Option<f64>,
}

impl Watch {
    fn start() -> Self {
        Self { clock: Instant::now(), processor: Self::processor() }
    }

    /// Seconds.
    fn processor() -> Option<f64> {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        text.split(' ').next()?.parse::<f64>().ok().map(|nanoseconds| nanoseconds / 1e9)
    }
}

#[expect(clippy::cast_precision_loss, reason = "printed with two digits after the point")]
fn report(what: &str, events: u64, start: &Watch) {
    let clock = start.clock.elapsed().as_secs_f64();
    let processor = Watch::processor().zip(start.processor).map_or(clock, |(end, start)| end - start);
    let millions = events as f64 / processor / 1e6;
    println!(
        "{what}: {events} events in {clock:.2} s, {processor:.2} s on a core: {millions:.2} million events a second of it"
    );
}
