//! Bundles of answers: any text against one log's key.

use std::sync::LazyLock;

use hushtag::audit::{Bundle, Opened, VerifierKey};

/// The key of the log from which the seed comes; its secret half is gone.
const KEY: &str = "hushtag/aa094b928473f4c0+85e74837+ASeiQm6BcW4pTyuk6sLZz9mt4ayPAuNia39kEN2iAOoR";
const SEED: &str = include_str!("../seeds/bundle/whole.json");

static SEEDED: LazyLock<Option<Opened>> = LazyLock::new(|| open(SEED).ok());

fn open(text: &str) -> Result<Opened, String> {
    let key: VerifierKey = KEY.parse().map_err(|_| "no key")?;
    let bundle = Bundle::parse(text).map_err(|error| error.to_string())?;
    assert_eq!(bundle.to_text().ok().as_deref().map(str::trim_end), Some(text.trim_end()), "one spelling");
    bundle.verify(&key).map_err(|error| error.to_string())
}

/// Checking never panics, and no text convinces of anything but the answer that the log has.
pub(crate) fn check(data: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(data).map_err(|error| error.to_string())?;
    let opened = open(text)?;
    assert_eq!(Some(&opened), SEEDED.as_ref(), "another answer convinces");
    Ok(())
}
