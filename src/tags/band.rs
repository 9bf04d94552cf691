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

/// The lower bound of a band: an exact fraction in lowest terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    numerator: i64,
    /// 1 to a thousand million.
    denominator: u32,
}

impl Bound {
    /// The largest denominator.
    pub const MOST_DENOMINATOR: u32 = 1_000_000_000;

    /// The fraction `numerator / denominator`.
    ///
    /// # Errors
    /// [`TagError::InvalidBound`] unless the denominator is between 1 and 1000000000.
    pub fn new(numerator: i64, denominator: u32) -> Result<Self, TagError> {
        let invalid = || TagError::InvalidBound { text: format!("{numerator}/{denominator}") };
        if !(1..=Self::MOST_DENOMINATOR).contains(&denominator) {
            return Err(invalid());
        }
        let (mut a, mut b) = (numerator.unsigned_abs(), u64::from(denominator));
        while b != 0 {
            (a, b) = (b, a % b);
        }
        let numerator = i64::try_from(a).ok().and_then(|common| numerator.checked_div(common));
        let denominator = u32::try_from(a).ok().and_then(|common| denominator.checked_div(common));
        numerator
            .zip(denominator)
            .map(|(numerator, denominator)| Self { numerator, denominator })
            .ok_or_else(invalid)
    }

    /// Parses `7`, `-7` or `1/3`.
    ///
    /// # Errors
    /// [`TagError::InvalidBound`]
    pub fn parse(text: &str) -> Result<Self, TagError> {
        let invalid = || TagError::InvalidBound { text: text.chars().take(80).collect() };
        let (numerator, denominator) = text.split_once('/').unwrap_or((text, "1"));
        let parsed = numerator.trim().parse().ok().zip(denominator.trim().parse().ok());
        let (numerator, denominator) = parsed.ok_or_else(invalid)?;
        Self::new(numerator, denominator).map_err(|_| invalid())
    }

    /// The largest whole number that is not above it.
    #[must_use]
    pub const fn floor(self) -> i64 {
        self.numerator.div_euclid(self.denominator as i64)
    }

    /// Whether it is above a whole number.
    #[must_use]
    pub fn is_above(self, value: i64) -> bool {
        !self.reached_by(i128::from(value), 1)
    }

    /// Whether `sum / count` is at least the bound; `count` is positive, and the mean is at most 2^62 away from zero.
    fn reached_by(self, sum: i128, count: u32) -> bool {
        // Below 2^63 * 2^32 and 2^62 * 2^32 * 2^30.
        i128::from(self.numerator) * i128::from(count) <= sum * i128::from(self.denominator)
    }
}

impl From<i64> for Bound {
    fn from(numerator: i64) -> Self {
        Self { numerator, denominator: 1 }
    }
}

impl PartialOrd for Bound {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Bound {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let (own, others) = (i128::from(self.denominator), i128::from(other.denominator));
        (i128::from(self.numerator) * others).cmp(&(i128::from(other.numerator) * own))
    }
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.denominator {
            1 => write!(f, "{}", self.numerator),
            denominator => write!(f, "{}/{denominator}", self.numerator),
        }
    }
}

/// Labelled classes of an ordered value, each from its lower bound up to the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bands {
    /// Lower bounds, ascending, all different; `labels` is parallel.
    bounds: Vec<Bound>,
    labels: Vec<Label>,
}

impl Bands {
    /// Sorts the bands by their lower bounds.
    ///
    /// # Errors
    /// [`TagError`] for no bands, invalid or repeated labels, and equal bounds.
    pub fn new<B: Into<Bound>>(bands: impl IntoIterator<Item = (String, B)>) -> Result<Self, TagError> {
        let mut bands = bands
            .into_iter()
            .map(|(label, bound)| Label::new(&label).map(|label| (bound.into(), label)))
            .collect::<Result<Vec<(Bound, Label)>, _>>()?;
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
    pub fn lowest(&self) -> Bound {
        self.bounds.first().copied().unwrap_or(Bound::from(i64::MIN))
    }

    /// The band of an integer value; a value below all bounds counts to the lowest.
    #[must_use]
    pub fn code(&self, value: i64) -> usize {
        self.code_of_fraction(i128::from(value), 1)
    }

    /// The band of the fraction `sum / count`, compared exactly; `count` is positive, the fraction inside a clamp.
    #[must_use]
    pub fn code_of_fraction(&self, sum: i128, count: u32) -> usize {
        self.bounds.partition_point(|bound| bound.reached_by(sum, count)).saturating_sub(1)
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
    fn bounds_are_exact_fractions() {
        let tiers = Bands::new(
            [("none", "0"), ("some", "1/1000000"), ("fifth", "2/10"), ("all", "100")]
                .map(|(label, bound)| (label.to_owned(), Bound::parse(bound).unwrap())),
        )
        .unwrap();
        assert_eq!(
            [(0, 7), (1, 1_000_000), (1, 1_000_001), (1, 5), (199, 1_000)]
                .map(|(a, b)| tiers.code_of_fraction(a, b)),
            [0, 1, 0, 2, 1]
        );
        assert_eq!(tiers.code_of_fraction(i128::from(u32::MAX) << 62, u32::MAX), 3);
        assert!(Bound::parse("1/3").unwrap() > Bound::parse("333333333/1000000000").unwrap());
        assert_eq!(Bound::parse("-6/4").unwrap().to_string(), "-3/2");
        assert_eq!(
            (Bound::parse("-3/2").unwrap().floor(), Bound::parse("0/9").unwrap()),
            (-2, Bound::from(0))
        );
        assert_eq!(Bound::new(i64::MIN, 1).unwrap().floor(), i64::MIN);
        for text in ["1/0", "1/-2", "0.5", "", "/", "1/2/3", "1/2000000000", "99999999999999999999"] {
            assert!(matches!(Bound::parse(text), Err(TagError::InvalidBound { .. })), "{text}");
        }
        let same = [("a", "1/2"), ("b", "2/4")].map(|(l, b)| (l.to_owned(), Bound::parse(b).unwrap()));
        assert!(matches!(Bands::new(same), Err(TagError::EqualBounds { .. })));
    }

    #[test]
    fn equal_bounds_and_bad_labels_are_refused() {
        assert!(matches!(bands(&[("a", 1), ("b", 1)]), Err(TagError::EqualBounds { .. })));
        assert!(matches!(bands(&[("it's", 1)]), Err(TagError::InvalidLabel { .. })));
        assert!(matches!(bands(&[]), Err(TagError::LabelCount { count: 0 })));
    }
}
