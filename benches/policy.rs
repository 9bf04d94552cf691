//! What a decision costs: the flow decision, and the decision with its whole explanation as text. `cargo bench --bench policy`

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use hushtag::policy::{Lang, Regime, Study, decide, with_opinion};
use hushtag::types::Timestamp;

const STUDY: &str = include_str!("../policies/demo/study.toml");

#[expect(clippy::expect_used, reason = "a benchmark without its study has nothing to measure")]
fn policy(criterion: &mut Criterion) {
    let study = Study::parse("study.toml", STUDY).expect("the study of the demo");
    let regime = Regime::built_in("cn-pipl").expect("a regime");
    let now = Timestamp::parse("2026-11-01T00:00:00Z").expect("an instant");
    let recipient = study.recipients.first().expect("a recipient");
    criterion.bench_function("decide", |bench| {
        bench.iter(|| decide(black_box(&study), &regime, recipient, now));
    });
    criterion.bench_function("decide_and_explain", |bench| {
        bench.iter(|| {
            with_opinion(black_box(&study), &regime, recipient, now, |opinion| {
                (opinion.decision(), opinion.explain(Lang::En).to_string())
            })
        });
    });
    criterion.bench_function("parse_the_regime", |bench| {
        bench.iter(|| Regime::built_in(black_box("cn-pipl")));
    });
}

criterion_group!(decisions, policy);
criterion_main!(decisions);
