//! The flow decision beside Cedar, on the part that can be written in it: facts of one use as a context, one `forbid` for each
//! demand of the regime that applies to providing data. Both say permit for the demo's use, and deny without the document.
//!
//! Not translated, because Cedar has nothing for it: which consents follow from the matrix, duties, and the explanation.
//! hushtag's times are with all of them. `cargo run --release --bin policies`

use std::error::Error;
use std::hint::black_box;
use std::str::FromStr;
use std::time::{Duration, Instant};

use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request};
use hushtag::policy::{self, Lang, Regime, Study, with_opinion};
use hushtag::types::Timestamp;

const STUDY: &str = include_str!("../../../../policies/demo/study.toml");
const ROUNDS: usize = 21;
const CALLS: u32 = 2_000;

/// Fact, good words, and an optional condition under which it is demanded.
const DEMANDS: [(&str, &[&str], Option<(&str, &str)>); 18] = [
    ("purpose_class", &["measurement", "research", "service", "security", "statistics"], None),
    ("basis", &["consent", "13-2", "13-3", "13-4", "13-5", "13-6", "13-7"], None),
    ("recipient_role", &["handler", "joint", "entrusted", "affiliate"], None),
    ("recipient_place", &["domestic"], None),
    ("recipient_named", &["yes"], None),
    ("recipient_standing", &["good"], None),
    ("succession", &["none", "announced"], None),
    ("handler_kinds", &["known"], None),
    ("age", &["declared-adults", "read"], None),
    ("sub_processors", &["none", "approved"], None),
    ("pipia", &["valid"], None),
    ("n17", &["complete", "undeclared"], None),
    ("n23", &["complete", "undeclared"], None),
    ("n30", &["complete", "undeclared"], None),
    ("necessity", &["valid"], Some(("basis", "13-2"))),
    ("officer", &["valid"], Some(("people", "1m"))),
    ("audit", &["valid"], Some(("people", "10m"))),
    ("child_rules", &["valid"], Some(("admits_children", "yes"))),
];

fn policies() -> Result<PolicySet, Box<dyn Error>> {
    let mut text = String::from("permit(principal, action == Action::\"provide\", resource);\n");
    for (fact, good, condition) in DEMANDS {
        let words: Vec<String> = good.iter().map(|word| format!("{word:?}")).collect();
        let when = condition
            .map(|(fact, word)| format!(" when {{ context.{fact} == {word:?} }}"))
            .unwrap_or_default();
        text.push_str(&format!(
            "forbid(principal, action, resource){when} unless {{ [{}].contains(context.{fact}) }};\n",
            words.join(", ")
        ));
    }
    Ok(PolicySet::from_str(&text)?)
}

fn context(pipia: &str) -> Result<Context, Box<dyn Error>> {
    let facts = serde_json::json!({
        "purpose_class": "measurement", "basis": "consent", "recipient_role": "handler", "recipient_place": "domestic",
        "recipient_named": "yes", "recipient_standing": "good", "succession": "none", "handler_kinds": "known",
        "age": "declared-adults", "sub_processors": "none", "pipia": pipia, "n17": "complete", "n23": "complete",
        "n30": "complete", "necessity": "missing", "officer": "missing", "audit": "missing", "child_rules": "missing",
        "people": "undeclared", "admits_children": "no",
    });
    Ok(Context::from_json_value(facts, None)?)
}

fn request(pipia: &str) -> Result<Request, Box<dyn Error>> {
    let uid = |text: &str| EntityUid::from_str(text);
    let (who, what, of) =
        (uid("Recipient::\"brand-insights\"")?, uid("Action::\"provide\"")?, uid("Study::\"demo\"")?);
    Ok(Request::new(who, what, of, context(pipia)?, None)?)
}

/// The median time of one call.
fn median(mut call: impl FnMut()) -> Duration {
    let mut rounds: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let started = Instant::now();
            (0..CALLS).for_each(|_| call());
            started.elapsed() / CALLS
        })
        .collect();
    rounds.sort();
    rounds[ROUNDS / 2]
}

fn main() -> Result<(), Box<dyn Error>> {
    let study = Study::parse("study.toml", STUDY)?;
    let regime = Regime::built_in("cn-pipl")?;
    let now = Timestamp::parse("2026-11-01T00:00:00Z")?;
    let recipient = study.recipients.first().ok_or("no recipient")?;
    let (rules, authorizer, no_entities) = (policies()?, Authorizer::new(), Entities::empty());
    for (pipia, expected) in [("valid", Decision::Allow), ("missing", Decision::Deny)] {
        let answer = authorizer.is_authorized(&request(pipia)?, &rules, &no_entities);
        if answer.decision() != expected || answer.diagnostics().errors().next().is_some() {
            return Err("the translation does not decide as it should".into());
        }
    }
    if !matches!(policy::decide(&study, &regime, recipient, now), policy::Decision::Permit(_)) {
        return Err("the demo's use is not permitted".into());
    }
    let ready = request("valid")?;
    let cedar = median(|| drop(black_box(authorizer.is_authorized(black_box(&ready), &rules, &no_entities))));
    let whole = median(|| {
        if let Ok(request) = request("valid") {
            drop(black_box(authorizer.is_authorized(&request, &rules, &no_entities)));
        }
    });
    let decide = median(|| drop(black_box(policy::decide(black_box(&study), &regime, recipient, now))));
    let explain = median(|| {
        let text = with_opinion(black_box(&study), &regime, recipient, now, |opinion| {
            opinion.explain(Lang::En).to_string()
        });
        drop(black_box(text));
    });
    println!("Cedar, request ready:            {cedar:?}");
    println!("Cedar, facts made into a request: {whole:?}");
    println!(
        "hushtag, study to decision:      {decide:?}  ratio {:.2} of Cedar with its facts",
        ratio(decide, whole)
    );
    println!("hushtag, decision and its text:  {explain:?}");
    Ok(())
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}
