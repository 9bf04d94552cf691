//! How well people hide among each other in a table of labels: k, unique people, l, t, against the thresholds of
//! GB/T 42460-2023, annex D. A report for the auditor; nothing is changed by it.

use bincode::{Decode, Encode};
use serde::Serialize;

/// The class sizes of GB/T 42460-2023 under which a person can be singled out: in an enclave, where sharing is controlled,
/// and in public.
pub const CLASS_SIZES: [u64; 3] = [3, 5, 20];

/// Class sizes of a table in which every person has one label of each tag. Every tag counts as something that an
/// attacker may know: people with the same labels are one class.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct Risk {
    /// People in the table.
    pub people: u64,
    /// Classes that are not empty.
    pub classes: u64,
    /// k: the people of the smallest class; 0 without people.
    pub k: u64,
    /// People who are alone in their class.
    pub unique: u64,
    /// People in classes smaller than 3, 5 and 20.
    pub in_small_classes: [u64; 3],
    /// Tag by tag.
    pub tags: Vec<TagRisk>,
}

/// What one tag shows about people whose other labels are known, and what it costs that it is there.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
pub struct TagRisk {
    /// The tag.
    pub tag: String,
    /// l: the fewest different labels of it among people with the same other labels; 0 without people.
    pub l: u64,
    /// t, in thousandths, rounded up: how far its distribution among people with the same other labels is from that among
    /// all, as total variation. The distance for ordered bands is never larger.
    pub t_thousandths: u64,
    /// k without this tag, which is the most that coarser labels of it can do.
    pub k_without: u64,
    /// People in classes smaller than 3, 5 and 20 without this tag.
    pub in_small_classes_without: [u64; 3],
}

/// How a table is shared, in the order of `CLASS_SIZES`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// Inside an enclave.
    Enclave,
    /// With known recipients under contract.
    Controlled,
    /// With all people.
    Public,
}

impl Sharing {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Enclave, Self::Controlled, Self::Public];

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enclave => "enclave",
            Self::Controlled => "controlled",
            Self::Public => "public",
        }
    }
}

impl Risk {
    /// The risk of a table, from the number of people with each combination of labels: `people` holds one number for each,
    /// the last tag varying fastest; `tags` names each tag with its number of labels.
    #[must_use]
    pub fn of(people: &[u64], tags: &[(String, usize)]) -> Self {
        let all = Classes::of(people.iter().copied());
        let mut inner: usize = people.len();
        let tags = tags.iter().map(|(tag, labels)| {
            // People with the same other labels are every `inner`-th number of a block.
            inner /= (*labels).max(1);
            tag_risk(tag, people, *labels, inner.max(1))
        });
        let tags = tags.collect();
        Self {
            people: all.people,
            classes: all.classes,
            k: all.smallest,
            unique: all.unique,
            in_small_classes: all.small,
            tags,
        }
    }

    /// The risk of the data in parts per million, rounded up: GB/T 42460-2023, annex D. One class below the size for this
    /// sharing makes it 1; else it is that of the smallest class in public, and the mean over people elsewhere.
    #[must_use]
    pub fn data_risk(&self, sharing: Sharing) -> u64 {
        const WHOLE: u64 = 1_000_000;
        let small = self.in_small_classes.get(sharing as usize).copied().unwrap_or(u64::MAX);
        match sharing {
            _ if self.people == 0 => 0,
            _ if small > 0 => WHOLE,
            Sharing::Public => WHOLE.div_ceil(self.k.max(1)),
            // The mean of 1 / size over people is the number of classes over the number of people.
            Sharing::Enclave | Sharing::Controlled => {
                let mean = (u128::from(self.classes) * u128::from(WHOLE)).div_ceil(u128::from(self.people));
                u64::try_from(mean).unwrap_or(WHOLE)
            }
        }
    }

    /// The level of identifiability of GB/T 42460-2023, chapter 4: 3 where the risk of the data alone is at most 0.05, the
    /// overall risk that annex D suggests, else 2. Direct identifiers (level 1) are never among tags, and labels of people
    /// are never nothing at all (level 4).
    #[must_use]
    pub fn level(&self, sharing: Sharing) -> u8 {
        if self.data_risk(sharing) <= 50_000 { 3 } else { 2 }
    }

    /// The tag without which the fewest people are in classes smaller than 20: what to coarsen first.
    #[must_use]
    pub fn worst_tag(&self) -> Option<&TagRisk> {
        self.tags.iter().min_by_key(|tag| tag.in_small_classes_without.last().copied())
    }
}

/// Sizes of classes, added up.
#[derive(Default)]
struct Classes {
    people: u64,
    classes: u64,
    smallest: u64,
    unique: u64,
    small: [u64; 3],
}

impl Classes {
    fn of(sizes: impl Iterator<Item = u64>) -> Self {
        let mut all = Self::default();
        for size in sizes.filter(|size| *size > 0) {
            all.people += size;
            all.smallest = if all.classes == 0 { size } else { all.smallest.min(size) };
            all.classes += 1;
            all.unique += u64::from(size == 1);
            for (small, bound) in all.small.iter_mut().zip(CLASS_SIZES) {
                *small += if size < bound { size } else { 0 };
            }
        }
        all
    }
}

/// The numbers of people with each label of a tag, for every combination of the other labels.
fn by_others(people: &[u64], labels: usize, inner: usize) -> impl Iterator<Item = impl Iterator<Item = u64>> {
    let blocks = people.chunks(labels.saturating_mul(inner).max(1));
    blocks.flat_map(move |block| (0..inner).map(move |from| block.iter().skip(from).step_by(inner).copied()))
}

fn tag_risk(tag: &str, people: &[u64], labels: usize, inner: usize) -> TagRisk {
    let mut overall = vec![0u64; labels];
    for class in by_others(people, labels, inner) {
        overall.iter_mut().zip(class).for_each(|(all, count)| *all += count);
    }
    let all_people: u64 = overall.iter().sum();
    let without = Classes::of(by_others(people, labels, inner).map(Iterator::sum));
    let (mut l, mut t) = (None::<u64>, 0u64);
    for class in by_others(people, labels, inner) {
        let class: Vec<u64> = class.collect();
        let size: u64 = class.iter().sum();
        // Computed for empty classes, too: which classes are empty depends on who is in.
        let different = class.iter().filter(|count| **count > 0).count() as u64;
        let apart = distance((&class, size), (&overall, all_people));
        if size > 0 {
            l = Some(l.map_or(different, |l| l.min(different)));
            t = t.max(apart);
        }
    }
    TagRisk {
        tag: tag.to_owned(),
        l: l.unwrap_or(0),
        t_thousandths: t,
        k_without: without.smallest,
        in_small_classes_without: without.small,
    }
}

/// Half the sum of |p - q| in thousandths, rounded up; exact, as fewer than 2^48 people are in both.
fn distance((class, size): (&[u64], u64), (overall, all_people): (&[u64], u64)) -> u64 {
    let both = u128::from(size) * u128::from(all_people);
    let apart: u128 = class
        .iter()
        .zip(overall)
        .map(|(in_class, in_all)| {
            (u128::from(*in_class) * u128::from(all_people)).abs_diff(u128::from(*in_all) * u128::from(size))
        })
        .sum();
    u64::try_from((apart * 500).div_ceil(both.max(1))).unwrap_or(1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    /// A person's labels.
    type Labels = (usize, usize, usize);

    /// The same by maps over people.
    fn slow(people: &[Labels], tags: &[(String, usize)]) -> Risk {
        let sizes = |key: &dyn Fn(&Labels) -> Vec<usize>| {
            let mut sizes: BTreeMap<Vec<usize>, Vec<Labels>> = BTreeMap::new();
            people.iter().for_each(|person| sizes.entry(key(person)).or_default().push(*person));
            sizes
        };
        let label = |person: &Labels, tag: usize| [person.0, person.1, person.2][tag];
        let all = sizes(&|p| vec![p.0, p.1, p.2]);
        let small = |sizes: &BTreeMap<Vec<usize>, Vec<Labels>>| {
            CLASS_SIZES.map(|bound| {
                sizes.values().map(Vec::len).filter(|n| (*n as u64) < bound).sum::<usize>() as u64
            })
        };
        let tags = tags.iter().enumerate().map(|(tag, (name, labels))| {
            let others =
                sizes(&|p| (0..3).filter(|other| *other != tag).map(|other| label(p, other)).collect());
            let share = |people: &[Labels], wanted: usize| {
                people.iter().filter(|p| label(p, tag) == wanted).count() as f64 / people.len() as f64
            };
            let t = others.values().map(|class| {
                (0..*labels).map(|l| (share(class, l) - share(people, l)).abs()).sum::<f64>() / 2.0
            });
            let t = t.fold(0.0, f64::max);
            let l = others
                .values()
                .map(|class| class.iter().map(|p| label(p, tag)).collect::<BTreeSet<_>>().len() as u64);
            TagRisk {
                tag: name.clone(),
                l: l.min().unwrap_or(0),
                t_thousandths: (0..=1000u32)
                    .find(|n| f64::from(*n) >= t * 1000.0 - 1e-9)
                    .map_or(1000, u64::from),
                k_without: others.values().map(Vec::len).min().unwrap_or(0) as u64,
                in_small_classes_without: small(&others),
            }
        });
        Risk {
            people: people.len() as u64,
            classes: all.len() as u64,
            k: all.values().map(Vec::len).min().unwrap_or(0) as u64,
            unique: all.values().filter(|class| class.len() == 1).count() as u64,
            in_small_classes: small(&all),
            tags: tags.collect(),
        }
    }

    proptest! {
        #[test]
        fn numbers_are_those_of_maps_over_people(
            people in proptest::collection::vec((0..2usize, 0..3usize, 0..4usize), 0..80),
        ) {
            let tags = [("a".to_owned(), 2), ("b".to_owned(), 3), ("c".to_owned(), 4)];
            let mut cells = vec![0; 24];
            people.iter().for_each(|(a, b, c)| cells[(a * 3 + b) * 4 + c] += 1);
            prop_assert_eq!(Risk::of(&cells, &tags), slow(&people, &tags));
        }
    }

    #[test]
    fn levels_follow_the_thresholds() {
        let of = |sizes: &[u64]| Risk::of(sizes, &[("a".into(), sizes.len())]);
        let levels = |sizes: &[u64]| Sharing::ALL.map(|sharing| of(sizes).level(sharing));
        assert_eq!(levels(&[20, 20]), [3, 3, 3]);
        assert_eq!(levels(&[19, 400]), [3, 3, 2]);
        assert_eq!(levels(&[4, 400]), [3, 2, 2]);
        assert_eq!(levels(&[2, 400]), [2, 2, 2]);
        assert_eq!(levels(&[5, 5]), [2, 2, 2], "a mean risk of 1/5 is above 0.05");
        assert_eq!(of(&[20, 0, 21]).data_risk(Sharing::Public), 50_000);
        assert_eq!(of(&[]).data_risk(Sharing::Public), 0);
    }
}
