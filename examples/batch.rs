//! A batch job: seals the files of a folder and writes every metric of the study as JSON.
//!
//! `cargo run --example batch -- FOLDER` reads `study.toml` and `*.parquet` there, such as `hushtag demo --study
//! social-commerce` leaves in `hushtag-demo/input`; without a folder it makes up people in a temporary one.
#![expect(clippy::print_stdout, reason = "a job writes its result to standard output")]

use std::error::Error;
use std::path::{Path, PathBuf};

use hushtag::{
    Approval, Clock, DatasetName, EpochId, Keys, NanoEpsilon, Operator, PoolTerms, RecipientId, SealTerms,
    Setup, Sources, StudySource, SystemClock, Timestamp,
};
use hushtag_population::{PopulationConfig, SocialCommerce};

const TABLES: [&str; 4] = ["follows", "shares", "payments", "members"];

fn main() -> Result<(), Box<dyn Error>> {
    let scratch = tempfile::tempdir()?;
    let input = match std::env::args_os().nth(1) {
        Some(folder) => PathBuf::from(folder),
        None => made_up(&scratch.path().join("input"))?,
    };
    let study = std::fs::read_to_string(input.join("study.toml"))?;
    let pool = PoolTerms::new(NanoEpsilon::parse("4")?).with_delta("1e-12".parse()?);
    let studies = vec![StudySource::new("study.toml", study)];
    // In earnest: `StudySource::load_signed`, and the key of each company in `handlers`.
    let setup = Setup::new(studies, pool).with_approval(Approval::None);
    let operator = Operator::init(&scratch.path().join("box"), setup, Keys::InFolder, Box::new(SystemClock))?;

    let mut sources = Sources::default();
    for table in TABLES {
        sources.data.push((DatasetName::new(table)?, input.join(table).with_extension("parquet").into()));
    }
    sources.consents.push(input.join("consents.parquet").into());
    let terms = SealTerms::new(EpochId::new("today")?, today());
    operator.seal(&terms, sources)?;

    let analyst = operator.analyst(&RecipientId::new("commerce-insights")?, None)?;
    let metrics = analyst.metrics(None)?;
    println!("{:#}", metrics.to_json(analyst.remaining()?.accounting));
    Ok(())
}

/// The start of today.
fn today() -> Timestamp {
    let now = SystemClock.now().seconds();
    Timestamp::from_seconds(now - now.rem_euclid(86_400))
}

fn made_up(folder: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let config = PopulationConfig { people: 2_000, as_of: today().seconds(), ..SocialCommerce::config() };
    SocialCommerce::new(config)?.write_parquet(folder)?;
    let study = include_str!("../policies/social-commerce/study.toml");
    // The made-up impact assessment holds whenever this runs.
    let study = study.replace("2026-09-01", "2020-01-01").replace("2027-09-01", "2100-01-01");
    std::fs::write(folder.join("study.toml"), study)?;
    Ok(folder.to_owned())
}
