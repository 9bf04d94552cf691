//! The word of what happened, as consent tables of many programs write it.

use crate::types::folded_word;

/// What happened, as an event records it (PIPL Art. 14, 15, 44, 47, 49).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are the words of the consent table")]
pub enum Act {
    Given,
    Refused,
    Withdrawn,
    Revoked,
    Objected,
    Restricted,
    Hold,
    Deceased,
    Lifted,
}

/// Every spelling, in its folded form, of what happened; the first of each is the word of the consent table.
const SPELLINGS: [(Act, &[&str]); 9] = [
    (
        Act::Given,
        &[
            "given",
            "granted",
            "grant",
            "opt-in",
            "opted-in",
            "optin",
            "accepted",
            "accept",
            "consented",
            "\u{540c}\u{610f}",
            "\u{5df2}\u{540c}\u{610f}",
            "\u{6388}\u{6743}",
            "\u{5df2}\u{6388}\u{6743}",
            "dpv:consentgiven",
            "dpv:renewedconsentgiven",
        ],
    ),
    (
        Act::Refused,
        &[
            "refused",
            "refuse",
            "denied",
            "deny",
            "rejected",
            "reject",
            "declined",
            "decline",
            "not-given",
            "\u{62d2}\u{7edd}",
            "\u{5df2}\u{62d2}\u{7edd}",
            "\u{4e0d}\u{540c}\u{610f}",
            "dpv:consentrefused",
        ],
    ),
    (
        Act::Withdrawn,
        &[
            "withdrawn",
            "withdraw",
            "withdrew",
            "opt-out",
            "opted-out",
            "optout",
            "unsubscribed",
            "\u{64a4}\u{56de}",
            "\u{5df2}\u{64a4}\u{56de}",
            "\u{64a4}\u{56de}\u{540c}\u{610f}",
            "\u{53d6}\u{6d88}\u{6388}\u{6743}",
            "dpv:consentwithdrawn",
        ],
    ),
    (
        Act::Revoked,
        &["revoked", "revoke", "\u{64a4}\u{9500}", "\u{5df2}\u{64a4}\u{9500}", "dpv:consentrevoked"],
    ),
    (Act::Objected, &["objected", "object", "\u{53cd}\u{5bf9}", "cn-pipl:objected"]),
    (
        Act::Restricted,
        &[
            "restricted",
            "restrict",
            "\u{9650}\u{5236}",
            "\u{9650}\u{5236}\u{5904}\u{7406}",
            "cn-pipl:restricted",
        ],
    ),
    (Act::Hold, &["hold", "on-hold", "legal-hold", "\u{51bb}\u{7ed3}", "cn-pipl:hold"]),
    (
        Act::Deceased,
        &["deceased", "dead", "death", "\u{6b7b}\u{4ea1}", "\u{5df2}\u{6545}", "cn-pipl:deceased"],
    ),
    (Act::Lifted, &["lifted", "lift", "\u{89e3}\u{9664}", "cn-pipl:lifted"]),
];

impl Act {
    /// The act that a cell names; `None` for an unknown word.
    #[must_use]
    pub fn read(cell: &str) -> Option<Self> {
        let word = folded_word(cell);
        SPELLINGS.iter().find(|(_, spellings)| spellings.contains(&word.as_str())).map(|(act, _)| *act)
    }

    /// The word of the consent table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        let spellings = SPELLINGS.iter().find(|(act, _)| *act == self).map(|(_, spellings)| spellings);
        spellings.and_then(|spellings| spellings.first()).copied().unwrap_or_default()
    }

    /// Every spelling of every event, in its folded form; the first of each is the word of the consent table.
    pub fn spellings() -> impl Iterator<Item = (Self, &'static [&'static str])> {
        SPELLINGS.into_iter()
    }

    /// Whether it speaks against a use: everything but a consent and the end of a block.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        !matches!(self, Self::Given | Self::Lifted)
    }
}

/// The items of a list cell: between bars, commas, semicolons, or their full-width forms. Blank items are none.
pub fn items(cell: &str) -> impl Iterator<Item = &str> {
    let separators = ['|', ',', ';', '\u{ff5c}', '\u{ff0c}', '\u{ff1b}', '\u{3001}'];
    cell.split(separators).map(str::trim).filter(|item| !folded_word(item).is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_folded_and_means_one_act() {
        for (act, spellings) in SPELLINGS {
            for spelling in spellings {
                assert_eq!(folded_word(spelling), **spelling);
                assert_eq!(Act::read(spelling), Some(act), "{spelling}");
            }
            assert_eq!(Act::read(act.as_str()), Some(act));
        }
        for (cell, act) in
            [("OPT_OUT", Act::Withdrawn), (" Granted\t", Act::Given), ("Opted Out", Act::Withdrawn)]
        {
            assert_eq!(Act::read(cell), Some(act), "{cell}");
        }
        for cell in ["", "given|withdrawn", "givn", "pending", "unknown"] {
            assert_eq!(Act::read(cell), None, "{cell}");
        }
    }

    #[test]
    fn lists_are_separated_by_any_of_the_marks() {
        for cell in ["a|b", "a, b", "a;b;", "a｜b", "，a、b"] {
            assert_eq!(items(cell).collect::<Vec<_>>(), ["a", "b"], "{cell}");
        }
        assert_eq!(items(" | ,").count(), 0);
    }
}
