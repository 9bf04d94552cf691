//! The entry of the log that changes its key: any bytes.

use hushtag::audit::{Entry, KeyChain, Note, Rotation};

/// Reading never panics; whatever is read was signed by both keys that it names, says the same in one spelling, and changes the
/// key in one place only.
pub(crate) fn check(data: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(data).map_err(|error| error.to_string())?;
    let entry = Entry::parse(text).map_err(|error| error.to_string())?;
    let rotation = Rotation::of(&entry).map_err(|error| error.to_string())?;
    let note = entry.body.get("note").and_then(|note| note.as_str()).expect("a note was read");
    let note = Note::parse(note.as_bytes()).expect("it was read before");
    assert_eq!(note.text(), rotation.to_string(), "two spellings of one change");
    assert!(note.verify(&rotation.old).is_ok() && note.verify(&rotation.new).is_ok(), "unsigned");
    let follows = |sandbox: &str, index: u64| {
        KeyChain::default().follow(sandbox, index, Some(&rotation.log_root), &entry).is_ok()
    };
    assert!(follows(&rotation.sandbox, rotation.log_size), "refused in its own place");
    assert!(!follows(&rotation.sandbox, rotation.log_size.wrapping_add(1)), "taken in another place");
    assert!(!follows("another", rotation.log_size), "taken in another sandbox");
    Ok(())
}
