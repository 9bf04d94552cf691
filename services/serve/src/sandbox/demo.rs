//! The sandbox of `hushtag-serve demo`: made-up people under the study of `hushtag demo`, sealed once.

use std::path::Path;

use hushtag::dp::Delta;
use hushtag::{
    Approval, Clock, DatasetName, EpochId, Keys, NanoEpsilon, Operator, OperatorError, PoolTerms, SealTerms,
    Setup, Sources, StudySource, SystemClock, Timestamp,
};
use hushtag_population::{Population, PopulationConfig, PopulationError};

/// The study; its dates are moved so that the documents are in date whenever it runs.
const STUDY: &str = include_str!("../../../../policies/demo/study.toml");
const MOVED: [(&str, i64); 3] = [("2026-09-01", -30), ("2027-09-01", 335), ("2026-09-15", -16)];

/// The recipient that the study names.
pub const RECIPIENT: &str = "brand-insights";

const DAY: i64 = 86_400;

/// How the demo is made.
#[derive(Debug, Clone, Copy)]
pub struct DemoTerms {
    /// How many people are made up.
    pub people: u32,
    /// The seed makes the people, never the noise.
    pub seed: u64,
    /// The budget for ever.
    pub epsilon: u32,
}

/// Why the demo cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// A folder cannot be made.
    #[error("`{0}` cannot be made")]
    Folder(String, #[source] std::io::Error),
    /// The people cannot be made up.
    #[error("{0}")]
    People(#[from] PopulationError),
    /// The library refused or failed.
    #[error("{0}")]
    Operator(#[from] OperatorError),
    /// A name in this file is none.
    #[error("a bug: a name of the demo is none")]
    Name,
}

/// Makes up people in `folder/input`, and seals them into `folder/sandbox`.
///
/// # Errors
/// [`DemoError`]
pub fn make(folder: &Path, terms: DemoTerms) -> Result<Operator, DemoError> {
    let now = SystemClock.now();
    let as_of = Timestamp::from_seconds(now.seconds().div_euclid(DAY).saturating_mul(DAY));
    let input = folder.join("input");
    std::fs::create_dir_all(&input).map_err(|error| DemoError::Folder(input.display().to_string(), error))?;
    let config = PopulationConfig {
        people: terms.people,
        seed: terms.seed,
        as_of: as_of.seconds(),
        ..PopulationConfig::default()
    };
    let files = Population::new(config)?.write_parquet(&input)?;
    let epsilon = NanoEpsilon::new(u128::from(terms.epsilon).saturating_mul(1_000_000_000));
    // The cap of the study inside the pool is the whole pool.
    let study = dated(as_of).replacen("epsilon = 4.0", &format!("epsilon = {}.0", terms.epsilon), 1);
    let pool = PoolTerms::new(epsilon).with_delta(Delta::DEFAULT);
    let setup = Setup::new(vec![StudySource::new("study.toml", study)], pool).with_approval(Approval::None);
    let operator = Operator::init(&folder.join("sandbox"), setup, Keys::InFolder, Box::new(SystemClock))?;
    let mut data = Vec::new();
    let named = [("follows", &files.follows), ("payments", &files.payments), ("members", &files.members)];
    for (name, path) in named {
        data.push((DatasetName::new(name).map_err(|_| DemoError::Name)?, path.clone().into()));
    }
    let epoch = EpochId::new("demo").map_err(|_| DemoError::Name)?;
    let sources = Sources::new(data, vec![files.consents.into()]);
    operator.seal(&SealTerms::new(epoch, as_of), sources)?;
    Ok(operator)
}

fn dated(today: Timestamp) -> String {
    let date = |days: i64| {
        let at = Timestamp::from_seconds(today.seconds().saturating_add(days.saturating_mul(DAY)));
        at.to_string().chars().take(10).collect::<String>()
    };
    MOVED.iter().fold(STUDY.to_owned(), |study, (day, days)| study.replace(day, &date(*days)))
}
