//! Regime files: any text.

use std::sync::LazyLock;

use hushtag::policy::{Decision, Lang, Regime, RegimeError, Relation, Study, with_opinion};
use hushtag::types::Timestamp;

static STUDY: LazyLock<Option<Study>> = LazyLock::new(|| {
    Study::parse("study.toml", include_str!("../../tests/policy/policy_reference/study.toml")).ok()
});

/// Parsing never panics. What parses decides on a study, twice the same and with a reason for every refusal, explains itself,
/// is looked through, and is equivalent to itself; what does not has its place inside the text.
pub(crate) fn check(data: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(data).map_err(|error| error.to_string())?;
    match Regime::parse("regime.toml", text) {
        Ok(regime) => {
            decides(&regime, text);
            assert!(regime.lint().iter().all(|finding| !finding.message.is_empty()), "a finding of nothing");
            assert_eq!(regime.compare(&regime).relation, Relation::Equivalent, "unlike itself");
            Ok(())
        }
        Err(RegimeError::Broken(error)) => {
            super::place::points_into(&error, text);
            Err(error.to_string())
        }
        Err(error) => Err(error.to_string()),
    }
}

fn decides(regime: &Regime, text: &str) {
    let Some(study) = &*STUDY else { return };
    let again = Regime::parse("again.toml", text).ok();
    for recipient in &study.recipients {
        let opinion = |regime: &Regime| {
            let now = Timestamp::from_seconds(1_790_000_000);
            with_opinion(study, regime, recipient, now, |opinion| {
                let reported = match opinion.decision() {
                    Decision::Permit(flow) => {
                        assert!(opinion.permits(), "permitted although something is missing");
                        format!("{:?}", flow.demand())
                    }
                    Decision::Deny(reasons) => {
                        assert!(!opinion.permits() && !reasons.is_empty(), "denied without a reason");
                        format!("{reasons:?}")
                    }
                };
                let words = [Lang::En, Lang::Zh].map(|lang| opinion.explain(lang).to_string());
                (reported, words)
            })
        };
        let first = opinion(regime);
        assert_eq!(Some(&first), again.as_ref().map(opinion).as_ref(), "the same regime, another decision");
    }
}
