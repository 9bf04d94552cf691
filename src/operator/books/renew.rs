//! `budget renew`: a new pool in place of one whose window is over, once every handler has signed for it.

use serde_json::{Map, json};

use crate::audit::{Entry, Kind, Log, Note, Pinned, RenewalFault, RenewalText};
use crate::ledger::{Book, Ledger, LogHead, Pool, Renewal};
use crate::operator::query::vocabulary::units;
use crate::operator::{Operator, OperatorError, SandboxState};
use crate::policy::Reason;
use crate::types::{Days, NanoEpsilon, Timestamp};

/// What a renewal did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Renewed {
    /// Its number.
    pub number: u64,
    /// The limit of the new pool, in its units.
    pub limit: u128,
    /// When the new pool may be renewed.
    pub next: Timestamp,
    /// Its entry in the log.
    pub entry: u64,
}

impl Operator {
    /// The text that every handler has to sign for the next renewal; changes nothing. Without `epsilon` and `window` the new
    /// pool is like the present one.
    ///
    /// # Errors
    /// [`OperatorError::Invalid`] for a reason that is no line of plain text, or a pool that has no window.
    pub fn draft_renewal(
        &self,
        reason: &str,
        epsilon: Option<NanoEpsilon>,
        window: Option<Days>,
    ) -> Result<RenewalText, OperatorError> {
        let inner = &*self.inner;
        RenewalText::check_reason(reason).map_err(|error| OperatorError::Invalid(error.to_string()))?;
        let pool = inner.books.ledger.pool()?;
        let own = pool.window_days.and_then(Days::new);
        let window = own.map(|own| window.unwrap_or(own));
        let window = window.ok_or_else(|| OperatorError::Invalid(NO_WINDOW.into()))?;
        let limit = epsilon.map_or(pool.limit, |epsilon| units(epsilon, inner.law.accounting));
        let (log_size, log_root) = inner.books.log()?.head();
        Ok(RenewalText {
            sandbox: inner.law.in_force().file.id.clone(),
            number: inner.books.ledger.spent()?.renewals.saturating_add(1),
            limit,
            accounting: inner.law.accounting,
            window,
            log_size,
            log_root,
            reason: reason.to_owned(),
        })
    }

    /// Opens a new pool: `text` as it was drafted, signed by every handler whose key was pinned at init in one of `notes`.
    ///
    /// Order: the log's `renew` entry, which holds text and signatures and decides; the ledger; the anchor. If we stop after
    /// the entry, the next open renews.
    ///
    /// # Errors
    /// [`OperatorError::Refused`] (logged) for whatever is missing; [`OperatorError::Invalid`] for a text that is none.
    ///
    /// # Privacy
    /// Reads no data. From here on everybody may lose the new limit once more: the sums of all time stay and are shown.
    pub fn renew(&self, text: &str, notes: &[String]) -> Result<Renewed, OperatorError> {
        // Each query is charged to the pool that it was asked under: those under way come to their end first.
        let _changing = self.inner.law.changing()?;
        self.inner.renew(text, notes)
    }
}

const NO_WINDOW: &str = "the pool was made without a window, so it is never renewed";

impl SandboxState {
    fn renew(&self, given: &str, notes: &[String]) -> Result<Renewed, OperatorError> {
        let now = self.clock.now();
        let text = RenewalText::parse(given)
            .map_err(|error| OperatorError::Invalid(format!("the text of the renewal: {error}")))?;
        let mut log = self.books.log()?;
        let note = match self.signed(&text, notes, &log, now)? {
            Ok(note) => note,
            Err(faults) => {
                drop(log);
                return Err(self.refuse_renewal(&text, &faults, now)?);
            }
        };
        let body = text.entry_body(&note);
        let entry = Entry { kind: Kind::Renew, at: now, ledger_seq: None, body };
        // If we stop after it, the next open renews the ledger.
        let index = log.append(&entry, &*self.books.signer())?.index();
        settle(&*self.books.ledger, &log, self.law.in_force().file.pinned()?.as_ref(), index, &entry)?;
        // If we stop before it, the anchor is behind: the next hand-out moves it.
        if let Some(anchor) = &self.books.anchor {
            log.advance_anchor(anchor)?;
        }
        Ok(Renewed {
            number: text.number,
            limit: text.limit,
            next: now.saturating_add(text.window),
            entry: index,
        })
    }

    /// The note of all signatures, or everything that is against the renewal.
    fn signed(
        &self,
        text: &RenewalText,
        notes: &[String],
        log: &Log,
        now: Timestamp,
    ) -> Result<Result<Note, Vec<RenewalFault>>, OperatorError> {
        let mut faults = Vec::new();
        if text.sandbox != self.law.in_force().file.id {
            faults.push(RenewalFault::Sandbox { sandbox: text.sandbox.clone() });
        }
        let next = self.books.ledger.spent()?.renewals.saturating_add(1);
        if text.number != next {
            faults.push(RenewalFault::Number { number: text.number, next });
        }
        if text.log_size == 0 || text.log_size > log.head().0 || log.root_at(text.log_size)? != text.log_root
        {
            faults.push(RenewalFault::Log);
        }
        if text.accounting != self.law.accounting {
            faults.push(RenewalFault::Accounting);
        }
        if let Some(why) = too_early(&self.books.ledger.pool()?, now) {
            faults.push(RenewalFault::Window(why));
        }
        let note = merged(text, notes).map_err(|fault| faults.push(fault)).ok();
        match (&note, self.law.in_force().file.pinned()?) {
            (_, None) => faults.push(RenewalFault::NoHandlers),
            (Some(note), Some(pinned)) => faults.extend(pinned.all_signed(note).err().into_iter().flatten()),
            (None, Some(_)) => {}
        }
        Ok(note.filter(|_| faults.is_empty()).ok_or(faults))
    }

    /// The refusal, after it was logged.
    fn refuse_renewal(
        &self,
        text: &RenewalText,
        faults: &[RenewalFault],
        now: Timestamp,
    ) -> Result<OperatorError, OperatorError> {
        let mut body = Map::new();
        body.insert("act".into(), json!("renew"));
        body.insert("number".into(), crate::audit::amount(u128::from(text.number)));
        body.insert("rules".into(), json!(["RENEWAL"]));
        self.books.append(Kind::Refuse, now, body)?;
        let reasons = faults.iter().map(|fault| Reason {
            rule: "RENEWAL".into(),
            article: String::new(),
            because: format!("renewal {}: {fault}", text.number),
            fix: fix(fault).into(),
        });
        Ok(OperatorError::Refused(reasons.collect()))
    }
}

/// All signatures over the text, in one note.
fn merged(text: &RenewalText, notes: &[String]) -> Result<Note, RenewalFault> {
    let mut all: Option<Note> = None;
    for note in notes {
        let note = Note::parse(note.as_bytes()).map_err(RenewalFault::Note)?;
        all = Some(match all {
            Some(all) => all.merged(note).map_err(RenewalFault::Note)?,
            None => note,
        });
    }
    let all = all.ok_or(RenewalFault::Entry)?;
    if all.text() == text.to_string() { Ok(all) } else { Err(RenewalFault::Entry) }
}

/// Why a pool may not be renewed yet.
fn too_early(pool: &Pool, now: Timestamp) -> Option<&'static str> {
    match pool.window_days.and_then(Days::new) {
        None => Some(NO_WINDOW),
        Some(window) if now < pool.opened_at.saturating_add(window) => {
            Some("the window of the present pool is not over")
        }
        Some(_) => None,
    }
}

/// What would fix a fault.
fn fix(fault: &RenewalFault) -> &'static str {
    match fault {
        RenewalFault::Window(_) => {
            "wait until the window is over; what was answered before is still given for nothing"
        }
        RenewalFault::NoHandlers => "make a sandbox with `--handler ID=VKEY` for every handler",
        RenewalFault::Signature(_) => {
            "let every handler run `hushtag policy sign --renewal FILE --key KEY`, with the key that is pinned for it"
        }
        _ => {
            "draft a new text with `hushtag budget DIR renew --draft FILE --reason TEXT`, and let every handler sign it"
        }
    }
}

/// Renews the ledger as log entry `index` says, unless it was done. An entry that not all handlers signed renews nothing,
/// anyone who wrote it.
pub(in crate::operator) fn settle(
    ledger: &dyn Ledger,
    log: &Log,
    pinned: Option<&Pinned>,
    index: u64,
    entry: &Entry,
) -> Result<(), OperatorError> {
    let damaged = |why: String| OperatorError::damaged(format!("log entry {index}"), why);
    let (text, note) = RenewalText::of_entry(entry).map_err(|fault| damaged(fault.to_string()))?;
    if pinned.is_none_or(|pinned| pinned.all_signed(&note).is_err()) {
        return Err(damaged("renews the pool without the signature of every handler".into()));
    }
    if text.number <= ledger.spent()?.renewals {
        return Ok(());
    }
    let size = index.saturating_add(1);
    let log_head = LogHead { size, root: log.root_at(size)? };
    Ok(ledger.renew(&Renewal {
        number: text.number,
        limit: text.limit,
        window_days: Some(text.window.days()),
        log_head,
        at: entry.at,
    })?)
}

/// The head of the log that the ledger saw last, by a charge or by a renewal.
pub(in crate::operator) fn last_seen(ledger: &dyn Book) -> Result<Option<LogHead>, OperatorError> {
    let charge = ledger.last()?.map(|last| last.log_head);
    let renewal = ledger.last_renewal()?.map(|last| last.log_head);
    Ok([charge, renewal].into_iter().flatten().max_by_key(|head| head.size))
}
