//! The text of a renewal, alone or as the note that handlers signed: any bytes.

use hushtag::audit::{Entry, Kind, Note, RenewalText};
use hushtag::types::Timestamp;

/// Parsing never panics; whatever is read has one spelling, and its entry in the log says the same.
pub(crate) fn check(data: &[u8]) -> Result<(), String> {
    let note = Note::parse(data).ok();
    let text = match &note {
        Some(note) => note.text(),
        None => std::str::from_utf8(data).map_err(|error| error.to_string())?,
    };
    let renewal = RenewalText::parse(text).map_err(|error| error.to_string())?;
    assert_eq!(renewal.to_string(), text, "two spellings of one renewal");
    if let Some(note) = note {
        let body = renewal.entry_body(&note);
        let entry = Entry { kind: Kind::Renew, at: Timestamp::from_seconds(1), ledger_seq: None, body };
        let text = entry.to_text().map_err(|error| error.to_string())?;
        let read = Entry::parse(&text).map(|entry| RenewalText::of_entry(&entry));
        assert_eq!(read.ok().and_then(Result::ok), Some((renewal, note)), "the entry says something else");
    }
    Ok(())
}
