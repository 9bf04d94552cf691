//! Made-up people for the demo, tests and benchmarks.
//!
//! A [`Population`] makes a heavy-tailed follow graph, payments, profiles and consent events, streaming and the same
//! for the same seed. The seed makes the people, never the noise. Each person is drawn from a generator of their own, so
//! what they are does not depend on how many rows came before theirs.

mod batches;
mod commerce;
mod consent_events;
mod consents;
mod files;
mod follows;
mod members;
mod payments;
mod person;

use std::path::PathBuf;

use arrow_array::RecordBatchReader;

pub use commerce::SocialCommerce;
pub use consents::Flaw;
pub use files::Files;

use batches::Batches;

/// The largest population that is also written as CSV.
pub const MAX_CSV_PEOPLE: u32 = 100_000;

/// What a population cannot be, or why it cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PopulationError {
    /// A value of the configuration is outside its range.
    #[error("`{field}` must be {wanted}")]
    Invalid {
        /// The field of [`PopulationConfig`] or [`ConsentTerms`].
        field: &'static str,
        /// What it may be.
        wanted: &'static str,
    },
    /// A file or its folder cannot be made or written.
    #[error("cannot write `{}`", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system reported.
        #[source]
        source: std::io::Error,
    },
    /// The columns cannot be built or written as CSV.
    #[error("cannot build the columns")]
    Columns(#[from] arrow_schema::ArrowError),
    /// The columns cannot be written as Parquet.
    #[error("cannot write Parquet")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// CSV is for small populations.
    #[error("{people} people are too many for CSV, write Parquet instead")]
    TooManyForCsv {
        /// The people of the population.
        people: u32,
    },
}

/// The choices behind a population; plain fields with defaults for the demo.
#[derive(Debug, Clone)]
pub struct PopulationConfig {
    /// People, from 1 to a billion.
    pub people: u32,
    /// Makes the people: same seed, same rows.
    pub seed: u64,
    /// Follows a person has on average, before the few sprinkled bad ones.
    pub follows_per_person: u32,
    /// Payments a person has on average, in the 120 days before `as_of`.
    pub payments_per_person: u32,
    /// The instant that all times refer to, in seconds after the start of 1970 UTC.
    pub as_of: i64,
    /// Percent of people without a payment in the last 30 days, roughly.
    pub lapsed_percent: u32,
    /// Percent of people whose consents are both clean; everyone else has a [`Flaw`].
    pub clean_percent: u32,
    /// What the consents name.
    pub terms: ConsentTerms,
}

/// What clean consents name; must agree with the study that the population is used with.
#[derive(Debug, Clone)]
pub struct ConsentTerms {
    /// The namespace of the ids.
    pub ids: String,
    /// The two handlers that record consents.
    pub handlers: [String; 2],
    /// The study's purpose.
    pub purpose: String,
    /// The recipient's legal id.
    pub recipient: String,
    /// Data categories that the study uses, at least one.
    pub categories: Vec<String>,
    /// Processing methods.
    pub methods: Vec<String>,
    /// The notice's id.
    pub notice: String,
    /// The notice's version, at least 1; a flawed consent names the one before it.
    pub notice_version: u32,
    /// The study's retention in days, at least 20; clean consents are younger.
    pub retention_days: u32,
}

impl Default for PopulationConfig {
    fn default() -> Self {
        Self {
            people: 20_000,
            seed: 1,
            follows_per_person: 20,
            payments_per_person: 30,
            // 2026-10-01T00:00:00Z
            as_of: 1_790_812_800,
            lapsed_percent: 25,
            clean_percent: 86,
            terms: ConsentTerms::default(),
        }
    }
}

impl Default for ConsentTerms {
    fn default() -> Self {
        Self {
            ids: "phone".into(),
            handlers: ["social-platform".into(), "payment-platform".into()],
            purpose: "campaign-measurement".into(),
            recipient: "LEGAL-ID-C".into(),
            categories: ["social-relation", "payment-record", "profile"].map(String::from).into(),
            methods: vec!["aggregate".into()],
            notice: "N-2026-04".into(),
            notice_version: 3,
            retention_days: 90,
        }
    }
}

/// Made-up people, deterministic in their configuration.
///
/// ```
/// use hushtag_population::{Population, PopulationConfig};
///
/// let folder = tempfile::tempdir()?;
/// let population = Population::new(PopulationConfig { people: 100, ..PopulationConfig::default() })?;
/// let files = population.write_parquet(folder.path())?;
/// assert!(files.consents.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Population {
    config: PopulationConfig,
}

impl Population {
    /// The people of a configuration.
    ///
    /// # Errors
    /// [`PopulationError::Invalid`] for a value outside its range.
    pub fn new(config: PopulationConfig) -> Result<Self, PopulationError> {
        let terms = &config.terms;
        // Years 1971 to 9000: every instant around `as_of` has an RFC 3339 text.
        let plausible = 31_536_000..221_845_305_600;
        for (holds, field, wanted) in [
            ((1..=1_000_000_000).contains(&config.people), "people", "between 1 and 1000000000"),
            (config.follows_per_person <= 1_000, "follows_per_person", "at most 1000"),
            (config.payments_per_person <= 1_000, "payments_per_person", "at most 1000"),
            (plausible.contains(&config.as_of), "as_of", "between the years 1971 and 9000"),
            (config.lapsed_percent <= 100, "lapsed_percent", "a percentage"),
            (config.clean_percent <= 100, "clean_percent", "a percentage"),
            (!terms.categories.is_empty(), "terms.categories", "at least one category"),
            (terms.notice_version > 0, "terms.notice_version", "at least 1"),
            ((20..=36_500).contains(&terms.retention_days), "terms.retention_days", "between 20 and 36500"),
        ] {
            if !holds {
                return Err(PopulationError::Invalid { field, wanted });
            }
        }
        Ok(Self { config })
    }

    /// The configuration that made these people.
    #[must_use]
    pub const fn config(&self) -> &PopulationConfig {
        &self.config
    }

    /// The id of the person at `index`: eleven digits, distinct for every index.
    #[must_use]
    pub fn id(&self, index: u32) -> String {
        self.phone(index).to_string()
    }

    /// What is wrong with the consents of the person at `index`; nothing is, for most.
    #[must_use]
    pub fn flaw(&self, index: u32) -> Option<Flaw> {
        self.consent_case(index).flaw()
    }

    /// Whether the person at `index` has both consents in force at `as_of`.
    #[must_use]
    pub fn expected_in(&self, index: u32) -> bool {
        self.flaw(index).is_none_or(Flaw::is_in)
    }

    /// Follow lists: `follower`, `followee`, `since`.
    #[must_use]
    pub fn follows(&self) -> Box<dyn RecordBatchReader + Send> {
        Box::new(Batches::new(self.clone(), follows::Columns::default()))
    }

    /// Payments: `payer`, `amount` (fen), `at`, `merchant`, `scene`, `referrer` (a person's id, mostly null).
    #[must_use]
    pub fn payments(&self) -> Box<dyn RecordBatchReader + Send> {
        Box::new(Batches::new(self.clone(), payments::Columns::default()))
    }

    /// Profiles: `user`, `region`, `birth_year` (all adults).
    #[must_use]
    pub fn members(&self) -> Box<dyn RecordBatchReader + Send> {
        Box::new(Batches::new(self.clone(), members::Columns::default()))
    }

    /// Consent events, with times as text so that a flawed one can be unreadable.
    #[must_use]
    pub fn consents(&self) -> Box<dyn RecordBatchReader + Send> {
        Box::new(Batches::new(self.clone(), consent_events::Columns::default()))
    }
}

#[cfg(test)]
mod tests;
