//! What a page has no room for: of many answers and charges the newest stand on the page, and all older ones in files beside it.

use std::collections::{BTreeMap, VecDeque};

use maud::{Markup, html};

use super::budget::amount;
use super::facts::Facts;
use super::parts::{self, code, count, name};
use super::texts::fill;
use super::{PageError, numbered_page};
use crate::annex::{Annex, Kept, csv_line};
use hushtag::ledger::{Record, State};
use hushtag::operator::Given;
use hushtag::types::{EpochId, RecipientId, StudyId};

/// The most answers in full on one page, and how many numbers they may have together: some hundreds of bytes each.
const ANSWERS: usize = 100;
const NUMBERS: usize = 5_000;
/// The most charges on the page.
pub(super) const CHARGES: usize = 500;

/// The files for what a page has no room for.
pub(crate) struct Annexes {
    /// Every number of the older answers, as CSV.
    pub(crate) answers: Annex,
    /// The older charges, as CSV.
    pub(crate) charges: Annex,
    /// The older answers in full, in numbered pages.
    pub(crate) pages: Option<Annex>,
}

/// Answers of one study, recipient and epoch that are not on the page.
#[derive(Default)]
pub(super) struct Sum {
    answers: u64,
    units: u128,
}

/// What is not on the page: how much it is, and the files that have it.
#[derive(Default)]
pub(super) struct Older {
    pub(super) sums: BTreeMap<(StudyId, RecipientId, EpochId), Sum>,
    pub(super) answers: Option<Kept>,
    pub(super) charges: Option<Kept>,
    pub(super) pages: Vec<Kept>,
}

/// The newest answers, as far as there is room for them.
#[derive(Default)]
pub(super) struct Newest {
    answers: VecDeque<Given>,
    numbers: usize,
}

fn numbers(given: &Given) -> usize {
    given.released.rows.iter().map(|row| row.cells.len().max(1)).sum::<usize>().max(1)
}

impl Newest {
    /// Takes an answer in, and gives those for which there is no room any more.
    pub(super) fn push(&mut self, given: Given) -> Vec<Given> {
        self.numbers = self.numbers.saturating_add(numbers(&given));
        self.answers.push_back(given);
        let mut out = Vec::new();
        while self.answers.len() > ANSWERS || self.numbers > NUMBERS {
            let Some(oldest) = self.answers.pop_front() else { break };
            self.numbers = self.numbers.saturating_sub(numbers(&oldest));
            out.push(oldest);
        }
        out
    }

    pub(super) fn into_answers(self) -> Vec<Given> {
        self.answers.into()
    }
}

/// Writes the older answers while they are read.
pub(super) struct Writing<'f, 'a> {
    facts: &'f Facts<'a>,
    annexes: &'f mut Annexes,
    older: Older,
    /// The answers of the numbered page that is being filled.
    page: Newest,
}

/// The first line of the annex of answers.
const HEADER: [&str; 14] = [
    "log_entry",
    "at",
    "study",
    "text",
    "recipient",
    "epoch",
    "units",
    "group",
    "number",
    "estimate",
    "low",
    "high",
    "unbiased",
    "query",
];

impl<'f, 'a> Writing<'f, 'a> {
    pub(super) fn new(facts: &'f Facts<'a>, annexes: &'f mut Annexes) -> Self {
        Self { facts, annexes, older: Older::default(), page: Newest::default() }
    }

    /// Writes an answer that is not on the page.
    pub(super) fn answer(&mut self, given: Given) -> Result<(), PageError> {
        let released = &given.released;
        let place = (released.study.clone(), released.recipient.clone(), released.epoch.clone());
        let sum = self.older.sums.entry(place).or_default();
        sum.answers = sum.answers.saturating_add(1);
        sum.units = sum.units.saturating_add(released.units);
        let file = &mut self.annexes.answers;
        if !file.is_begun() {
            file.line(&csv_line(&HEADER))?;
        }
        for line in lines(&given) {
            file.line(&line)?;
        }
        if self.annexes.pages.is_some() {
            let next = numbers(&given);
            if self.page.answers.len() >= ANSWERS || self.page.numbers.saturating_add(next) > NUMBERS {
                self.end_page()?;
            }
            self.page.numbers = self.page.numbers.saturating_add(next);
            self.page.answers.push_back(given);
        }
        Ok(())
    }

    fn end_page(&mut self) -> Result<(), PageError> {
        let answers = std::mem::take(&mut self.page).into_answers();
        if let (Some(pages), false) = (&mut self.annexes.pages, answers.is_empty()) {
            let page = numbered_page(self.facts, self.older.pages.len().saturating_add(1), &answers);
            self.older.pages.push(pages.numbered(self.older.pages.len().saturating_add(1), &page)?);
        }
        Ok(())
    }

    /// Ends all files.
    pub(super) fn end(mut self) -> Result<Older, PageError> {
        self.end_page()?;
        self.older.answers = self.annexes.answers.end()?;
        self.older.charges = self.annexes.charges.end()?;
        Ok(self.older)
    }
}

/// An answer as lines of CSV: one for each number, or one for a group whose numbers are not shown.
fn lines(given: &Given) -> Vec<String> {
    let released = &given.released;
    let head = [
        released.index.to_string(),
        given.at.to_string(),
        released.study.to_string(),
        released.policy.clone(),
        released.recipient.to_string(),
        released.epoch.to_string(),
        released.units.to_string(),
    ];
    let mut lines = Vec::new();
    for row in &released.rows {
        let labels = row.group.iter().map(|(tag, label)| format!("{tag}={label}"));
        let group = labels.collect::<Vec<_>>().join("; ");
        let mut line = |numbers: [String; 5]| {
            let cells = head.iter().cloned().chain([group.clone()]).chain(numbers);
            let cells: Vec<String> = cells.chain([released.question.clone()]).collect();
            lines.push(csv_line(&cells));
        };
        if row.suppressed {
            line(Default::default());
            continue;
        }
        for cell in &row.cells {
            let text = |number: Option<hushtag::types::Decimal>| {
                number.map_or_else(String::new, |it| it.to_string())
            };
            line([
                cell.name.clone(),
                text(cell.estimate),
                text(Some(cell.low)),
                text(Some(cell.high)),
                text(cell.unbiased),
            ]);
        }
    }
    lines
}

/// The first line of the annex of charges.
const CHARGES_HEADER: [&str; 8] =
    ["charge", "at", "recipient", "study", "epoch", "units", "lifetime_units", "log_entry"];

/// Writes a charge that is not on the page; `sum` is the lifetime sum with it.
pub(super) fn charge(annexes: &mut Annexes, charge: &Record, sum: u128) -> Result<(), PageError> {
    if !annexes.charges.is_begun() {
        annexes.charges.line(&csv_line(&CHARGES_HEADER))?;
    }
    let entry = match charge.state {
        State::Committed { log_index } => log_index.to_string(),
        State::Stored | State::Reserved => String::new(),
    };
    let cells = [
        charge.seq.to_string(),
        charge.at.to_string(),
        charge.recipient.to_string(),
        charge.study.to_string(),
        charge.epoch.to_string(),
        charge.units.to_string(),
        sum.to_string(),
        entry,
    ];
    annexes.charges.line(&csv_line(&cells))?;
    Ok(())
}

/// Where a file beside the page is named: its name, size and hash.
pub(super) fn file(facts: &Facts<'_>, text: &str, kept: &Kept) -> Markup {
    let places: [(&str, &dyn std::fmt::Display); 2] =
        [("n", &count(kept.lines)), ("bytes", &count(kept.bytes))];
    html! { p { (fill(text, &places)) " " (code(&kept.name)) (facts.t.page.join) "SHA-256 " (code(&kept.digest)) } }
}

/// The answers that are not on the page: their totals, and the files that have them.
pub(super) fn answers(facts: &Facts<'_>) -> Markup {
    let (t, older) = (&facts.t.releases, &facts.older);
    let Some(kept) = &older.answers else { return html! {} };
    let rows: Vec<Vec<Markup>> = older
        .sums
        .iter()
        .map(|((study, recipient, epoch), sum)| {
            vec![
                name(study.as_str()),
                name(recipient.as_str()),
                name(epoch.as_str()),
                html! { (count(sum.answers)) },
                amount(facts, sum.units),
            ]
        })
        .collect();
    let head = [t.study.as_str(), &t.recipient, &t.epoch, &t.older_count, &t.cost];
    html! {
        p { (fill(&t.older_lead, &[("n", &count(facts.given.len()))])) }
        (parts::table(&t.older, &facts.t.page.scroll, &head, &rows))
        (file(facts, &t.older_file, kept))
        @for page in &older.pages { (file(facts, &t.older_page, page)) }
    }
}
