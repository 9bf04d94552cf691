//! Merkle proofs against the test data of transparency-dev/merkle: what must verify does, and nothing else.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hushtag::audit::merkle::{Hash, verify_consistency, verify_inclusion};
use serde_json::Value;

fn cases(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for item in fs::read_dir(folder)? {
        let path = item?.path();
        if path.is_dir() {
            cases(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "json") {
            found.push(path);
        }
    }
    Ok(())
}

/// A hash. Some cases write a short text such as "don't care 1" in place of one, which our type does not admit: zeros
/// fill it up, so that equal texts stay equal and different ones different, and the code under test decides.
fn hash(value: &Value) -> Option<Hash> {
    let mut bytes = BASE64.decode(value.as_str().unwrap_or_default()).ok()?;
    bytes.resize(bytes.len().max(32), 0);
    bytes.try_into().ok()
}

/// What the code under test says; the outer `None` is a case that this test does not understand.
fn verifies(case: &Value) -> Option<Verdict> {
    let number = |name: &str| case.get(name)?.as_u64();
    let proof = case.get("proof")?.as_array().map(Vec::as_slice).unwrap_or_default();
    let proof: Vec<Hash> = proof.iter().map(hash).collect::<Option<_>>()?;
    let names = if case.get("leafIdx").is_some() { ["leafHash", "root"] } else { ["root1", "root2"] };
    let [first, second] = names.map(|name| case.get(name));
    let (first, second) = (first?, second?);
    if [first, second].iter().any(|value| value.as_str().unwrap_or_default().is_empty()) {
        // No bytes at all cannot be handed to the code under test.
        return Some(Verdict::NoHash);
    }
    let (first, second) = (hash(first)?, hash(second)?);
    let result = if case.get("leafIdx").is_some() {
        verify_inclusion(number("leafIdx")?, number("treeSize")?, &first, &proof, &second)
    } else {
        verify_consistency(number("size1")?, number("size2")?, &first, &second, &proof)
    };
    Some(if result.is_ok() { Verdict::Accepted } else { Verdict::Rejected })
}

#[derive(PartialEq)]
enum Verdict {
    Accepted,
    Rejected,
    NoHash,
}

#[test]
fn all_cases_of_inclusion_and_consistency() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors/merkle");
    if !folder.is_dir() {
        println!("skipped: the vectors are not beside this checkout");
        return;
    }
    let mut paths = Vec::new();
    for part in ["inclusion", "consistency"] {
        cases(&folder.join(part), &mut paths).unwrap();
    }
    assert!(paths.len() >= 196, "{} cases", paths.len());
    let (mut accepted, mut decided) = (0, 0);
    for path in &paths {
        let case: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let verdict = verifies(&case).unwrap_or_else(|| panic!("not understood: {}", path.display()));
        let wanted = !case["wantErr"].as_bool().unwrap();
        assert_eq!(verdict == Verdict::Accepted, wanted, "{}", path.display());
        accepted += usize::from(wanted);
        decided += usize::from(verdict != Verdict::NoHash);
    }
    assert!(accepted >= 12 && decided >= 185, "{accepted} accepted, {decided} decided");
}
