//! Forms of ids: one spelling for each id of a namespace, where the study declares one. Nothing is guessed.

use std::borrow::Cow;

use super::shape::{is_cn_mobile, is_id_card};
use super::suspicious_id::suspicious_id;
use crate::types::is_without_width;

/// How the ids of a namespace are spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// Not declared: byte for byte, and ids of one file that are unlike almost all its others are bad.
    #[default]
    #[serde(skip)]
    Undeclared,
    /// As they are, byte for byte and of any length.
    AsIs,
    /// Identity numbers of 18 characters with their check character (GB 11643); blanks are left out, `x` is written `X`.
    CnIdCard,
    /// Mainland mobile numbers of 11 digits; blanks, dashes and a leading `+86`, `0086` or `86` are left out.
    CnMobile,
    /// Text without blanks around it, in lower case where it is ASCII.
    LowerCase,
}

/// Why a row whose id does not fit is bad.
pub const MISFIT: &str = "not of the declared form";

impl Form {
    /// The one spelling of an id; `None` if it does not fit. Never longer than the id, and itself its own spelling.
    #[must_use]
    pub fn fit(self, id: &str) -> Option<Cow<'_, str>> {
        match self {
            Self::Undeclared | Self::AsIs => Some(Cow::Borrowed(id)),
            Self::CnIdCard => {
                let plain = plain(id, |_| false);
                let plain = if plain.contains('x') { Cow::Owned(plain.to_ascii_uppercase()) } else { plain };
                is_id_card(plain.as_bytes()).then_some(plain)
            }
            // A number below zero is no phone number written with dashes.
            Self::CnMobile if id.trim_start().starts_with('-') => None,
            Self::CnMobile => {
                let plain = plain(id, |letter| letter == '-');
                if is_cn_mobile(plain.as_bytes()) {
                    return Some(plain);
                }
                let countries = ["+86", "0086", "86"].into_iter();
                let mut locals = countries.filter_map(|country| plain.strip_prefix(country));
                let local = locals.find(|local| is_cn_mobile(local.as_bytes()));
                local.map(|local| Cow::Owned(local.to_owned()))
            }
            Self::LowerCase => {
                let trimmed = id.trim_matches(is_around);
                let is_lower = !trimmed.bytes().any(|byte| byte.is_ascii_uppercase());
                let lower =
                    if is_lower { Cow::Borrowed(trimmed) } else { trimmed.to_ascii_lowercase().into() };
                (!lower.is_empty()).then_some(lower)
            }
        }
    }

    /// The one spelling of an id that can meet the same id of another file.
    ///
    /// # Errors
    /// Why it cannot: that the text has no such form, or that it is no id.
    pub fn read(self, id: &str) -> Result<Cow<'_, str>, &'static str> {
        let fitted = self.fit(id).ok_or(MISFIT)?;
        suspicious_id(&fitted).map_or(Ok(fitted), Err)
    }

    /// Whether ids are compared byte for byte.
    #[must_use]
    pub const fn is_bytewise(self) -> bool {
        matches!(self, Self::Undeclared | Self::AsIs)
    }
}

/// One text for all spellings of an id under any [`Form`], for a place that must find an id again after its form was changed.
///
/// Ids that only some forms distinguish, such as `Ann` and `ann`, or a mobile number with and without `+86`, have the same text.
#[must_use]
pub fn of_every_form(id: &str) -> Cow<'_, str> {
    let lower = Form::LowerCase.fit(id).unwrap_or_default();
    let bare = lower.trim_start_matches(|letter: char| letter == '-' || is_around(letter));
    let number = Form::CnMobile.fit(bare).or_else(|| Form::CnIdCard.fit(bare)).map(Cow::into_owned);
    number.map_or(lower, Cow::Owned)
}

/// What may surround an id and is no part of it.
fn is_around(letter: char) -> bool {
    letter.is_whitespace() || letter.is_control() || is_without_width(letter)
}

/// A number of ASCII characters without what surrounds and parts them; full-width characters as their ASCII equivalents.
fn plain(text: &str, parts: impl Fn(char) -> bool) -> Cow<'_, str> {
    let narrow = |letter: char| match letter {
        // Full-width forms are in the order of ASCII.
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(letter) - 0xfee0).unwrap_or(letter),
        letter => letter,
    };
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Cow::Borrowed(text);
    }
    let left = text.chars().filter(|letter| !is_around(*letter)).map(narrow);
    Cow::Owned(left.filter(|letter| !parts(*letter)).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Promise: whichever form is declared, before and after, an id has the same text of every form.
        #[test]
        fn every_spelling_of_an_id_has_one_text_of_every_form(id in prop_oneof![
            "[\\t \u{feff}-]{0,2}(\\+86|0086|86|-|)[ -]?[1１]38[- ]?0000[ -]?[0-9]{4}[ \\r-]?",
            "[ -]?110105 ?19491231 ?002[xXＸｘ]\u{200b}?",
            "[ \\t]?[A-Za-z0-9ÄÉ.@-]{1,12} ?",
            "\\PC{0,8}",
        ]) {
            let forms =
                [Form::Undeclared, Form::AsIs, Form::CnIdCard, Form::CnMobile, Form::LowerCase];
            for form in forms {
                if let Some(spelled) = form.fit(&id) {
                    prop_assert_eq!(of_every_form(&spelled), of_every_form(&id), "{:?}: {:?}", form, id);
                }
            }
        }
    }

    #[test]
    fn every_spelling_of_an_id_is_one_and_others_do_not_fit() {
        let cases = [
            (Form::CnMobile, "13800000000", "13800000000"),
            (Form::CnMobile, "+86 138-0000-0000", "13800000000"),
            (Form::CnMobile, "0086 138 0000 0000", "13800000000"),
            (Form::CnMobile, "8613800000000", "13800000000"),
            (Form::CnMobile, " 138 0000 0000 ", "13800000000"),
            (Form::CnMobile, "13800000000\t", "13800000000"),
            (Form::CnMobile, "\u{feff}１3800000000\r", "13800000000"),
            (Form::CnIdCard, "11010519491231002x", "11010519491231002X"),
            (Form::CnIdCard, "110105 19491231 002X", "11010519491231002X"),
            (Form::CnIdCard, "11010519491231002Ｘ\u{200b}", "11010519491231002X"),
            (Form::LowerCase, " A.B@Example.COM\t", "a.b@example.com"),
            (Form::LowerCase, "ÄB", "Äb"),
            (Form::AsIs, " A ", " A "),
            (Form::Undeclared, " A ", " A "),
        ];
        for (form, id, expected) in cases {
            assert_eq!(form.fit(id).as_deref(), Some(expected), "{id}");
        }
        let misfits = [
            (Form::CnMobile, "1380000000"),
            (Form::CnMobile, "1.38E+10"),
            (Form::CnMobile, "13800000000.0"),
            (Form::CnMobile, "23800000000"),
            (Form::CnMobile, "+8+8613800000000"),
            (Form::CnMobile, "868613800000000"),
            (Form::CnMobile, ""),
            (Form::CnIdCard, "110105194912310021"),
            (Form::CnIdCard, "X1010519491231002X"),
            (Form::LowerCase, "  "),
        ];
        for (form, id) in misfits {
            assert_eq!(form.fit(id), None, "{id}");
        }
    }

    #[test]
    fn a_dash_after_a_mark_of_no_width_makes_no_other_text() {
        for id in ["\u{feff}-13800000000", "-13800000000", "+86 138-0000-0000"] {
            assert_eq!(of_every_form(id), "13800000000");
        }
        assert_eq!((of_every_form(" ANN\t"), of_every_form("ann")), ("ann".into(), "ann".into()));
    }

    #[test]
    fn a_form_that_defines_a_spelling_reads_it_and_any_other_is_suspicious() {
        assert_eq!(Form::CnMobile.read("13800000000\t").as_deref(), Ok("13800000000"));
        assert_eq!(Form::LowerCase.read(" Ann ").as_deref(), Ok("ann"));
        assert_eq!(Form::CnMobile.read("1.38E+10"), Err(MISFIT));
        for form in [Form::Undeclared, Form::AsIs] {
            assert!(form.read("13800000000\t").is_err());
        }
        assert!(Form::LowerCase.read("1.38E+10").is_err());
    }
}
