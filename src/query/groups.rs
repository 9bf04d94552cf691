//! Which cells of a cube go into which group of an answer: from the query and the vocabulary alone.
//!
//! Cells of a set with six tags are some ten thousand, so nothing is looked up cell by cell: what the code of one tag decides is
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

    /// For every cell whether its people pass.
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

    /// Every cell that passes, in order, with its group; `by` are the positions of the tags grouped by.
    pub(super) fn groups(&self, by: &[usize], condition: Option<&Condition>) -> Vec<(u32, u32)> {
        let parts = match condition {
            Some(Condition::All(parts)) => parts.as_slice(),
            other => other.map_or(&[][..], std::slice::from_ref),
        };
        // What a group counts on for each code of a tag; the last tag grouped by counts fastest, in whatever order the set has them.
        let weight = |position: usize| -> usize {
            let after = by.iter().skip_while(|member| **member != position).skip(1);
            let size: usize = after.filter_map(|member| self.sizes.get(*member)).product();
            if by.contains(&position) { size } else { 0 }
        };
        // Conditions on single tags leave out whole slices, which are not read.
        let (mut chosen, mut stride) = (vec![(0, 0)], 1);
        for (position, (tag, size)) in self.tags.iter().zip(&self.sizes).enumerate().rev() {
            let weight = weight(position);
            let passes = |code: usize| {
                parts.iter().all(|part| match part {
                    Condition::In { tag: of, codes } if of == tag => codes.contains(&code),
                    _ => true,
                })
            };
            let mut more = Vec::with_capacity(chosen.len() * size);
            for code in (0..*size).filter(|code| passes(*code)) {
                let cell = small(code * stride);
                let group = small(code * weight);
                more.extend(
                    chosen
                        .iter()
                        .map(|(c, g): &(u32, u32)| (c.saturating_add(cell), g.saturating_add(group))),
                );
            }
            chosen = more;
            stride *= size;
        }
        for part in parts.iter().filter(|part| !matches!(part, Condition::In { .. })) {
            let passing = self.passing(part);
            chosen.retain(|(cell, _)| passing.get(*cell as usize) == Some(&true));
        }
        chosen
    }
}

/// INVARIANT: `max_cells` keeps the product of all sizes far below 2^32. Were it not so, what has no place counts nowhere.
fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn is_in(tag: usize, codes: &[usize]) -> Condition {
        Condition::In { tag, codes: codes.iter().copied().collect() }
    }

    fn holds(condition: &Condition, tags: &[usize], codes: &[usize]) -> bool {
        match condition {
            Condition::In { tag, codes: wanted } => {
                tags.iter().zip(codes).any(|(of, code)| of == tag && wanted.contains(code))
            }
            Condition::All(parts) => parts.iter().all(|part| holds(part, tags, codes)),
            Condition::Any(parts) => parts.iter().any(|part| holds(part, tags, codes)),
        }
    }

    #[test]
    fn cells_are_chosen_and_grouped_as_one_by_one_in_any_order_of_tags() {
        let (tags, sizes) = ([7, 2, 5, 0], [3, 4, 2, 5]);
        let of_set = Cells::new(tags.to_vec(), sizes.to_vec());
        let conditions = [
            is_in(2, &[1, 3]),
            Condition::All(vec![is_in(7, &[0, 2]), is_in(0, &[4])]),
            Condition::Any(vec![is_in(7, &[1]), is_in(5, &[0])]),
            Condition::All(vec![
                is_in(2, &[0, 1]),
                Condition::Any(vec![is_in(0, &[1, 2]), Condition::All(vec![is_in(5, &[1]), is_in(7, &[2])])]),
            ]),
        ];
        for by in [&[][..], &[0], &[3, 1], &[1, 3], &[2, 0, 3], &[3, 2, 1, 0]] {
            for condition in conditions.iter().map(Some).chain([None]) {
                let mut wanted = Vec::new();
                for cell in 0..sizes.iter().product() {
                    let codes = [cell / 40, cell / 10 % 4, cell / 5 % 2, cell % 5];
                    if condition.is_none_or(|condition| holds(condition, &tags, &codes)) {
                        let group = by.iter().fold(0, |group, at| group * sizes[*at] + codes[*at]);
                        wanted.push((small(cell), small(group)));
                    }
                }
                assert_eq!(of_set.groups(by, condition), wanted, "{by:?} {condition:?}");
                let groups: BTreeSet<u32> = wanted.iter().map(|(_, group)| *group).collect();
                assert!(
                    condition.is_some() || groups.len() == by.iter().map(|at| sizes[*at]).product::<usize>()
                );
            }
        }
    }
}
