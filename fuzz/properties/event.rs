//! One consent event as a JSON document: any bytes.

use hushtag::register::Event;

/// Reading never panics; whatever is read has a person and a namespace, and is written as a document that is read as the same
/// event in the same spelling.
pub(crate) fn check(data: &[u8]) -> Result<(), String> {
    let event = Event::from_json(data, Some("phone")).map_err(|error| error.to_string())?;
    let (ids, person) = event.person();
    assert!(!ids.is_empty() && !person.is_empty(), "an event without a person");
    let text = event.to_json().to_string();
    let again = Event::from_json(text.as_bytes(), None).expect("a document that was written is read");
    assert!(again == event, "read back as another event");
    assert_eq!(again.to_json().to_string(), text, "two spellings of one event");
    assert!(event.cells().flatten().all(|cell| !cell.is_empty()), "an empty cell is an absent one");
    Ok(())
}
