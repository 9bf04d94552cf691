//! Openings of the commitments to the input files of a seal: any text.

use std::sync::LazyLock;

use hushtag::audit::InputOpenings;

/// What another implementation (Python's `hmac` and `hashlib`) commits to for the seed.
const COMMITMENTS: &str = include_str!("openings.txt");
const SEED: &str = include_str!("../seeds/openings/whole.json");

static SEEDED: LazyLock<Option<InputOpenings>> = LazyLock::new(|| InputOpenings::parse(SEED).ok());

/// Every 64 hexadecimal digits that are behind `"sha256":"`.
fn hashes(text: &str) -> Vec<&str> {
    text.split("\"sha256\":\"").skip(1).filter_map(|part| part.split('"').next()).collect()
}

/// Parsing never panics, there is one spelling, and no text opens the commitments of the seed to other files.
pub(crate) fn check(data: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(data).map_err(|error| error.to_string())?;
    let openings = InputOpenings::parse(text).map_err(|error| error.to_string())?;
    assert_eq!(openings.to_text().as_deref().map(String::as_str), Some(text), "one spelling");
    let Some(seeded) = SEEDED.as_ref() else { return Err("the seed is no opening".into()) };
    let known = seeded.commitments();
    assert_eq!(known.to_string(), COMMITMENTS.trim_end(), "as another implementation commits");
    if openings.commitments() == known {
        assert_eq!(hashes(text), hashes(SEED), "other files under the same commitments");
    }
    Ok(())
}
