//! Study files: any text.

use std::sync::LazyLock;

use hushtag::policy::{Decision, Regime, Study, decide};
use hushtag::types::Timestamp;

static REGIME: LazyLock<Option<Regime>> = LazyLock::new(|| Regime::built_in("cn-pipl").ok());

/// Parsing never panics. What parses, parses the same again, is another study once a byte changes, and can be decided
/// on; what does not has its place inside the text. The error says
/// why it does not parse.
pub(crate) fn check(data: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(data).map_err(|error| error.to_string())?;
    match Study::parse("study.toml", text) {
        Ok(study) => {
            reads_the_same_again(&study, text);
            every_decision_has_reasons(&study);
            Ok(())
        }
        Err(error) => {
            super::place::points_into(&error, text);
            Err(error.to_string())
        }
    }
}

fn reads_the_same_again(study: &Study, text: &str) {
    assert_eq!(Study::parse("again.toml", text).ok().as_ref(), Some(study), "the same text, another study");
    if let Ok(mut longer) = Study::parse("longer.toml", &format!("{text}\n")) {
        assert_ne!(longer.hash, study.hash, "a changed byte keeps the hash");
        longer.hash.clone_from(&study.hash);
        assert_eq!(longer, *study, "an empty line at the end changes the study");
    }
}

fn every_decision_has_reasons(study: &Study) {
    let Some(regime) = &*REGIME else { return };
    for recipient in &study.recipients {
        match decide(study, regime, recipient, Timestamp::from_seconds(1_790_000_000)) {
            Decision::Permit(flow) => {
                let mut demanded = flow.demand().requirements.iter();
                assert!(demanded.all(|own| !own.categories.is_empty()), "a consent to nothing");
            }
            Decision::Deny(reasons) => assert!(!reasons.is_empty(), "denied without a reason"),
        }
    }
}
