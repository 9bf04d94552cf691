//! The fold: for every person and requirement the latest word not after as-of, in any order of events.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};

use super::age::{AgeFact, Calendar};
use super::demand::Demand;
use super::event::{Gist, Row, Whose, Word};
use super::moment::Times;
use super::slot::{Flag, Judged, LatestHold, Second, Slot};
use super::status::{ConsentStatus, Failing};
use super::tombstone::Tombstone;
use crate::types::Timestamp;

/// Consent events of many people folded against what one recipient's flow demands.
///
/// Memory: 24 bytes a person and requirement. It has no `Debug`: it holds who consented.
pub struct Fold {
    demand: Demand,
    as_of: Timestamp,
    slots: Vec<Slot>,
    /// Blocks that name another recipient than the first, by person, requirement and recipient; they are rare.
    further: BTreeMap<(u32, u16, u16), LatestHold>,
}

/// The meaning of a row for one fold, without its instants and its person, so that equal rows are read once.
pub struct Reading(Vec<Gist>);

/// What a fold holds of one person, to be merged into another fold of the same demand. It has no `Debug`.
#[derive(PartialEq, Eq, Encode, Decode)]
pub(crate) struct PersonConsents {
    slots: Vec<Slot>,
    /// Blocks of further recipients, by requirement and recipient.
    further: Vec<(u16, u16, LatestHold)>,
}

impl Fold {
    /// Starts with no one covered. Without any requirement no one ever is.
    #[must_use]
    pub fn new(demand: Demand, as_of: Timestamp) -> Self {
        Self { demand, as_of, slots: Vec::new(), further: BTreeMap::new() }
    }

    /// The instant of which it is.
    #[must_use]
    pub const fn as_of(&self) -> Timestamp {
        self.as_of
    }

    /// Bytes that grow with people, and with blocks of further recipients.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let further = self.further.len() * size_of::<((u32, u16, u16), LatestHold)>();
        self.slots.capacity() * size_of::<Slot>() + further
    }

    /// What is demanded.
    #[must_use]
    pub const fn demand(&self) -> &Demand {
        &self.demand
    }

    /// Reads all cells of a row but its instants, for [`Fold::observe_reading`] of this very fold.
    #[must_use]
    pub fn read(&self, row: &Row<'_>) -> Reading {
        Reading(self.demand.requirements.iter().map(|requirement| requirement.gist(row)).collect())
    }

    /// Observes one event of the person with this dense number. Events may come in any order, more than once.
    pub fn observe(&mut self, person: u32, row: &Row<'_>) {
        let reading = self.read(row);
        self.observe_reading(person, &reading, &row.times());
    }

    /// Observes one event whose cells were read before.
    pub fn observe_reading(&mut self, person: u32, reading: &Reading, times: &Times) {
        let start = self.slots_of(person);
        let slots = self.slots.iter_mut().skip(start);
        for (position, (requirement, slot)) in self.demand.requirements.iter().zip(slots).enumerate() {
            // A reading of another fold may lack this requirement: its meaning is then unreadable.
            let gist = reading.0.get(position).copied().unwrap_or(Gist::Unreadable);
            slot.raise(Flag::Observed);
            match requirement.word(gist, times, self.as_of) {
                Word::Silent => {}
                Word::Unreadable => slot.raise(Flag::Unreadable),
                Word::Given(at, flaws) => slot.give(at, flaws),
                Word::Withdrawn(at) => slot.withdraw(at),
                Word::Refused(at) => slot.refuse(at),
                Word::Hold(at, Whose::Anybody, hold) => slot.hold_widely(at, hold),
                Word::Hold(at, Whose::Recipient(0), hold) => slot.hold_exactly(at, hold),
                Word::Hold(at, Whose::Recipient(recipient), hold) => {
                    let position = u16::try_from(position).unwrap_or(u16::MAX);
                    let latest =
                        self.further.entry((person, position, recipient)).or_insert(LatestHold::NONE);
                    latest.observe(at, hold);
                }
                Word::Deceased => slot.raise(Flag::Deceased),
                Word::Elsewhere(ConsentStatus::OtherPurpose) => slot.raise(Flag::OtherPurpose),
                Word::Elsewhere(_) => slot.raise(Flag::OtherRecipient),
            }
        }
    }

    /// Applies what a register keeps of removed events of this person. An erasure ends every consent that was given by then, also
    /// where as-of is earlier: what was erased is used no more.
    pub fn apply(&mut self, person: u32, tombstone: &Tombstone) {
        if let Some(erased) = tombstone.erased_at() {
            let at = Second::new(erased.seconds());
            let start = self.slots_of(person);
            let width = self.demand.requirements.len();
            for slot in self.slots.iter_mut().skip(start).take(width) {
                slot.raise(Flag::Observed);
                match at {
                    Some(at) => slot.withdraw(at),
                    None => slot.raise(Flag::Unreadable),
                }
            }
        }
        tombstone.rows().for_each(|row| self.observe(person, &row));
    }

    /// Makes room for the people numbered `0..people`, so that memory does not depend on whom events name.
    pub fn cover(&mut self, people: usize) {
        let slots = people.saturating_mul(self.demand.requirements.len());
        if self.slots.len() < slots {
            self.slots.resize(slots, Slot::EMPTY);
        }
    }

    /// What was observed of one person.
    pub(crate) fn state(&self, person: u32) -> PersonConsents {
        let width = self.demand.requirements.len();
        let own = self.slots.iter().copied().skip(person as usize * width);
        let slots = own.chain(std::iter::repeat(Slot::EMPTY)).take(width).collect();
        let further = self.further.range((person, 0, 0)..=(person, u16::MAX, u16::MAX));
        let further =
            further.map(|((_, requirement, recipient), latest)| (*requirement, *recipient, *latest));
        PersonConsents { slots, further: further.collect() }
    }

    /// Adds what a fold of the same demand observed of a person; in any order, and once more changes nothing. `false` for a state of
    /// another demand, of which nothing is added.
    #[must_use]
    pub(crate) fn merge(&mut self, person: u32, state: &PersonConsents) -> bool {
        let width = self.demand.requirements.len();
        if state.slots.len() != width
            || state.further.iter().any(|(requirement, ..)| usize::from(*requirement) >= width)
        {
            return false;
        }
        let start = self.slots_of(person);
        for (slot, other) in self.slots.iter_mut().skip(start).zip(&state.slots) {
            slot.merge(*other);
        }
        for (requirement, recipient, latest) in &state.further {
            let known = self.further.entry((person, *requirement, *recipient)).or_insert(LatestHold::NONE);
            known.merge(*latest);
        }
        true
    }

    /// Where the slots of a person begin; they are made if they are not there.
    fn slots_of(&mut self, person: u32) -> usize {
        let width = self.demand.requirements.len();
        let start = person as usize * width;
        if self.slots.len() < start + width {
            self.slots.resize(start + width, Slot::EMPTY);
        }
        start
    }

    /// Who is covered, for people numbered `0..people`, of whose ages this is known; anyone beyond it has none.
    #[must_use]
    pub fn finish(mut self, people: usize, ages: &[AgeFact]) -> Covered {
        Covered::of(self.statuses(people, ages))
    }

    /// The first status that fails of each of the people numbered `0..people`, of whose ages this is known, and whether there is any event
    /// of them.
    pub(crate) fn statuses<'a>(
        &'a mut self,
        people: usize,
        ages: &'a [AgeFact],
    ) -> impl Iterator<Item = (ConsentStatus, bool)> + 'a {
        self.settle();
        let (fold, width) = (&*self, self.demand.requirements.len());
        let mut slots = fold.slots.chunks(width.max(1));
        let as_of = Calendar::of(fold.as_of);
        (0..people).map(move |person| {
            let born = ages.get(person).copied().unwrap_or(AgeFact::UNKNOWN);
            let judged = Judged { ages: fold.demand.ages, born, as_of };
            let own = slots.next().unwrap_or(&[]);
            let first = fold.failing(own, judged).fold(Failing::default(), |mut all, one| {
                all.add_all(one);
                all
            });
            // INVARIANT: without a requirement nothing fails, and no one is covered.
            let first = if width == 0 { ConsentStatus::Absent } else { first.first() };
            // INVARIANT: who is only named by a links table is not counted, so that a person's events move one count.
            (first, own.iter().any(|slot| slot.has(Flag::Observed)))
        })
    }

    /// Whether each of the people numbered `0..people` is in but for their age, which is not known here.
    #[must_use]
    pub fn inside_whatever_age(mut self, people: usize) -> Vec<bool> {
        self.settle();
        let judged =
            Judged { ages: self.demand.ages, born: AgeFact::UNKNOWN, as_of: Calendar::of(self.as_of) };
        let width = self.demand.requirements.len();
        let mut slots = self.slots.chunks(width.max(1));
        let inside = |own: &[Slot]| {
            width > 0 && self.failing(own, judged).all(|one| one.all().all(ConsentStatus::is_about_age))
        };
        (0..people).map(|_| inside(slots.next().unwrap_or(&[]))).collect()
    }

    /// All reasons why the person numbered 0 is out, requirement by requirement.
    pub(super) fn reasons_of_the_first(mut self, born: AgeFact) -> Vec<(String, Failing)> {
        self.settle();
        let judged = Judged { ages: self.demand.ages, born, as_of: Calendar::of(self.as_of) };
        let failing = self.failing(&self.slots, judged);
        self.demand.requirements.iter().map(|requirement| requirement.trigger.clone()).zip(failing).collect()
    }

    /// What fails under each requirement; of a person of whom nothing was observed, nothing is there.
    fn failing<'a>(&'a self, slots: &'a [Slot], judged: Judged) -> impl Iterator<Item = Failing> + 'a {
        let slots = slots.iter().copied().chain(std::iter::repeat(Slot::EMPTY));
        self.demand
            .requirements
            .iter()
            .zip(slots)
            .map(move |(requirement, slot)| slot.failing(requirement, judged))
    }

    /// Marks the slots that a block of a further recipient concerns.
    fn settle(&mut self) {
        let width = self.demand.requirements.len();
        for ((person, requirement, _), latest) in &self.further {
            let slot = self.slots.get_mut(*person as usize * width + usize::from(*requirement));
            if let Some(slot) = slot.filter(|_| latest.is_in_force()) {
                slot.raise(Flag::FurtherHold);
            }
        }
    }
}

/// Who is in an epoch for one recipient, and how many are out for which reason.
///
/// # Privacy
/// Facts of the join: no `Debug`, `Display`, `Serialize` or `Clone`.
pub struct Covered {
    bits: Vec<bool>,
    reasons: [u64; ConsentStatus::COUNT],
}

impl Covered {
    /// Of the status of each person, and whether there is any event of them.
    pub(crate) fn of(people: impl Iterator<Item = (ConsentStatus, bool)>) -> Self {
        let mut reasons = [0; ConsentStatus::COUNT];
        let bits = people.map(|(first, observed)| {
            if let Some(count) = reasons.get_mut(first as usize).filter(|_| observed) {
                *count += 1;
            }
            first == ConsentStatus::Live
        });
        let bits = bits.collect();
        Self { bits, reasons }
    }

    /// Whether the person with this dense number is covered; no one outside the folded numbers is.
    #[must_use]
    pub fn contains(&self, person: u32) -> bool {
        self.bits.get(person as usize).copied().unwrap_or(false)
    }

    /// How many people with at least one event have each status, each under the first status that fails, in the order of
    /// [`ConsentStatus::ALL`]; who is in counts as [`ConsentStatus::Live`].
    ///
    /// # Privacy
    /// Neighbours that differ in one person's events: one of the counts differs by one.
    pub fn statuses(&self) -> impl Iterator<Item = (ConsentStatus, u64)> {
        ConsentStatus::ALL.into_iter().zip(self.reasons)
    }
}

#[cfg(test)]
mod tests;
