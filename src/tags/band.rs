//! Bands: declared lower bounds that cut a measure into labelled, closed classes.

use super::TagError;

/// The most labels a single tag may have.
pub const MAX_LABELS: usize = 4096;

/// One word of a closed vocabulary: 1 to 64 characters, no control characters and no quotes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label(String);

impl Label {
    /// Parses a label.
    ///
    /// # Errors
    /// [`TagError::InvalidLabel`]
    pub fn new(text: &str) -> Result<Self, TagError> {
        let count = text.chars().take(65).count();
        let typeable = text.chars().all(|c| !c.is_control() && !matches!(c, '\'' | '"' | '`'));
        if (1..=64).contains(&count) && typeable && text.trim() == text {
            Ok(Self(text.to_owned()))
        } else {
            Err(TagError::InvalidLabel { label: text.chars().filter(|c| !c.is_control()).take(64).collect() })
        }
    }

    /// The label as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Label {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Labelled classes of an ordered value, each from its lower bound up to the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bands {
    /// Lower bounds, ascending, all different; `labels` is parallel.
    bounds: Vec<i64>,
    labels: Vec<Label>,
}

impl Bands {
    /// Sorts the bands by their lower bounds.
    ///
    /// # Errors
    /// [`TagError`] for no bands, invalid or repeated labels, and equal bounds.
    pub fn new(bands: impl IntoIterator<Item = (String, i64)>) -> Result<Self, TagError> {
        let mut bands = bands
            .into_iter()
            .map(|(label, bound)| Label::new(&label).map(|label| (bound, label)))
            .collect::<Result<Vec<_>, _>>()?;
        bands.sort();
        if bands.is_empty() || bands.len() >= MAX_LABELS {
            return Err(TagError::LabelCount { count: bands.len() });
        }
        for pair in bands.windows(2) {
            if let [(low, first), (high, second)] = pair
                && low == high
            {
                let (first, second) = (first.to_string(), second.to_string());
                return Err(TagError::EqualBounds { first, second, bound: *low });
            }
        }
        let (bounds, labels) = bands.into_iter().unzip();
        Ok(Self { bounds, labels })
    }

    /// The labels from the lowest band to the highest.
    #[must_use]
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// Where the lowest band starts.
    #[must_use]
    pub fn lowest(&self) -> i64 {
        self.bounds.first().copied().unwrap_or(i64::MIN)
    }

    /// The band of an integer value; a value below all bounds counts to the lowest.
    #[must_use]
    pub fn code(&self, value: i64) -> usize {
        self.bounds.partition_point(|bound| *bound <= value).saturating_sub(1)
    }

    /// The band of the fraction `sum / count`, compared exactly; `count` is positive.
    #[must_use]
    pub fn code_of_fraction(&self, sum: i128, count: u32) -> usize {
        let reached = |bound: &i64| i128::from(*bound) * i128::from(count) <= sum;
        self.bounds.partition_point(reached).saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bands(list: &[(&str, i64)]) -> Result<Bands, TagError> {
        Bands::new(list.iter().map(|(label, bound)| ((*label).to_owned(), *bound)))
    }

    #[test]
    fn order_comes_from_the_bounds_and_edges_belong_to_the_upper_band() {
        let tiers = bands(&[("top", 300), ("none", 0), ("low", 1)]).unwrap();
        let labels: Vec<_> = tiers.labels().iter().map(Label::as_str).collect();
        assert_eq!(labels, ["none", "low", "top"]);
        assert_eq!([0, 1, 299, 300, -5].map(|v| tiers.code(v)), [0, 1, 1, 2, 0]);
        // 599/2 = 299.5 is below 300; 600/2 reaches it.
        assert_eq!(tiers.code_of_fraction(599, 2), 1);
        assert_eq!(tiers.code_of_fraction(600, 2), 2);
    }

    #[test]
    fn equal_bounds_and_bad_labels_are_refused() {
        assert!(matches!(bands(&[("a", 1), ("b", 1)]), Err(TagError::EqualBounds { bound: 1, .. })));
        assert!(matches!(bands(&[("it's", 1)]), Err(TagError::InvalidLabel { .. })));
        assert!(matches!(bands(&[]), Err(TagError::LabelCount { count: 0 })));
    }
}
