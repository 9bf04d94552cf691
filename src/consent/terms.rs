//! The columns of the consent table as terms of a JSON document: those of ISO/IEC TS 27560:2023 under DPV 2.3, and `cn-pipl` terms for
//! what the PIPL asks beyond them (separate consent has no term there).

use super::event::COLUMNS;

/// Every column with its term.
pub const TERMS: [(&str, &str); COLUMNS.len()] = [
    ("person", "dpv:hasDataSubject"),
    ("ids", "cn-pipl:idNamespace"),
    ("at", "dpv:isIndicatedAtTime"),
    ("shown_at", "cn-pipl:noticeShownAt"),
    ("valid_to", "dct:valid"),
    ("event", "dpv:hasConsentStatus"),
    ("trigger", "cn-pipl:trigger"),
    ("purpose", "dpv:hasPurpose"),
    ("recipient", "dpv:hasRecipient"),
    ("handler", "dpv:hasDataController"),
    ("kind", "cn-pipl:consentKind"),
    ("categories", "dpv:hasPersonalData"),
    ("methods", "dpv:hasProcessing"),
    ("notice", "dpv:hasNotice"),
    ("notice_version", "cn-pipl:noticeVersion"),
    ("giver", "dpv:isIndicatedBy"),
    ("own_step", "cn-pipl:ownStep"),
    ("pre_ticked", "cn-pipl:preTicked"),
    ("bundle_size", "cn-pipl:bundleSize"),
    ("service_gate", "cn-pipl:serviceGate"),
    ("service_necessary", "cn-pipl:serviceNecessary"),
];

/// The term of an event that has no term of its own.
pub const OTHER_EVENT: &str = "cn-pipl:event";

/// What the documents of the consent register declare to conform to.
pub const DOCUMENT: &str = "urn:hushtag:consent-event:1";

/// Terms that name what a document is, with the one text that each may have.
pub(super) const MARKS: [(&str, &str); 2] = [("@type", "dpv:ConsentRecord"), ("dct:conformsTo", DOCUMENT)];

/// The column of a term, exactly as it is spelled.
pub(super) fn column_of(term: &str) -> Option<&'static str> {
    let known = TERMS.iter().find(|(_, known)| *known == term).map(|(column, _)| *column);
    known.or((term == OTHER_EVENT).then_some("event"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_has_one_term() {
        assert_eq!(TERMS.map(|(column, _)| column), COLUMNS);
    }
}
