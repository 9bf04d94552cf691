//! Which cells of a cube go into which group of an answer: from the question and the vocabulary alone.
//!
//! Cells of a set with six tags are some ten thousand, so nothing is looked up cell by cell: what the code of one tag says is
//! laid out for all cells at once, and the tags are put together.

use super::Condition;

/// The cells of a tag set: its tags, by their positions in the catalogue, and the sizes of their vocabularies; the code of the
/// last one counts fastest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cells {
    tags: Vec<usize>,
    sizes: Vec<usize>,
}

impl Cells {
    pub(super) fn new(tags: Vec<usize>, sizes: Vec<usize>) -> Self {
        Self { tags, sizes }
    }

    /// For every cell the sum of what the code of each tag adds.
    fn sums(&self, adds: impl Fn(usize, usize) -> u32) -> Vec<u32> {
        let mut all = vec![0];
        for (tag, size) in self.sizes.iter().enumerate().rev() {
            let mut more: Vec<u32> = Vec::with_capacity(all.len() * size);
            for code in 0..*size {
                let add = adds(tag, code);
                more.extend(all.iter().map(|sum: &u32| sum.saturating_add(add)));
            }
            all = more;
        }
        all
    }

    /// For every cell whether somebody there passes.
    fn passing(&self, condition: &Condition) -> Vec<bool> {
        let together = |parts: &[Condition], start: bool, join: fn(bool, bool) -> bool| {
            let mut all = vec![start; self.sizes.iter().product()];
            for part in parts {
                all.iter_mut().zip(self.passing(part)).for_each(|(all, part)| *all = join(*all, part));
            }
            all
        };
        match condition {
            Condition::In { tag, codes } => {
                let position = self.tags.iter().position(|member| member == tag).unwrap_or(self.tags.len());
                let (outer, inner) = self.sizes.split_at(position.min(self.sizes.len()));
                let (size, inner) = inner.split_first().unwrap_or((&1, &[]));
                let run = inner.iter().product();
                let period = (0..*size).flat_map(|code| std::iter::repeat_n(codes.contains(&code), run));
                period.collect::<Vec<bool>>().repeat(outer.iter().product())
            }
            Condition::All(parts) => together(parts, true, |all, part| all & part),
            Condition::Any(parts) => together(parts, false, |any, part| any | part),
        }
    }

    /// For every cell its group, or `None` where the filter leaves it out; `by` are the positions of the tags grouped by.
    pub(super) fn groups(&self, by: &[usize], condition: Option<&Condition>) -> Vec<Option<u32>> {
        // INVARIANT: `max_cells` keeps the product of all sizes far below 2^32. Were it not so, what has no place counts nowhere.
        let weight = |tag: usize| -> usize {
            let after = by.iter().skip_while(|member| **member != tag).skip(1);
            after.filter_map(|member| self.sizes.get(*member)).product()
        };
        let weights: Vec<usize> =
            (0..self.sizes.len()).map(|tag| if by.contains(&tag) { weight(tag) } else { 0 }).collect();
        let adds = |tag: usize, code: usize| {
            weights.get(tag).map_or(0, |weight| u32::try_from(weight * code).unwrap_or(u32::MAX))
        };
        let groups = self.sums(adds).into_iter();
        match condition {
            None => groups.map(Some).collect(),
            Some(condition) => {
                groups.zip(self.passing(condition)).map(|(group, passes)| passes.then_some(group)).collect()
            }
        }
    }
}
