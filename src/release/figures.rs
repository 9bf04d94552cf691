//! Joined figures: facts about the join that only the auditor's key opens. Not answers: nothing is noised or charged.

use bincode::{Decode, Encode};
use serde::Serialize;

use super::Exact;
use crate::deidentify::{Risk, TagRisk};
use crate::keys::{AuditorKey, AuditorPublicKey, SealError, open, seal};
use crate::types::{Secret, codec};

/// A name and how many people it is about.
pub type Counted = (String, u64);

/// Facts about the join of one recipient's epoch. Until the auditor opens them they are inside an `Exact`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct JoinDiagnostics {
    /// The study.
    pub study: String,
    /// The recipient.
    pub recipient: String,
    /// People with at least one consent event, by the first reason why they are out; those who are in are `live`.
    pub consents: Vec<Counted>,
    /// Of the people who are in, those with rows in each dataset: of their own, or in a relation as someone's target.
    pub present: Vec<Counted>,
    /// Of the people who are in, those with rows at two handlers or more.
    pub matched: u64,
    /// Of the people who are in, those whose list in each relation is longer than its `max_reach`.
    pub cut: Vec<Counted>,
    /// Of the people who are in, those whose value of each measure is held back by its clamp.
    pub clamped: Vec<Counted>,
    /// How well people hide in the table of each tag set.
    pub risks: Vec<(String, Risk)>,
}

impl JoinDiagnostics {
    /// The same names with the longest numbers.
    fn widest(&self) -> Self {
        let counted = |all: &[Counted]| all.iter().map(|(name, _)| (name.clone(), u64::MAX)).collect();
        let small = [u64::MAX; 3];
        let tag = |tag: &TagRisk| TagRisk {
            tag: tag.tag.clone(),
            l: u64::MAX,
            t_thousandths: u64::MAX,
            k_without: u64::MAX,
            in_small_classes_without: small,
        };
        let risk = |risk: &Risk| Risk {
            people: u64::MAX,
            classes: u64::MAX,
            k: u64::MAX,
            unique: u64::MAX,
            in_small_classes: small,
            tags: risk.tags.iter().map(tag).collect(),
        };
        Self {
            study: self.study.clone(),
            recipient: self.recipient.clone(),
            consents: counted(&self.consents),
            present: counted(&self.present),
            matched: u64::MAX,
            cut: counted(&self.cut),
            clamped: counted(&self.clamped),
            risks: self.risks.iter().map(|(set, one)| (set.clone(), risk(one))).collect(),
        }
    }
}

/// Seals the figures of all recipients of an epoch to the auditor, and that under the epoch's key, so that they end with it.
///
/// # Errors
/// [`SealError`]
///
/// # Privacy
/// The size follows from the names alone: the content is padded to what it would be with the longest numbers.
pub fn seal_figures(
    all: &[Exact<JoinDiagnostics>],
    auditor: &AuditorPublicKey,
    epoch: &Secret,
    associated: &[u8],
) -> Result<Vec<u8>, SealError> {
    let figures: Vec<&JoinDiagnostics> = all.iter().map(Exact::open).collect();
    let encode = |all: &Vec<&JoinDiagnostics>| codec::encode(all).map_err(|_| SealError::TooLarge);
    let widest: Vec<JoinDiagnostics> = figures.iter().map(|one| one.widest()).collect();
    let size = encode(&widest.iter().collect())?.len();
    let mut plain = zeroize::Zeroizing::new(Vec::with_capacity(size.saturating_add(LENGTH)));
    let content = zeroize::Zeroizing::new(encode(&figures)?);
    plain.extend_from_slice(&(content.len() as u64).to_be_bytes());
    plain.extend_from_slice(&content);
    plain.resize(size.saturating_add(LENGTH), 0);
    seal(epoch, &[associated], &auditor.seal(associated, &plain)?)
}

/// Bytes of the length before the padded content.
const LENGTH: usize = 8;

/// Opens what [`seal_figures`] made.
///
/// # Errors
/// [`SealError::Forged`] for another key of either kind, another text or changed bytes.
pub fn open_figures(
    sealed: &[u8],
    auditor: &AuditorKey,
    epoch: &Secret,
    associated: &[u8],
) -> Result<Vec<JoinDiagnostics>, SealError> {
    let plain = auditor.open(associated, &open(epoch, &[associated], sealed)?)?;
    let (length, padded) = plain.split_first_chunk::<LENGTH>().ok_or(SealError::UnknownFormat)?;
    let length = usize::try_from(u64::from_be_bytes(*length)).map_err(|_| SealError::UnknownFormat)?;
    let content = padded.get(..length).ok_or(SealError::UnknownFormat)?;
    codec::decode(content).map_err(|_| SealError::UnknownFormat)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(number: u64) -> JoinDiagnostics {
        let one = |name: &str| vec![(name.to_owned(), number)];
        JoinDiagnostics {
            study: "demo".into(),
            recipient: "brand".into(),
            consents: one("live"),
            present: one("follows"),
            matched: number,
            cut: one("follows"),
            clamped: one("spend"),
            risks: vec![("all".into(), Risk::of(&[number, 0, 1], &[("tier".into(), 3)]))],
        }
    }

    #[test]
    fn both_keys_and_the_text_are_needed_and_the_size_shows_nothing() {
        let (auditor, epoch) = (AuditorKey::generate().unwrap(), Secret::new([3; 32]));
        let seal = |number| {
            seal_figures(&[Exact::new(figures(number))], &auditor.public(), &epoch, b"place").unwrap()
        };
        let sealed = seal(7);
        assert_eq!(open_figures(&sealed, &auditor, &epoch, b"place").unwrap(), [figures(7)]);
        assert_eq!([seal(0).len(), seal(1 << 40).len()], [sealed.len(); 2]);
        let other = AuditorKey::generate().unwrap();
        assert!(open_figures(&sealed, &other, &epoch, b"place").is_err());
        assert!(open_figures(&sealed, &auditor, &Secret::new([4; 32]), b"place").is_err());
        assert!(open_figures(&sealed, &auditor, &epoch, b"elsewhere").is_err());
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert!(open_figures(&changed, &auditor, &epoch, b"place").is_err(), "byte {place}");
        }
    }
}
