//! What the handlers state about their consent table, as lines of an explanation: it is signed with the study, and nothing else shows it.

use super::decide::Opinion;
use super::explain::Line;
use super::phrases::Phrases;
use super::regime::Lang;

impl Opinion<'_> {
    /// The statements of `[consents]` with their evidence; `None` where the study makes none.
    pub(super) fn statements_in_words(&self, lang: Lang) -> Option<Line> {
        let (phrases, table) = (Phrases::of(lang), &self.case.study.consents.statements);
        let mut lines: Vec<Line> = Vec::new();
        for stated in table.stated() {
            let text = match stated.of {
                None => phrases.stated_always.clone(),
                Some((of, word)) => phrases.stated_of.replace("{of}", of).replace("{word}", word),
            };
            lines
                .push(Line::plain(text.replace("{column}", stated.column).replace("{words}", &stated.words)));
        }
        let words: Vec<String> = table.words_that_give().map(|word| format!("`{word}`")).collect();
        if !words.is_empty() {
            lines.push(Line::plain(phrases.words_that_give.replace("{}", &words.join(&phrases.and))));
        }
        let heading = phrases.stated.replace("{evidence}", table.evidence().unwrap_or("-"));
        (!lines.is_empty()).then(|| Line::with(heading, lines))
    }
}
