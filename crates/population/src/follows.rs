//! Follow lists: log-normal lengths, hubs, communities, mutual ties, and a few rows that readers must drop.

use std::fmt::Write;
use std::sync::Arc;

use arrow_array::builder::{StringBuilder, TimestampSecondBuilder};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{ArrowError, DataType, SchemaRef};
use rand::RngExt;

use super::Population;
use super::batches::{Table, instant, schema};
use super::person::{DAY, Stream, log_normal_count};

/// Percent of people who follow no one.
const QUIET_PERCENT: u64 = 8;

/// Percent of an average list that are friends, who follow back.
const FRIENDS_PERCENT: u32 = 15;

/// One row in this many is written twice, and one in this many names its own follower.
const BLEMISH: u32 = 1_000;

impl Population {
    fn follows_no_one(&self, index: u32) -> bool {
        self.config().follows_per_person == 0 || self.hash(Stream::Quiet, index, 0) % 100 < QUIET_PERCENT
    }

    /// Adds those of the community whom `index` follows and who follow them: both sides compute the same hash.
    fn add_friends(&self, index: u32, list: &mut Vec<u32>) {
        let community = self.community(index);
        let others = u64::from(community.end - community.start).saturating_sub(1).max(1);
        let friends = u64::from(self.config().follows_per_person * FRIENDS_PERCENT);
        let bound = (u64::MAX / (others * 100)).saturating_mul(friends);
        list.extend(community.filter(|&other| {
            other != index
                && self.hash(Stream::Friends, index.min(other), index.max(other)) < bound
                && !self.follows_no_one(other)
        }));
    }

    /// How many follow `index` back.
    pub(super) fn friends(&self, index: u32) -> usize {
        let mut list = Vec::new();
        if !self.follows_no_one(index) {
            self.add_friends(index, &mut list);
        }
        list.len()
    }

    /// Fills `list` with the distinct people whom `index` follows, themselves not among them.
    fn follow_list(&self, rng: &mut impl rand::Rng, index: u32, list: &mut Vec<u32>) {
        list.clear();
        if self.follows_no_one(index) {
            return;
        }
        self.add_friends(index, list);
        let mean = f64::from(self.config().follows_per_person);
        let picks = mean * (100.0 / 92.0 - f64::from(FRIENDS_PERCENT) / 100.0);
        let community = self.community(index);
        for _ in 0..log_normal_count(rng, picks, 1.0, 5_000) {
            let local = rng.random_ratio(2, 5);
            list.push(if local { rng.random_range(community.clone()) } else { self.popular(rng) });
        }
        list.sort_unstable();
        list.dedup();
        list.retain(|&followee| followee != index);
    }
}

/// The columns of `follows`.
#[derive(Default)]
pub(super) struct Columns {
    list: Vec<u32>,
    follower: StringBuilder,
    followee: StringBuilder,
    since: TimestampSecondBuilder,
}

impl Columns {
    fn push(&mut self, follower: &str, followee: u64, since: i64) {
        self.follower.append_value(follower);
        // Writing into a string builder cannot fail.
        let _ = write!(self.followee, "{followee}");
        self.followee.append_value("");
        self.since.append_value(since);
    }
}

impl Table for Columns {
    fn schema() -> SchemaRef {
        schema(&[
            ("follower", DataType::Utf8, false),
            ("followee", DataType::Utf8, false),
            ("since", instant(), false),
        ])
    }

    fn add(&mut self, population: &Population, index: u32) {
        let mut rng = population.generator(Stream::Follows, index, 0);
        let mut list = std::mem::take(&mut self.list);
        population.follow_list(&mut rng, index, &mut list);
        let follower = population.id(index);
        let as_of = population.config().as_of;
        for &followee in &list {
            let since = as_of - rng.random_range(1..1_000 * DAY);
            self.push(&follower, population.phone(followee), since);
            if rng.random_ratio(1, BLEMISH) {
                self.push(&follower, population.phone(followee), since + 1);
            }
            if rng.random_ratio(1, BLEMISH) {
                self.push(&follower, population.phone(index), since);
            }
        }
        self.list = list;
    }

    fn rows(&self) -> usize {
        use arrow_array::builder::ArrayBuilder;
        self.since.len()
    }

    fn take(&mut self, schema: SchemaRef) -> Result<RecordBatch, ArrowError> {
        let since = self.since.finish().with_timezone("+00:00");
        let columns: Vec<Arc<dyn Array>> =
            vec![Arc::new(self.follower.finish()), Arc::new(self.followee.finish()), Arc::new(since)];
        RecordBatch::try_new(schema, columns)
    }
}
