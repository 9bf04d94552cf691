//! Conversions and intervals against vectors computed at 40 digits from the formulas.

use hushtag::dp::{Confidence, Delta, Mechanism, epsilon_of, rho_of};
use hushtag::types::{NanoEpsilon, NanoRho, Ratio};
use serde_json::Value;
use std::path::Path;

/// The vectors, or `None` with a note when this copy of the project does not have them beside it.
fn vectors(name: &str) -> Option<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors").join(name);
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: {} is absent", path.display());
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

fn text<'a>(case: &'a Value, field: &str) -> &'a str {
    case[field].as_str().unwrap()
}

fn decimal(case: &Value, field: &str) -> f64 {
    text(case, field).parse().unwrap()
}

/// A decimal with at most nine places, in billionths.
fn nano(text: &str) -> u128 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{part:0<9}").parse().unwrap()
}

#[test]
fn epsilon_is_never_below_and_at_most_a_millionth_above() {
    let Some(vectors) = vectors("zcdp.json") else { return };
    let cases = vectors["zcdp_to_epsilon"].as_array().unwrap();
    assert!(cases.len() >= 30);
    for case in cases {
        let delta: Delta = text(case, "delta").parse().unwrap();
        let epsilon = epsilon_of(NanoRho::new(nano(text(case, "rho"))), delta).get() as f64 / 1e9;
        let exact = decimal(case, "epsilon");
        // The vectors are rounded to 15 digits.
        assert!(epsilon >= exact * (1.0 - 1e-14), "{case}: {epsilon}");
        assert!(epsilon <= exact * (1.0 + 1e-6), "{case}: {epsilon}");
    }
}

#[test]
fn rho_is_never_above_and_within_a_unit_below() {
    let Some(vectors) = vectors("zcdp.json") else { return };
    let cases = vectors["epsilon_to_rho"].as_array().unwrap();
    assert!(cases.len() >= 15);
    for case in cases {
        let delta: Delta = text(case, "delta").parse().unwrap();
        let rho = rho_of(NanoEpsilon::new(nano(text(case, "epsilon"))), delta).get() as f64 / 1e9;
        let exact = decimal(case, "rho");
        assert!(rho <= exact * (1.0 + 1e-14), "{case}: {rho}");
        assert!(rho >= exact * (1.0 - 1e-6) - 1e-9, "{case}: {rho}");
    }
}

#[test]
fn half_widths_are_exact() {
    let Some(vectors) = vectors("intervals.json") else { return };
    let cases = vectors["intervals"].as_array().unwrap();
    assert!(cases.len() >= 36);
    for case in cases {
        let parameter = |field| Ratio::new(nano(text(case, field)), 1_000_000_000).unwrap();
        let mechanism = match text(case, "mechanism") {
            "discrete-gaussian" => Mechanism::gaussian(parameter("sigma2")).unwrap(),
            _ => Mechanism::laplace(parameter("scale")).unwrap(),
        };
        let confidence = Confidence::new(decimal(case, "confidence")).unwrap();
        assert_eq!(mechanism.half_width(confidence), case["half_width"].as_u64().unwrap(), "{case}");
    }
}
