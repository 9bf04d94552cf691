//! Scenario files: any text.

use std::sync::LazyLock;

use hushtag::policy::{Regime, Scenarios};

const STUDY: &str = include_str!("../../tests/policy/policy_reference/study.toml");

static REGIME: LazyLock<Option<Regime>> =
    LazyLock::new(|| Regime::parse("regime.toml", include_str!("../seeds/regime/small.toml")).ok());

/// Parsing never panics, and running neither: every scenario runs once, twice with the same outcome, and says where it
/// is. What does not parse has its place inside the text.
pub(crate) fn check(data: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(data).map_err(|error| error.to_string())?;
    match Scenarios::parse("scenarios.toml", text) {
        Ok(scenarios) => {
            let Some(regime) = &*REGIME else { return Err("the regime of the seeds is broken".into()) };
            let ran = scenarios.run(STUDY, regime);
            assert_eq!(ran, scenarios.run(STUDY, regime), "the same scenarios, another outcome");
            for one in &ran {
                let line = one
                    .place
                    .strip_prefix("scenarios.toml:")
                    .and_then(|place| place.split(':').next()?.parse().ok());
                assert!(
                    line.is_some_and(|line: usize| (1..=text.split('\n').count()).contains(&line)),
                    "{}",
                    one.place
                );
            }
            Ok(())
        }
        Err(error) => {
            super::place::points_into(&error, text);
            Err(error.to_string())
        }
    }
}
