//! A sandbox of the demo's study over made-up people, with a budget that no benchmark can spend; and the memory that was used.

use std::error::Error;
use std::sync::Arc;

use hushtag::engine::{Input, Sources};
use hushtag::operator::{Approval, Keys, Operator, PoolTerms, SealTerms, Setup, StudySource};
use hushtag::storage::Storage;
use hushtag::types::{Clock, EpochId, NanoEpsilon, Timestamp};
use hushtag_population::{Population, PopulationConfig};

/// Who asks.
pub const RECIPIENT: &str = "brand-insights";

/// A clock that is at the day of the made-up people.
pub struct Fixed(Timestamp);

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// Its clock.
pub fn clock() -> Box<Fixed> {
    Box::new(Fixed(Timestamp::from_seconds(PopulationConfig::default().as_of)))
}

/// A sandbox with one epoch that answers at once.
pub fn sandbox(storage: Arc<dyn Storage>, people: u32) -> Result<Operator, Box<dyn Error>> {
    let study =
        include_str!("../../policies/demo/study.toml").replace("epsilon = 4.0", "epsilon = 1000000000");
    let epsilon = NanoEpsilon::parse("1000000000")?;
    let pool = PoolTerms::new(epsilon).with_delta("1e-12".parse()?);
    let setup = Setup::new(vec![StudySource::new("study.toml", study)], pool).with_approval(Approval::None);
    let operator = Operator::init_on(storage, setup, Keys::InFolder, clock())?.without_response_slot();
    let config = PopulationConfig { people, ..PopulationConfig::default() };
    let as_of = Timestamp::from_seconds(config.as_of);
    let made_up = Population::new(config)?;
    let mut sources = Sources::default();
    for (name, reader) in
        [("follows", made_up.follows()), ("payments", made_up.payments()), ("members", made_up.members())]
    {
        sources.data.push((name.parse()?, Input::Reader(name.into(), reader)));
    }
    sources.consents.push(Input::Reader("consents".into(), made_up.consents()));
    let terms = SealTerms::new(EpochId::new("bench")?, as_of);
    operator.seal(&terms, sources)?;
    Ok(operator)
}

/// The high-water mark of the process, where the system shows it.
#[must_use]
pub fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "unknown".to_owned(), |kilobytes| kilobytes.trim().to_owned())
}
