//! The answers that were given, read again beside the writer: nothing is asked, charged or drawn.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::audit::{Entry, Kind};
use crate::consent::ConsentStatus;
use crate::operator::law::in_force::text;
use crate::operator::query::prepared::{layout, plan_under};
use crate::operator::sandbox::study_path;
use crate::operator::shelf::figures::layout as consents_layout;
use crate::operator::{OperatorError, Reader};
use crate::policy::Study;
use crate::query::{ConsentCounts, parse};
use crate::release::{BudgetView, Evidence, Released, StoredAnswers};
use crate::types::Timestamp;

/// An answer that was given before.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Given {
    /// When.
    pub at: Timestamp,
    /// The answer to the canonical question: every number of it in its own column, in the order of the vocabulary, then averages and
    /// quantiles that are computed from them. Its budget is that of now.
    pub released: Released,
}

impl Reader {
    /// Every answer that the log names, oldest first, as asking again would give it, at no cost; one is read at a time.
    ///
    /// # Errors
    /// [`OperatorError::Damaged`] for an answer that the log names and the ledger or the folder does not have as it was.
    ///
    /// # Privacy
    /// None: these answers left through the door when they were given.
    pub fn given(&self) -> Result<impl Iterator<Item = Result<Given, OperatorError>> + '_, OperatorError> {
        let (spent, limit) = (self.books.book.spent()?, self.books.book.pool()?.limit);
        let budget = BudgetView { spent: spent.pool, limit, lifetime: spent.lifetime };
        let mut texts = BTreeMap::new();
        Ok((0..).zip(self.books.log.entries()).filter_map(move |(index, entry)| {
            let entry = match entry {
                Ok(entry) if entry.kind == Kind::Ask => entry,
                Ok(_) => return None,
                Err(error) => return Some(Err(error.into())),
            };
            let evidence = Evidence {
                budget: budget.clone(),
                stored: true,
                index,
                checkpoint: self.books.log.checkpoint().to_owned(),
                anchored: self.law.file.anchor.is_some(),
            };
            Some(self.given_by(&entry, &mut texts, evidence))
        }))
    }

    /// The answer of one entry; `texts` are the studies that were read for others.
    fn given_by(
        &self,
        entry: &Entry,
        texts: &mut BTreeMap<String, Study>,
        evidence: Evidence,
    ) -> Result<Given, OperatorError> {
        let hash = field(entry, "policy").to_owned();
        if !texts.contains_key(&hash) {
            let place = study_path(&hash);
            let study = Study::parse(&place, &text(&*self.storage, &place, &hash)?)?;
            texts.insert(hash.clone(), study);
        }
        let study = texts.get(&hash).ok_or(OperatorError::Bug("a study that was just read is there"))?;
        Ok(Given { at: entry.at, released: self.read_again(entry, study, evidence)? })
    }

    fn read_again(
        &self,
        entry: &Entry,
        study: &Study,
        evidence: Evidence,
    ) -> Result<Released, OperatorError> {
        let damaged = |why: &str| OperatorError::damaged(format!("log entry {}", evidence.index), why);
        let question = field(entry, "question");
        let min_people = study.release.min_people;
        let (text, claim, layout) = match (ConsentCounts::sealed_at(question), study.release.consent_error) {
            (Some(sealed_at), Some(error)) => {
                let counts = ConsentCounts::new(error, ConsentStatus::ALL.len(), sealed_at, self.accounting);
                let counts = counts.map_err(|_| damaged("asks what has no price under its study"))?;
                (counts.question().to_owned(), counts.claim().clone(), consents_layout(min_people))
            }
            _ => {
                let ask = parse(question, &study.catalogue);
                let ask = ask.map_err(|_| damaged("asks nothing of its study"))?;
                let plan = plan_under(&ask.with_computed(&study.catalogue), study, self.accounting)?;
                (plan.question().to_owned(), plan.claim().clone(), layout(&plan, min_people))
            }
        };
        if text != question {
            return Err(damaged("does not hold a canonical question"));
        }
        let seq = entry.ledger_seq.ok_or_else(|| damaged("names no charge"))?;
        let stored = self.books.book.answer(seq)?;
        let stored = stored.ok_or_else(|| damaged("names an answer that the ledger does not have"))?;
        let answers = StoredAnswers { sandbox: &self.law.file.id, key: &self.books.answers };
        Ok(answers.read(&stored, &claim, &layout, evidence)?)
    }
}

fn field<'a>(entry: &'a Entry, name: &str) -> &'a str {
    entry.body.get(name).and_then(Value::as_str).unwrap_or_default()
}
