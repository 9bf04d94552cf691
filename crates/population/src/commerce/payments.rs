//! Orders: log-normal amounts by scene, merchants of three tiers, modules by rank, and who invited the payer.

use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder, BooleanBuilder, Int64Builder, StringBuilder, TimestampSecondBuilder,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{ArrowError, DataType, SchemaRef};
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

use super::super::Population;
use super::super::batches::{Table, instant, schema};
use super::super::person::{DAY, Person, Stream, log_normal_count, percent, whole};
use super::any_scene;

/// One yuan to 50,000 yuan, in fen.
const AMOUNTS: (u32, u32) = (100, 5_000_000);

/// The tier of a merchant.
#[derive(Clone, Copy)]
struct Tier {
    name: &'static str,
    /// How much more expensive its orders are.
    level: f64,
    /// Percent of the orders of the month before that come this month instead.
    moved: u32,
}

const TIERS: [(u32, Tier); 2] =
    [(45, Tier { name: "head", level: 1.3, moved: 0 }), (33, Tier { name: "middle", level: 0.9, moved: 6 })];
const LAST_TIER: Tier = Tier { name: "tail", level: 0.6, moved: 15 };

/// Percent of orders with each module; the rest have none.
const MODULES: [(u32, Option<&str>); 12] = [
    (9, Some("coupon")),
    (7, Some("membership")),
    (5, Some("delivery")),
    (4, Some("points")),
    (3, Some("group-buy")),
    (3, Some("booking")),
    (2, Some("returns")),
    (2, Some("queue")),
    (2, Some("reviews")),
    (1, Some("invoice")),
    (1, Some("gift")),
    (1, Some("instalment")),
];

/// Percent of orders on an invitation.
const INVITED: u32 = 4;

/// The columns of `payments`.
#[derive(Default)]
pub(super) struct Columns {
    payer: StringBuilder,
    amount: Int64Builder,
    at: TimestampSecondBuilder,
    scene: StringBuilder,
    merchant_tier: StringBuilder,
    fulfilled: BooleanBuilder,
    coupon: BooleanBuilder,
    module: StringBuilder,
    minutes: Int64Builder,
    referrer: StringBuilder,
}

/// How long ago one order was. Those who have not lapsed have their `first` one in the last 30 days.
fn ago<R: Rng>(rng: &mut R, lapsed: bool, first: bool, tier: Tier) -> i64 {
    let days = match (lapsed, first) {
        (true, _) => 30 * DAY + 1..=120 * DAY,
        (false, true) => 1..=30 * DAY,
        (false, false) => 1..=120 * DAY,
    };
    let ago = rng.random_range(days);
    let moved = rng.random_ratio(tier.moved, 100);
    if moved && !lapsed && (30 * DAY + 1..=60 * DAY).contains(&ago) { ago - 30 * DAY } else { ago }
}

/// Somebody who shares and whom the payer may know; after a few misses no one.
fn inviter<R: Rng>(rng: &mut R, population: &Population, payer: u32) -> Option<u32> {
    let invited = rng.random_ratio(INVITED, 100);
    if !invited {
        return None;
    }
    for _ in 0..8 {
        let near = rng.random_ratio(2, 3);
        let other =
            if near { rng.random_range(population.community(payer)) } else { population.popular(rng) };
        if other != payer && population.habits(other).shares {
            return Some(other);
        }
    }
    None
}

impl Columns {
    fn push<R: Rng>(&mut self, rng: &mut R, person: &Person, minutes: f64) -> Tier {
        let scene = any_scene(rng);
        let tier = percent(rng, &TIERS, LAST_TIER);
        let normal: f64 = StandardNormal.sample(rng);
        let (least, most) = AMOUNTS;
        let amount = whole(scene.median * tier.level * (person.affluence + 0.8 * normal).exp(), most);
        let module = percent(rng, &MODULES, None);
        self.amount.append_value(i64::from(amount.max(least)));
        self.scene.append_value(scene.name);
        self.merchant_tier.append_value(tier.name);
        self.fulfilled.append_value(rng.random_ratio(scene.inside, 100));
        self.coupon.append_value(module == Some("coupon") || rng.random_ratio(1, 10));
        self.module.append_option(module);
        self.minutes.append_value(i64::from(log_normal_count(rng, minutes, 0.7, 240)));
        tier
    }
}

impl Table for Columns {
    fn schema() -> SchemaRef {
        schema(&[
            ("payer", DataType::Utf8, false),
            ("amount", DataType::Int64, false),
            ("at", instant(), false),
            ("scene", DataType::Utf8, false),
            ("merchant_tier", DataType::Utf8, false),
            ("fulfilled", DataType::Boolean, false),
            ("coupon", DataType::Boolean, false),
            ("module", DataType::Utf8, true),
            ("minutes", DataType::Int64, false),
            ("referrer", DataType::Utf8, true),
        ])
    }

    fn add(&mut self, population: &Population, index: u32) {
        let person = population.person(index);
        let payer = population.id(index);
        let as_of = population.config().as_of;
        // Who has friends stays longer before an order.
        let friends = population.friends(index);
        let minutes = if friends >= 3 { 9.0 } else { 4.0 };
        let mut rng = population.generator(Stream::Orders, index, 0);
        for number in 0..person.payments {
            self.payer.append_value(&payer);
            let tier = self.push(&mut rng, &person, minutes);
            self.at.append_value(as_of - ago(&mut rng, person.lapsed, number == 0, tier));
            let referrer = inviter(&mut rng, population, index);
            self.referrer.append_option(referrer.map(|other| population.id(other)));
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
            Arc::new(self.scene.finish()),
            Arc::new(self.merchant_tier.finish()),
            Arc::new(self.fulfilled.finish()),
            Arc::new(self.coupon.finish()),
            Arc::new(self.module.finish()),
            Arc::new(self.minutes.finish()),
            Arc::new(self.referrer.finish()),
        ];
        RecordBatch::try_new(schema, columns)
    }
}
