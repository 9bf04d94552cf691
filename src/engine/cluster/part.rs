//! What travels between the steps: a person's own part, contributions, and reports of files.

use bincode::{Decode, Encode};

use super::fold::GroupKey;
use super::report::UnitReport;
use super::tag::{Id, Tags};
use crate::engine::records::values::Element;

/// What is known of a person, or of a file, behind the first grouping. No `Debug`.
#[derive(Encode, Decode)]
pub(super) enum Part {
    Own(Box<OwnPart>),
    Sent(Contribution),
    Report(Box<UnitReport>),
}

/// What follows from a person's own rows.
#[derive(Encode, Decode)]
pub(super) struct OwnPart {
    pub(super) id: Id,
    /// The tags of the states that were merged.
    pub(super) seen: Tags,
    /// The tags of the contributions that this person sends.
    pub(super) sent: Tags,
    pub(super) counted: Counted,
    /// Whom they list, as written, where mutual ties are counted: by relation, ascending.
    pub(super) lists: Vec<(u16, Vec<Id>)>,
}

/// What cubes and reports count of a person, by their own rows alone.
#[derive(Encode, Decode)]
pub(super) struct Counted {
    /// For each recipient the first consent status that fails, and whether there is any event.
    pub(super) statuses: Vec<(u8, bool)>,
    /// Values by measure.
    pub(super) values: Vec<(u16, Element)>,
    /// Codes by field tag.
    pub(super) codes: Vec<(u16, u32)>,
    /// Where they have more rows than a seal takes: datasets, and inputs of consents behind them.
    pub(super) above: Vec<Limit>,
    /// Columns of people datasets in which their rows differ: dataset and place of the column.
    pub(super) differing: Vec<(u16, u16)>,
    /// How many distinct people they list, by dataset.
    pub(super) pairs: Vec<(u16, u64)>,
}

/// A limit on the rows of one owner.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub(super) enum Limit {
    RowsOfDataset(u16),
    EventsOfInput(u32),
}

/// What a person sends to one whom their truncated list holds, regardless of who is in.
#[derive(Encode, Decode)]
pub(super) struct Contribution {
    pub(super) to: Id,
    pub(super) from: Id,
    pub(super) tag: u128,
    pub(super) relation: u16,
    /// Whether the sender is in, for each recipient: a mask, applied where sums are settled.
    pub(super) covered: Vec<bool>,
    /// What arrives, by measure.
    pub(super) values: Vec<(u16, Sent)>,
}

/// What arrives for one measure.
#[derive(Clone, Encode, Decode)]
pub(super) enum Sent {
    /// A whole number, and whether there is one.
    Whole(i64, bool),
    /// A fraction, if there is one.
    Fraction(Option<(i128, u32)>),
    /// What the selected records that name the target add up to, if any is selected.
    Named(Option<i128>),
}

impl Part {
    /// By what it is grouped.
    pub(super) const fn key(&self) -> GroupKey {
        match self {
            Self::Own(own) => own.id,
            Self::Sent(contribution) => contribution.to,
            Self::Report(report) => report.key,
        }
    }
}
