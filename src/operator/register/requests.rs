//! The book of requests of people about their own data (PIPL art. 44 to 50). Like the rest of the register it is no log entry.

use serde_json::{Map, json};

use crate::consent::TERMS;
use crate::operator::{Consents, OperatorError};
use crate::register::{LONGEST_REASON, NewRequest, Request, RequestKind};
use crate::types::{Days, is_without_width};

/// Within how many days a request is to be answered where no study says it. The PIPL says "in good time" (art. 50); fifteen calendar
/// days are no longer than fifteen working days, which guidance on apps allows.
const ANSWER_WITHIN: u32 = 15;

impl Consents<'_> {
    /// Enters a request of the person with this namespace and id, due after the shortest term that a study declares. A near relative
    /// may ask for a deceased person.
    ///
    /// # Errors
    /// [`OperatorError::Invalid`] for what no relative may ask for; nothing is entered.
    ///
    /// # Privacy
    /// The book holds a keyed hash in place of the id. It is no log entry, and nothing that others see depends on it.
    pub fn open_request(
        &self,
        kind: RequestKind,
        by_kin: bool,
        person: (&str, &str),
    ) -> Result<Request, OperatorError> {
        if by_kin && !kind.is_open_to_kin() {
            let why = "near relatives of a deceased person may ask for access, copy, correction and erasure (PIPL 49)";
            return Err(OperatorError::Invalid(why.into()));
        }
        let law = self.inner.law.in_force();
        let declared = law.studies.values().filter_map(|adopted| adopted.study.consents.answer_within).min();
        let within = declared.or(Days::new(ANSWER_WITHIN)).unwrap_or(Days::ONE);
        let opened_at = self.inner.clock.now();
        let due = opened_at.saturating_add(within);
        let new = NewRequest { kind, by_kin, person, opened_at, due };
        let number = self.inner.record(|writer| Ok(writer.open_request(&new)?))?;
        Ok(Request { number, kind, by_kin, opened_at, due, closed: None })
    }

    /// Closes an open request: it was fulfilled, or refused for a reason, which the law asks for (PIPL art. 50). If a person is given,
    /// it must be about them.
    ///
    /// # Errors
    /// [`OperatorError::Invalid`] where there is no such open request, or the reason is blank, longer than 1 KiB
    /// or not one line of characters that are shown; nothing is closed.
    pub fn close_request(
        &self,
        number: u64,
        of: Option<(&str, &str)>,
        refused: Option<&str>,
    ) -> Result<Request, OperatorError> {
        let reason = refused.map(str::trim);
        if reason.is_some_and(|reason| reason.is_empty() || reason.len() > LONGEST_REASON) {
            return Err(OperatorError::Invalid(
                "a refusal needs a reason, of at most 1 KiB (PIPL 50)".into(),
            ));
        }
        if reason.is_some_and(|reason| reason.chars().any(is_unseen)) {
            let why =
                "a reason is one line of text without control characters and characters that are not shown";
            return Err(OperatorError::Invalid(why.into()));
        }
        let about = if of.is_some() { " and is about this person" } else { "" };
        let none = || OperatorError::Invalid(format!("no open request has the number {number}{about}"));
        // Where there is no book, none is made.
        if !self.requests(of)?.iter().any(|request| request.number == number && request.closed.is_none()) {
            return Err(none());
        }
        let now = self.inner.clock.now();
        let closed = self.inner.record(|writer| Ok(writer.close_request(number, of, (now, reason))?))?;
        let request = self.requests(of)?.into_iter().find(|request| closed && request.number == number);
        request.ok_or_else(none)
    }

    /// Every request of the book, or those about one person, in the order of their numbers: the operator's own view.
    ///
    /// # Errors
    /// [`OperatorError`]
    pub fn requests(&self, of: Option<(&str, &str)>) -> Result<Vec<Request>, OperatorError> {
        match self.inner.register()? {
            Some(register) => Ok(register.requests(of)?),
            None => Ok(Vec::new()),
        }
    }

    /// A signed receipt of what the book says of a request.
    ///
    /// # Errors
    /// [`OperatorError::Invalid`] for a request that the book does not have like this, or has about another person.
    pub fn request_receipt(&self, request: &Request, person: (&str, &str)) -> Result<String, OperatorError> {
        if !self.requests(Some(person))?.contains(request) {
            return Err(OperatorError::Invalid("a receipt is for a request that is recorded".into()));
        }
        let mut event = Map::new();
        let at = TERMS.iter().find(|(column, _)| *column == "at").map(|(_, term)| *term);
        event.extend(at.map(|term| (term.to_owned(), json!(request.opened_at.to_string()))));
        event.insert("cn-pipl:request".into(), json!(request.kind.as_str()));
        // A number of the book as text: canonical JSON has no large numbers.
        event.insert("cn-pipl:requestNumber".into(), json!(request.number.to_string()));
        event.insert("cn-pipl:requestByKin".into(), json!(request.by_kin));
        event.insert("cn-pipl:answerBy".into(), json!(request.due.to_string()));
        let recorded_at = match &request.closed {
            None => request.opened_at,
            Some((closed, refused)) => {
                let answer = if refused.is_some() { "refused" } else { "fulfilled" };
                event.insert("cn-pipl:answer".into(), json!(answer));
                event.extend(refused.as_ref().map(|why| ("cn-pipl:reason".to_owned(), json!(why))));
                *closed
            }
        };
        let id = self.id_in_receipt(person);
        self.inner.sign_receipt((person.0, &id), recorded_at, event)
    }
}

/// Whether a receipt or a terminal would show something else than was written: control characters, ends of lines, and characters of no
/// width, among them those that change the direction of text (Unicode Standard Annex #9).
fn is_unseen(letter: char) -> bool {
    letter.is_control() || is_without_width(letter) || matches!(letter, '\u{61c}' | '\u{2028}' | '\u{2029}')
}
