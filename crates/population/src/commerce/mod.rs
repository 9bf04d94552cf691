//! Made-up people for the social-commerce study: shares, orders by scene and merchant tier, invitations.
//!
//! Follow lists and consents are those of a [`Population`]; the other tables are drawn here, each person from a generator
//! of their own. What is planted: people under 30 share more and those with mutual ties stay longer in a service, invited
//! orders name people who share, the long tail of merchants grows, and each scene keeps its own share of orders inside.

mod members;
mod payments;
mod shares;

use std::path::{Path, PathBuf};

use arrow_array::RecordBatchReader;
use rand::{Rng, RngExt};

use super::batches::Batches;
use super::files::{Format, write_tables};
use super::person::{Stream, percent};
use super::{ConsentTerms, MAX_CSV_PEOPLE, Population, PopulationConfig, PopulationError};

/// The people of the social-commerce study.
///
/// ```
/// use hushtag_population::{PopulationConfig, SocialCommerce};
///
/// let folder = tempfile::tempdir()?;
/// let people = SocialCommerce::new(PopulationConfig { people: 100, ..SocialCommerce::config() })?;
/// let files = people.write_csv(folder.path())?;
/// assert_eq!(files.len(), 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct SocialCommerce {
    people: Population,
}

impl SocialCommerce {
    /// The configuration to start from; its consents are those that `policies/social-commerce` asks for.
    #[must_use]
    pub fn config() -> PopulationConfig {
        let categories = ["social-relation", "content-interaction", "payment-record", "profile"];
        PopulationConfig {
            terms: ConsentTerms {
                purpose: "merchant-analytics".into(),
                categories: categories.map(String::from).into(),
                notice: "N-2026-07".into(),
                notice_version: 2,
                ..ConsentTerms::default()
            },
            ..PopulationConfig::default()
        }
    }

    /// The people of a configuration.
    ///
    /// # Errors
    /// [`PopulationError::Invalid`] for a value outside its range.
    pub fn new(config: PopulationConfig) -> Result<Self, PopulationError> {
        Ok(Self { people: Population::new(config)? })
    }

    /// Whether the person at `index` is an adult and has both consents in force.
    #[must_use]
    pub fn expected_in(&self, index: u32) -> bool {
        self.people.expected_in(index) && !self.people.habits(index).is_minor()
    }

    /// The people behind the tables: ids, configuration, flaws of consents.
    #[must_use]
    pub fn population(&self) -> &Population {
        &self.people
    }

    /// Follow lists: `follower`, `followee`, `since`.
    #[must_use]
    pub fn follows(&self) -> Box<dyn RecordBatchReader + Send> {
        self.people.follows()
    }

    /// Shares: `sharer`, `at`, `scene`, `opens`, `followed` (to someone on the sharer's own list).
    #[must_use]
    pub fn shares(&self) -> Box<dyn RecordBatchReader + Send> {
        Box::new(Batches::new(self.people.clone(), shares::Columns::default()))
    }

    /// Orders: `payer`, `amount` (fen), `at`, `scene`, `merchant_tier`, `fulfilled` (without leaving the service), `coupon`,
    /// `module`, `minutes` (before the order), `referrer` (a person's id, mostly null).
    #[must_use]
    pub fn payments(&self) -> Box<dyn RecordBatchReader + Send> {
        Box::new(Batches::new(self.people.clone(), payments::Columns::default()))
    }

    /// Profiles: `user`, `region`, `birth_year`, `age_group`; two percent are minors.
    #[must_use]
    pub fn members(&self) -> Box<dyn RecordBatchReader + Send> {
        Box::new(Batches::new(self.people.clone(), members::Columns::default()))
    }

    /// Consent events, clean for most, every kind of flaw for the rest.
    #[must_use]
    pub fn consents(&self) -> Box<dyn RecordBatchReader + Send> {
        self.people.consents()
    }

    /// Every table with its name; consents are the last.
    #[must_use]
    pub fn tables(&self) -> [(&'static str, Box<dyn RecordBatchReader + Send>); 5] {
        [
            ("follows", self.follows()),
            ("shares", self.shares()),
            ("payments", self.payments()),
            ("members", self.members()),
            ("consents", self.consents()),
        ]
    }

    /// Writes every table as Parquet (zstd) into `folder`, which is made when absent, and says where each is.
    ///
    /// # Errors
    /// [`PopulationError`] when a file cannot be made or written.
    pub fn write_parquet(&self, folder: &Path) -> Result<Vec<(&'static str, PathBuf)>, PopulationError> {
        write_tables(folder, Format::Parquet, self.tables())
    }

    /// Writes the same tables as CSV with a header.
    ///
    /// # Errors
    /// [`PopulationError::TooManyForCsv`] above [`MAX_CSV_PEOPLE`], else as [`SocialCommerce::write_parquet`].
    pub fn write_csv(&self, folder: &Path) -> Result<Vec<(&'static str, PathBuf)>, PopulationError> {
        let people = self.people.config().people;
        if people > MAX_CSV_PEOPLE {
            return Err(PopulationError::TooManyForCsv { people });
        }
        write_tables(folder, Format::Csv, self.tables())
    }
}

/// The scenes of services.
#[derive(Clone, Copy)]
struct Scene {
    name: &'static str,
    /// Of an order, in fen.
    median: f64,
    /// Percent of orders fulfilled without leaving the service.
    inside: u32,
}

const fn scene(name: &'static str, median: f64, inside: u32) -> Scene {
    Scene { name, median, inside }
}

const SCENES: [(u32, Scene); 4] = [
    (38, scene("food", 2_400.0, 90)),
    (25, scene("retail", 4_500.0, 70)),
    (18, scene("ride", 1_900.0, 85)),
    (6, scene("travel", 30_000.0, 55)),
];
const LAST_SCENE: Scene = scene("utilities", 6_000.0, 95);

/// One of the scenes, by how common they are.
fn any_scene<R: Rng>(rng: &mut R) -> Scene {
    percent(rng, &SCENES, LAST_SCENE)
}

/// How old someone is, and whether they share.
#[derive(Clone, Copy)]
struct Habits {
    age: i32,
    age_group: &'static str,
    shares: bool,
}

impl Habits {
    const fn is_minor(self) -> bool {
        self.age < 18
    }
}

/// Youngest, oldest, name, and percent who share.
type AgeGroup = (i32, i32, &'static str, u32);

/// Ages and percent of people: two thirds are 35 and above, and a fifth is under 30. By the year of birth alone no one of 18 is surely an adult.
const AGES: [(u32, AgeGroup); 4] = [
    (2, (14, 17, "minor", 60)),
    (21, (19, 29, "gen-z", 55)),
    (11, (30, 34, "30-34", 40)),
    (40, (35, 49, "35-49", 28)),
];
const OLDEST: AgeGroup = (50, 84, "50-plus", 22);

impl Population {
    fn habits(&self, index: u32) -> Habits {
        let mut rng = self.generator(Stream::Habits, index, 0);
        let (from, to, age_group, sharing) = percent(&mut rng, &AGES, OLDEST);
        let age = rng.random_range(from..=to);
        Habits { age, age_group, shares: rng.random_ratio(sharing, 100) }
    }
}

#[cfg(test)]
mod tests;
