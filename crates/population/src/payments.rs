//! Payments: log-normal amounts, Zipf merchants in a closed list of scenes, people who lapsed.

use std::fmt::Write;
use std::sync::Arc;

use arrow_array::builder::{ArrayBuilder, Int64Builder, StringBuilder, TimestampSecondBuilder};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{ArrowError, DataType, SchemaRef};
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

use super::Population;
use super::batches::{Table, instant, schema};
use super::person::{DAY, Person, Stream, percent, whole};

/// Merchants of each scene; numbers run through all scenes.
const MERCHANTS: u32 = 400;

/// One yuan to 50,000 yuan, in fen.
const AMOUNTS: (u32, u32) = (100, 5_000_000);

/// What a payment is for.
#[derive(Clone, Copy)]
struct Scene {
    name: &'static str,
    number: u32,
    /// In fen.
    median: f64,
}

const fn scene(name: &'static str, number: u32, median: f64) -> Scene {
    Scene { name, number, median }
}

const SCENES: [(u32, Scene); 4] = [
    (38, scene("food", 0, 2_400.0)),
    (27, scene("retail", 1, 4_500.0)),
    (18, scene("ride", 2, 1_900.0)),
    (4, scene("travel", 3, 30_000.0)),
];
const OTHER_SCENE: Scene = scene("utilities", 4, 6_000.0);

/// The columns of `payments`.
#[derive(Default)]
pub(super) struct Columns {
    payer: StringBuilder,
    amount: Int64Builder,
    at: TimestampSecondBuilder,
    merchant: StringBuilder,
    scene: StringBuilder,
    referrer: StringBuilder,
}

/// The instant of one payment. Those who have not lapsed have their `first` payment in the last 30 days.
fn instant_of<R: Rng>(rng: &mut R, as_of: i64, lapsed: bool, first: bool) -> i64 {
    let ago = match (lapsed, first) {
        (true, _) => 30 * DAY + 1..=120 * DAY,
        (false, true) => 1..=30 * DAY,
        (false, false) => 1..=120 * DAY,
    };
    as_of - rng.random_range(ago)
}

impl Columns {
    fn push<R: Rng>(&mut self, rng: &mut R, person: &Person) {
        let scene = percent(rng, &SCENES, OTHER_SCENE);
        let normal: f64 = StandardNormal.sample(rng);
        let (least, most) = AMOUNTS;
        let amount = whole(scene.median * (person.affluence + 0.8 * normal).exp(), most).max(least);
        self.amount.append_value(i64::from(amount));
        // The integer part of N^u has rank k with probability ln(1 + 1/k) / ln N: Zipf with exponent 1.
        let share: f64 = rng.random();
        let rank = whole(f64::from(MERCHANTS + 1).powf(share), MERCHANTS).max(1);
        // Writing into a string builder cannot fail.
        let _ = write!(self.merchant, "m{:04}", (rank - 1) * 5 + scene.number + 1);
        self.merchant.append_value("");
        self.scene.append_value(scene.name);
    }

    fn refer<R: Rng>(&mut self, rng: &mut R, population: &Population, payer: u32) {
        let referrer =
            rng.random_ratio(3, 100).then(|| population.popular(rng)).filter(|&other| other != payer);
        self.referrer.append_option(referrer.map(|other| population.id(other)));
    }
}

impl Table for Columns {
    fn schema() -> SchemaRef {
        schema(&[
            ("payer", DataType::Utf8, false),
            ("amount", DataType::Int64, false),
            ("at", instant(), false),
            ("merchant", DataType::Utf8, false),
            ("scene", DataType::Utf8, false),
            ("referrer", DataType::Utf8, true),
        ])
    }

    fn add(&mut self, population: &Population, index: u32) {
        let person = population.person(index);
        let payer = population.id(index);
        let as_of = population.config().as_of;
        let mut rng = population.generator(Stream::Payments, index, 0);
        for number in 0..person.payments {
            self.payer.append_value(&payer);
            self.at.append_value(instant_of(&mut rng, as_of, person.lapsed, number == 0));
            self.push(&mut rng, &person);
            self.refer(&mut rng, population, index);
        }
    }

    fn rows(&self) -> usize {
        self.amount.len()
    }

    fn take(&mut self, schema: SchemaRef) -> Result<RecordBatch, ArrowError> {
        let columns: Vec<Arc<dyn Array>> = vec![
            Arc::new(self.payer.finish()),
            Arc::new(self.amount.finish()),
            Arc::new(self.at.finish().with_timezone("+00:00")),
            Arc::new(self.merchant.finish()),
            Arc::new(self.scene.finish()),
            Arc::new(self.referrer.finish()),
        ];
        RecordBatch::try_new(schema, columns)
    }
}
