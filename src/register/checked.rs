//! Validation of one event before it is recorded by a command: unknown words and unreadable cells are errors.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::{Event, EventError, Namespaces};
use crate::consent::{Act, COLUMNS, KnownWords, Named, flag, giver, kind, number, zoned};
use crate::types::{TimeFault, Timestamp, Zone, nearest};

/// What events are checked against.
pub struct EventTerms<'a> {
    /// The words that are known.
    pub known: &'a KnownWords,
    /// The namespaces of ids.
    pub namespaces: &'a Namespaces,
    /// The zone of times that are written without one.
    pub zone: Option<&'a Zone>,
    /// The time.
    pub now: Timestamp,
}

/// Why an event is not recorded. Says words only where they look like words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventFault {
    /// It has no person.
    #[error(transparent)]
    Event(#[from] EventError),
    /// It says of a later time than now that it happened.
    #[error("`at` lies in the future")]
    Future,
    /// The end of a block that names a part of what it ends, which ends nothing.
    #[error(
        "`lifted` ends a block that names trigger, purpose and recipient, or every block that names none of them: name all three, or none"
    )]
    HalfLifted,
    /// A column that the event needs.
    #[error("`{column}` is missing")]
    Missing {
        /// The column.
        column: &'static str,
    },
    /// A consent that names several or all in a column of one word.
    #[error(
        "`{column}` of a consent is one word, and this names several or all: record one consent for each"
    )]
    Several {
        /// The column.
        column: &'static str,
    },
    /// A time that cannot be read.
    #[error("`{column}`: {}", .fault.as_str())]
    Time {
        /// The column.
        column: &'static str,
        /// What is wrong with it.
        fault: TimeFault,
    },
    /// A word that is not known.
    #[error(
        "unknown {}{}{}",
        noun(.column),
        .word.as_ref().map(|word| format!(" `{word}`")).unwrap_or_default(),
        .nearest.as_ref().map(|near| format!(": did you mean `{near}`?")).unwrap_or_default()
    )]
    Unknown {
        /// The column.
        column: &'static str,
        /// The word, if it looks like one.
        word: Option<String>,
        /// The nearest known one.
        nearest: Option<String>,
        /// All known ones.
        known: Vec<String>,
    },
    /// A cell that is not what its column says.
    #[error("`{column}` should be {wanted}")]
    Unreadable {
        /// The column.
        column: &'static str,
        /// What it should be.
        wanted: &'static str,
    },
}

impl Event {
    /// The event in the words of the consent table, if everything in it can be read and is known.
    ///
    /// Times without a zone are those of the zone of `terms`. Of whatever speaks against a use, a trigger, purpose or recipient that
    /// is left out, blank or a word for everything is left out: it covers everything.
    ///
    /// # Errors
    /// [`EventFault`]
    pub fn checked(&self, terms: &EventTerms<'_>) -> Result<Self, EventFault> {
        let act = self.cell("event").and_then(Act::read).ok_or(EventFault::Unreadable {
            column: "event",
            wanted: "given, refused, withdrawn, revoked, objected, restricted, hold, deceased or lifted",
        })?;
        let mut cells = [const { None }; COLUMNS.len()];
        for (column, cell) in COLUMNS.into_iter().zip(&mut cells) {
            *cell = terms.cell(act, column, self.cell(column))?;
        }
        let event = terms.namespaces.attribute(cells)?;
        match event.at() {
            None => return Err(EventFault::Missing { column: "at" }),
            Some(at) if at > terms.now => return Err(EventFault::Future),
            Some(_) => {}
        }
        let scope = ["trigger", "purpose", "recipient"];
        let named = scope.iter().filter(|column| event.cell(column).is_some()).count();
        if act == Act::Lifted && named % scope.len() != 0 {
            return Err(EventFault::HalfLifted);
        }
        // What is left is an instant outside the years in which events may be.
        match event.row().times().faults(act == Act::Given).next() {
            Some((column, _)) => {
                Err(EventFault::Unreadable { column, wanted: "a time between 1970 and 2106" })
            }
            None => Ok(event),
        }
    }
}

impl EventTerms<'_> {
    /// A cell in the words of the consent table.
    fn cell(&self, act: Act, column: &'static str, cell: Option<&str>) -> Result<Option<String>, EventFault> {
        if KnownWords::COLUMNS.contains(&column) {
            return self.word(act, column, cell);
        }
        let Some(text) = cell else { return Ok(None) };
        let unreadable = |wanted| EventFault::Unreadable { column, wanted };
        let read = match column {
            "event" => act.as_str().to_owned(),
            "at" | "shown_at" | "valid_to" => self.time(column, text)?,
            "kind" => {
                let kind = kind(cell).flatten();
                kind.ok_or(unreadable("ordinary, separate or written"))?.as_str().to_owned()
            }
            "giver" => {
                let giver = giver(cell).flatten();
                giver.ok_or(unreadable("self or guardian"))?.as_str().to_owned()
            }
            "own_step" | "pre_ticked" | "service_gate" | "service_necessary" => {
                let flag = flag(cell).flatten();
                flag.ok_or(unreadable("true or false"))?.to_string()
            }
            "notice_version" | "bundle_size" => {
                let number = number(cell).flatten();
                number.ok_or(unreadable("a whole number"))?.to_string()
            }
            _ => text.to_owned(),
        };
        Ok(Some(read))
    }

    /// A time; one without an offset is spelled again with that of the zone.
    fn time(&self, column: &'static str, text: &str) -> Result<String, EventFault> {
        let text = zoned(text, self.zone);
        text.map(Cow::into_owned).map_err(|fault| EventFault::Time { column, fault })
    }

    /// A word of a column whose words are known.
    fn word(&self, act: Act, column: &'static str, cell: Option<&str>) -> Result<Option<String>, EventFault> {
        let is_given = act == Act::Given;
        match self.known.read(column, cell) {
            Named::One(word) => Ok(Some(word)),
            Named::Several(words) if column == "categories" || !is_given => Ok(Some(words.join("|"))),
            Named::Several(_) => Err(EventFault::Several { column }),
            Named::Everything if !is_given || cell.is_none() && column == "categories" => Ok(None),
            Named::Everything if cell.is_none() => Err(EventFault::Missing { column }),
            Named::Everything => Err(EventFault::Several { column }),
            Named::Unknown => Err(self.unknown(column, cell.unwrap_or_default())),
        }
    }

    fn unknown(&self, column: &'static str, text: &str) -> EventFault {
        let known = self.known.listed(column);
        let nearest = self.known.nearest(column, text);
        EventFault::Unknown { column, word: shown(text), nearest, known }
    }
}

impl EventFault {
    /// A word of a column that is none of the known ones.
    #[must_use]
    pub fn unknown(column: &'static str, text: &str, known: &BTreeSet<String>) -> Self {
        let nearest = nearest(text, known.iter().map(String::as_str));
        Self::Unknown { column, word: shown(text), nearest, known: known.iter().cloned().collect() }
    }
}

/// What the words of a column name.
fn noun(column: &'static str) -> &'static str {
    match column {
        "categories" => "category",
        "ids" => "namespace",
        column => column,
    }
}

/// A word that looks like one: what is no name is not repeated.
fn shown(text: &str) -> Option<String> {
    let digits = text.chars().filter(|letter| letter.is_numeric()).count();
    let plain = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | ' ' | '.' | '|');
    (digits < 5 && text.chars().count() <= 64 && text.chars().all(plain)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::deidentify::{Form, IdForms};

    fn known() -> KnownWords {
        let set = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<_>>();
        KnownWords {
            triggers: set(&["SC23", "SC29"]),
            purposes: set(&["ad-targeting", "campaign-measurement"]),
            categories: set(&["payment-record", "profile"]),
            recipients: [("LEGAL-ID-A", "social-platform"), ("LEGAL-ID-C", "brand-insights")]
                .map(|(legal_id, name)| (legal_id.to_owned(), set(&[name])))
                .into(),
        }
    }

    fn namespaces() -> Namespaces {
        let forms = |form| {
            let mut forms = IdForms::default();
            forms.add(form);
            forms
        };
        let all = [("account", forms(Form::Undeclared)), ("phone", forms(Form::CnMobile))];
        Namespaces::new(all.map(|(name, forms)| (name.to_owned(), forms)).into())
    }

    /// What is recorded of cells that differ from a clean consent.
    fn checked(other: &[(&str, &str)], zone: Option<&str>) -> Result<Event, EventFault> {
        let clean = [
            ("person", "13800000001"),
            ("ids", "phone"),
            ("event", "given"),
            ("at", "2026-09-01T10:00:00+08:00"),
            ("trigger", "SC23"),
            ("purpose", "campaign-measurement"),
            ("recipient", "LEGAL-ID-C"),
        ];
        let cells: BTreeMap<&str, &str> = clean.into_iter().chain(other.iter().copied()).collect();
        let event = Event::from_cells(|column| cells.get(column).map(|text| (*text).to_owned()))?;
        let (known, namespaces) = (known(), namespaces());
        let zone = zone.map(|zone| Zone::parse(zone).unwrap());
        let now = Timestamp::parse("2026-09-01T02:00:00Z").unwrap();
        event.checked(&EventTerms { known: &known, namespaces: &namespaces, zone: zone.as_ref(), now })
    }

    #[test]
    fn what_is_understood_is_recorded_in_the_words_of_the_table() {
        let recorded = |other: &[(&str, &str)], zone, column: &str| {
            checked(other, zone).map(|event| event.cell(column).map(str::to_owned))
        };
        let is = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(recorded(&[("recipient", "Brand Insights")], None, "recipient"), is("LEGAL-ID-C"));
        assert_eq!(
            recorded(&[("purpose", "Campaign_Measurement")], None, "purpose"),
            is("campaign-measurement")
        );
        assert_eq!(recorded(&[("person", "+86 138-0000-0001")], None, "person"), is("13800000001"));
        assert_eq!(recorded(&[("ids", "PHONE ")], None, "ids"), is("phone"));
        assert_eq!(recorded(&[("event", "opt_in")], None, "event"), is("given"));
        assert_eq!(recorded(&[("own_step", "Yes")], None, "own_step"), is("true"));
        assert_eq!(recorded(&[("kind", "SEPARATE")], None, "kind"), is("separate"));
        let local = [("at", "2026-09-01 09:59:59")];
        assert_eq!(recorded(&local, Some("Asia/Shanghai"), "at"), is("2026-09-01T01:59:59Z"));
        // What speaks against a use may leave out what it is about, and then covers everything.
        for cell in ["", " ", "*", "all", "全部"] {
            let wide = [("event", "withdrawn"), ("purpose", cell), ("trigger", "sc23|SC29")];
            assert_eq!(recorded(&wide, None, "purpose"), Ok(None), "{cell:?}");
            assert_eq!(recorded(&wide, None, "trigger"), is("SC23|SC29"));
        }
    }

    #[test]
    fn a_slip_of_the_pen_is_reported() {
        let fault_of = |other: &[(&str, &str)]| {
            checked(other, None).err().map(|fault| fault.to_string()).unwrap_or_default()
        };
        for (column, word, near) in [
            ("recipient", "LEGAL-ID-D", "did you mean `LEGAL-ID-"),
            ("recipient", "brand-insight", "did you mean `brand-insights`?"),
            ("purpose", "campaign-mesurement", "did you mean `campaign-measurement`?"),
            ("trigger", "SC24", "did you mean `SC2"),
            ("categories", "profiles", "did you mean `profile`?"),
            ("trigger", "x", "unknown trigger `x`"),
        ] {
            for event in ["given", "withdrawn", "hold", "lifted"] {
                let message = fault_of(&[("event", event), (column, word)]);
                assert!(
                    message.starts_with(&format!("unknown {} `{word}`", noun(column)))
                        && message.contains(near),
                    "{message}"
                );
            }
        }
        let cases: [(&[(&str, &str)], &str); 12] = [
            (&[("at", "2026-09-01T02:00:01Z")], "`at` lies in the future"),
            (&[("at", "2026-09-01 09:00")], "`at`: no UTC offset; declare `timezone`"),
            (&[("shown_at", "yesterday")], "`shown_at`: not a time, such as 2015-11-19T18:40:39+08:00"),
            (&[("at", "1970-01-01T00:00:00Z")], "`at` should be a time between 1970 and 2106"),
            (&[("event", "paused")], "`event` should be given, refused"),
            (&[("purpose", "all")], "`purpose` of a consent is one word"),
            (&[("trigger", "SC23|SC29")], "`trigger` of a consent is one word"),
            (&[("recipient", "")], "`recipient` is missing"),
            (&[("event", "lifted"), ("recipient", "")], "`lifted` ends a block that names"),
            (&[("own_step", "perhaps")], "`own_step` should be true or false"),
            (&[("person", "1380000001")], "not of the declared form"),
            (&[("ids", "account"), ("person", "7\u{200b}")], "id with a character of no width"),
        ];
        for (cells, wanted) in cases {
            assert!(fault_of(cells).starts_with(wanted), "{cells:?}: {}", fault_of(cells));
        }
        // A value in the wrong place is not repeated.
        assert!(!fault_of(&[("purpose", "13800000001")]).contains("138"));
    }

    proptest! {
        /// What is recorded is recorded again as it is, and means what was stated: no use more and none less.
        #[test]
        fn what_is_recorded_means_what_was_given(
            event in proptest::sample::select(vec!["given", "withdraw", "opt_out", "hold", "objected", "拒绝"]),
            words in proptest::array::uniform3(prop_oneof![
                Just(String::new()),
                "(sc23|SC29|SC23;SC29|all|\\*|Ad Targeting|campaign_measurement|ad-targeting,campaign-measurement)",
                "(LEGAL-ID-A|legal_id_c|brand insights|social-platform|LEGAL-ID-A|LEGAL-ID-C)",
                "\\PC{0,6}",
            ]),
        ) {
            let [trigger, purpose, recipient] = &words;
            let cells_given = [("event", event), ("trigger", trigger), ("purpose", purpose), ("recipient", recipient)];
            if let Ok(recorded) = checked(&cells_given, None) {
                let cells: Vec<(&str, &str)> =
                    COLUMNS.into_iter().filter_map(|column| Some((column, recorded.cell(column)?))).collect();
                let open = ["trigger", "purpose", "recipient"].map(|column| (column, ""));
                let again: Vec<_> = open.into_iter().chain(cells).collect();
                prop_assert!(checked(&again, None).is_ok_and(|again| again == recorded), "{:?}", cells_given);
                let known = known();
                for (column, cell) in cells_given.into_iter().skip(1) {
                    for word in known.of(column) {
                        let could = known.could_mean(column, Some(cell), word);
                        prop_assert_eq!(known.could_mean(column, recorded.cell(column), word), could, "{} {:?}", word, cells_given);
                    }
                }
            }
        }
    }
}
