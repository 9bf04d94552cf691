//! Forms of ids: one spelling for each id of a namespace, where the study declares one. Nothing is guessed.

use std::borrow::Cow;

use super::shape::{is_cn_mobile, is_id_card};

/// How the ids of a namespace are spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// As they are, byte for byte.
    #[default]
    AsIs,
    /// Identity numbers of 18 characters with their check character (GB 11643); spaces are left out, `x` is written `X`.
    CnIdCard,
    /// Mainland mobile numbers of 11 digits; spaces, dashes and a leading `+86` or `0086` are left out.
    CnMobile,
    /// Text without spaces around it, in lower case where it is ASCII.
    LowerCase,
}

/// Why a row whose id does not fit is bad.
pub const MISFIT: &str = "not of the declared form";

impl Form {
    /// The one spelling of an id; `None` if it does not fit. Never longer than the id, and itself its own spelling.
    #[must_use]
    pub fn fit(self, id: &str) -> Option<Cow<'_, str>> {
        match self {
            Self::AsIs => Some(Cow::Borrowed(id)),
            Self::CnIdCard => {
                let plain = without(id, &[' ']);
                let plain = if plain.contains('x') { Cow::Owned(plain.to_ascii_uppercase()) } else { plain };
                is_id_card(plain.as_bytes()).then_some(plain)
            }
            Self::CnMobile => {
                let plain = without(id, &[' ', '-']);
                if is_cn_mobile(plain.as_bytes()) {
                    return Some(plain);
                }
                let local = ["+86", "0086"].into_iter().find_map(|country| plain.strip_prefix(country))?;
                is_cn_mobile(local.as_bytes()).then(|| Cow::Owned(local.to_owned()))
            }
            Self::LowerCase => {
                let trimmed = id.trim_matches(' ');
                let is_lower = !trimmed.bytes().any(|byte| byte.is_ascii_uppercase());
                let lower =
                    if is_lower { Cow::Borrowed(trimmed) } else { trimmed.to_ascii_lowercase().into() };
                (!lower.is_empty()).then_some(lower)
            }
        }
    }
}

fn without<'a>(text: &'a str, left_out: &[char]) -> Cow<'a, str> {
    if text.contains(left_out) { Cow::Owned(text.replace(left_out, "")) } else { Cow::Borrowed(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_an_id_is_one_and_others_do_not_fit() {
        let cases = [
            (Form::CnMobile, "13800000000", "13800000000"),
            (Form::CnMobile, "+86 138-0000-0000", "13800000000"),
            (Form::CnMobile, "0086 138 0000 0000", "13800000000"),
            (Form::CnMobile, " 138 0000 0000 ", "13800000000"),
            (Form::CnIdCard, "11010519491231002x", "11010519491231002X"),
            (Form::CnIdCard, "110105 19491231 002X", "11010519491231002X"),
            (Form::LowerCase, " A.B@Example.COM ", "a.b@example.com"),
            (Form::LowerCase, "ÄB", "Äb"),
            (Form::AsIs, " A ", " A "),
        ];
        for (form, id, expected) in cases {
            assert_eq!(form.fit(id).as_deref(), Some(expected), "{id}");
        }
        let misfits = [
            (Form::CnMobile, "8613800000000"),
            (Form::CnMobile, "1380000000"),
            (Form::CnMobile, "23800000000"),
            (Form::CnMobile, "+8+8613800000000"),
            (Form::CnMobile, "１3800000000"),
            (Form::CnMobile, ""),
            (Form::CnIdCard, "110105194912310021"),
            (Form::CnIdCard, "X1010519491231002X"),
            (Form::LowerCase, "  "),
        ];
        for (form, id) in misfits {
            assert_eq!(form.fit(id), None, "{id}");
        }
    }
}
