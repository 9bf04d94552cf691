//! Questions at a terminal, and the lines that answer them.

use std::io::{BufRead, Write};

use crate::Failure;
use crate::lang::text;
use hushtag::policy::Word;
use hushtag::types::nearest;

/// The longest answer, in bytes.
const LONGEST: u64 = 4096;

/// A conversation over lines of text. On a terminal a wrong answer is asked for again; from a pipe it ends the conversation, since
/// the lines after it would answer other questions.
pub(super) struct Dialogue<'a> {
    lines: &'a mut dyn BufRead,
    shown: &'a mut dyn Write,
    patient: bool,
}

impl<'a> Dialogue<'a> {
    pub(super) fn new(lines: &'a mut dyn BufRead, shown: &'a mut dyn Write, patient: bool) -> Self {
        Self { lines, shown, patient }
    }

    /// Shows a text; a lost one is no failure.
    pub(super) fn say(&mut self, text: &str) {
        let _ = writeln!(self.shown, "{text}");
    }

    /// Asks until the answer can be read; an empty line takes the default, where there is one.
    pub(super) fn ask<T>(
        &mut self,
        question: &str,
        default: Option<&str>,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, Failure> {
        loop {
            let shown = default.filter(|text| !text.is_empty());
            let shown = shown.map(|text| format!(" [{text}]")).unwrap_or_default();
            let _ = write!(self.shown, "{question}{shown}: ").and_then(|()| self.shown.flush());
            let line = self.line(question)?;
            let answer = match (line.as_str(), default) {
                ("", Some(default)) => default,
                (answer, _) => answer,
            };
            let why = match read(answer) {
                Ok(read) => return Ok(read),
                Err(why) => why,
            };
            if !self.patient {
                let message = text!("dialogue.wrong", question = question.trim(), answer, why);
                return Err(Failure::usage(message, text!("dialogue.wrong_fix")));
            }
            self.say(&format!("  {why}"));
        }
    }

    fn line(&mut self, question: &str) -> Result<String, Failure> {
        use std::io::Read as _;

        let ended = |why: String| {
            let message = text!("dialogue.stopped", why, question = question.trim());
            Failure::usage(message, text!("dialogue.stopped_fix"))
        };
        let mut line = Vec::new();
        let read = (&mut *self.lines).take(LONGEST).read_until(b'\n', &mut line);
        let read = read.map_err(|error| ended(text!("dialogue.unreadable", error)))?;
        if read == 0 {
            self.say("");
            return Err(ended(text!("dialogue.ended")));
        }
        let text = String::from_utf8(line).map_err(|_| ended(text!("dialogue.utf8")))?;
        let text = text.trim();
        if text.chars().any(char::is_control) {
            return Err(ended(text!("dialogue.control")));
        }
        // What is typed on a terminal ends its own line; what comes from elsewhere does not.
        if !self.patient {
            self.say("");
        }
        Ok(text.to_owned())
    }

    /// Asks for a text that is not empty.
    pub(super) fn text(&mut self, question: &str, default: Option<&str>) -> Result<String, Failure> {
        self.ask(question, default, |answer| match answer {
            "" => Err(text!("dialogue.no_default")),
            some => Ok(some.to_owned()),
        })
    }

    /// Asks for yes or no.
    pub(super) fn yes(&mut self, question: &str, default: bool) -> Result<bool, Failure> {
        let (yes, no) = (text!("dialogue.yes"), text!("dialogue.no"));
        self.ask(question, Some(if default { &yes } else { &no }), |answer| {
            match answer.to_ascii_lowercase().as_str() {
                "y" | "yes" => Ok(true),
                "n" | "no" => Ok(false),
                answer if answer == yes => Ok(true),
                answer if answer == no => Ok(false),
                _ => Err(text!("dialogue.yes_or_no")),
            }
        })
    }

    /// Shows words with their numbers.
    pub(super) fn list(&mut self, words: &[Word]) {
        let width = words.iter().map(|word| word.word.chars().count()).max().unwrap_or(0);
        for (number, Word { word, means }) in (1..).zip(words) {
            self.say(format!("  {number:>2} {word:width$}  {means}").trim_end());
        }
    }

    /// Shows words and asks for one of them.
    pub(super) fn choose(
        &mut self,
        question: &str,
        words: &[Word],
        default: Option<&str>,
    ) -> Result<String, Failure> {
        self.list(words);
        self.pick(question, words, default)
    }

    /// Asks for one of words that were shown, or the number of its line.
    pub(super) fn pick(
        &mut self,
        question: &str,
        words: &[Word],
        default: Option<&str>,
    ) -> Result<String, Failure> {
        self.pick_if(question, words, default, |_| Ok(()))
    }

    /// As [`Dialogue::pick`], of words that may be wrong here.
    pub(super) fn pick_if(
        &mut self,
        question: &str,
        words: &[Word],
        default: Option<&str>,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> Result<String, Failure> {
        self.ask(question, default, |answer| {
            let place = answer.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
            let by_number = place.and_then(|place| words.get(place));
            let known = || words.iter().map(|known| known.word.as_str());
            match words.iter().find(|known| known.word == answer).or(by_number) {
                Some(known) => check(&known.word).map(|()| known.word.clone()),
                None => {
                    let meant = nearest(answer, known());
                    Err(match meant {
                        Some(meant) => text!("dialogue.meant", meant),
                        None => text!("dialogue.one_of"),
                    })
                }
            }
        })
    }
}

/// Words without an explanation of their own.
pub(super) fn plain<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<Word> {
    words.into_iter().map(|word| Word { word: word.to_owned(), means: String::new() }).collect()
}

/// Reads an answer as what `parse` makes of it.
pub(super) fn parsed<T, E: std::fmt::Display>(
    parse: impl Fn(&str) -> Result<T, E>,
) -> impl Fn(&str) -> Result<T, String> {
    move |answer| parse(answer).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn talk<T>(
        lines: &str,
        patient: bool,
        act: impl Fn(&mut Dialogue<'_>) -> Result<T, Failure>,
    ) -> (Result<T, Failure>, String) {
        let (mut lines, mut shown) = (lines.as_bytes(), Vec::new());
        let done = act(&mut Dialogue::new(&mut lines, &mut shown, patient));
        (done, String::from_utf8(shown).unwrap())
    }

    #[test]
    fn a_wrong_answer_is_asked_for_again_on_a_terminal_and_ends_a_pipe() {
        let words = plain(["relation", "records"]);
        let ask = |dialogue: &mut Dialogue<'_>| dialogue.choose("kind", &words, None);
        let (chosen, shown) = talk("relatoin\n7\n2\n", true, ask);
        assert_eq!(chosen.unwrap(), "records");
        assert!(
            shown.contains("did you mean `relation`?") && shown.matches("kind: ").count() == 3,
            "{shown}"
        );
        let (wrong, _) = talk("relatoin\nrelation\n", false, ask);
        let failure = format!("{:?}", wrong.unwrap_err());
        assert!(failure.contains("relatoin") && failure.contains("nothing was written"), "{failure}");
    }

    #[test]
    fn an_empty_line_takes_the_default_and_nothing_else() {
        assert_eq!(talk("\n", false, |d| d.text("id", Some("my-study"))).0.unwrap(), "my-study");
        assert!(talk("\n", false, |d| d.text("id", None)).0.is_err());
        assert!(talk("", false, |d| d.text("id", Some("my-study"))).0.is_err(), "an end is no line");
        assert!(talk("a\u{1b}b\n", false, |d| d.text("id", None)).0.is_err());
        assert!(talk(&"a".repeat(5000), false, |d| d.text("id", None)).0.unwrap().len() <= 4096);
        assert!(!talk("N\n", false, |d| d.yes("go on", true)).0.unwrap());
    }
}
