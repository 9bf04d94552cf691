//! How words of files are compared: the spelling of a program or a keyboard does not make another word.

use unicode_normalization::UnicodeNormalization as _;

/// The form of a word under which two spellings are the same word.
///
/// Compatibility characters become their equivalents (NFKC), letters become lower case, characters of no width vanish, white
/// space and control characters around the word vanish, and `_` and white space inside it become `-`. An empty text is a blank cell.
///
/// Source: Unicode Standard Annex #15 (NFKC); Unicode Standard Annex #44, property `White_Space`.
///
/// ```
/// use hushtag::types::folded_word;
/// assert_eq!(folded_word(" Campaign_Measurement\u{200b}\t"), "campaign-measurement");
/// assert_eq!(folded_word("\u{3000}"), "");
/// ```
#[must_use]
pub fn folded_word(text: &str) -> String {
    if text.is_ascii() {
        let kept = text.trim_matches(|letter: char| letter.is_whitespace() || letter.is_control());
        let dashed = |letter: char| if letter == '_' || letter.is_whitespace() { '-' } else { letter };
        return kept.chars().map(|letter| dashed(letter.to_ascii_lowercase())).collect();
    }
    let kept = text.nfkc().flat_map(char::to_lowercase).filter(|letter| !is_without_width(*letter));
    let kept: String = kept.collect();
    let kept = kept.trim_matches(|letter: char| letter.is_whitespace() || letter.is_control());
    let dashed = |letter: char| if letter == '_' || letter.is_whitespace() { '-' } else { letter };
    // Lower-casing can undo NFKC, so the form is taken once more.
    kept.chars().map(dashed).nfkc().collect()
}

/// Whether a text has no content: it is empty, or all of it is white space, control characters or characters of no width.
#[must_use]
pub fn is_blank(text: &str) -> bool {
    !text.bytes().any(|byte| byte.is_ascii_graphic()) && folded_word(text).is_empty()
}

/// Whether two spellings are the same word by [`folded_word`].
#[must_use]
pub fn is_same_word(one: &str, other: &str) -> bool {
    one == other || folded_word(one) == folded_word(other)
}

/// Invisible characters: zero-width spaces and joiners, the byte order mark, direction marks, soft hyphens.
#[must_use]
pub const fn is_without_width(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206f}' | '\u{feff}'
    )
}

/// The known word nearest to `word`, if one is near enough to be what was meant.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_of_one_word_are_one_word() {
        for text in [
            "ad-targeting",
            "AD_TARGETING",
            " Ad Targeting ",
            "ａｄ－ｔａｒｇｅｔｉｎｇ",
            "\u{feff}ad-\u{200d}targeting\r",
        ] {
            assert_eq!(folded_word(text), "ad-targeting", "{text:?}");
        }
        for blank in ["", " ", "\u{a0}\t", "\u{3000}", "\u{200b}", "\0"] {
            assert_eq!(folded_word(blank), "", "{blank:?}");
        }
    }

    proptest! {
        /// A folded word is its own form, so that folded words may be stored and compared.
        #[test]
        fn folding_twice_changes_nothing(text in any::<String>()) {
            let once = folded_word(&text);
            prop_assert_eq!(folded_word(&once), once.clone(), "{:?}", text);
            prop_assert_eq!(is_blank(&text), once.is_empty());
        }

        /// ASCII, which is most words, is folded as every other text.
        #[test]
        fn ascii_is_folded_as_every_text(text in "[\\x00-\\x7f]{0,12}") {
            let wide = folded_word(&format!("{text}\u{200b}"));
            // What has no width is taken away before the ends are trimmed.
            prop_assert_eq!(folded_word(&text), wide);
        }
    }
}
