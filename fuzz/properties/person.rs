//! Proofs of how a person stood at seals: any text against one log's key.

use std::sync::LazyLock;

use hushtag::audit::{PersonProof, Stood, VerifierKey};

/// The key of the log from which the seed comes; its secret half is gone.
const KEY: &str = "hushtag/44b7cd5624aeee62+1fd0d648+AZfWr1u75A+6sJp0bFoELHrV6fPb8dJdfG93Gs7+ma8+";
const SEED: &str = include_str!("../seeds/person/whole.json");

static SEEDED: LazyLock<Option<(PersonProof, Vec<Stood>)>> = LazyLock::new(|| open(SEED).ok());

fn open(text: &str) -> Result<(PersonProof, Vec<Stood>), String> {
    let key: VerifierKey = KEY.parse().map_err(|_| "no key")?;
    let proof = PersonProof::parse(text).map_err(|error| error.to_string())?;
    assert_eq!(proof.to_text().ok().as_deref().map(str::trim_end), Some(text.trim_end()), "one spelling");
    let (_, stood) = proof.verify(&key).map_err(|error| error.to_string())?;
    Ok((proof, stood))
}

/// Checking never panics, and no text convinces of anything about anybody but all that the seed says of its person.
pub(crate) fn check(data: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(data).map_err(|error| error.to_string())?;
    let (proof, stood) = open(text)?;
    let Some((seeded, known)) = SEEDED.as_ref() else { return Err("the seed convinces no one".into()) };
    assert_eq!(proof.person(), seeded.person(), "another person");
    assert_eq!(stood, *known, "another place, another standing, or a place that was left out");
    Ok(())
}
