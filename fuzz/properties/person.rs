//! Proofs of how a person stood at seals: any text against one log's key.

use std::sync::LazyLock;

use hushtag::audit::{PersonProof, Stood, VerifierKey};

/// The key of the log from which the seed comes; its secret half is gone.
const KEY: &str = "hushtag/5b88c6dd12da0650+84f1dc2e+AeEf703C/2uC7WgK5RvDuVfsMG+qOXaTGM7BjMDOI4sr";
const SEED: &str = include_str!("../seeds/person/whole.json");

static SEEDED: LazyLock<Option<(PersonProof, Vec<Stood>)>> = LazyLock::new(|| open(SEED).ok());

fn open(text: &str) -> Result<(PersonProof, Vec<Stood>), String> {
    let key: VerifierKey = KEY.parse().map_err(|_| "no key")?;
    let proof = PersonProof::parse(text).map_err(|error| error.to_string())?;
    assert_eq!(proof.to_text().ok().as_deref().map(str::trim_end), Some(text.trim_end()), "one spelling");
    let (_, stood) = proof.verify(&key).map_err(|error| error.to_string())?;
    Ok((proof, stood))
}

/// Checking never panics, and no text convinces of anything about anybody but what the seed says of its person.
pub(crate) fn check(data: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(data).map_err(|error| error.to_string())?;
    let (proof, stood) = open(text)?;
    let Some((seeded, known)) = SEEDED.as_ref() else { return Err("the seed convinces nobody".into()) };
    if !stood.is_empty() {
        assert_eq!(proof.person(), seeded.person(), "another person");
    }
    assert!(stood.iter().all(|stood| known.contains(stood)), "another place or another standing");
    Ok(())
}
