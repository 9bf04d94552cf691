//! What every error of a policy file keeps.

use hushtag::policy::StudyError;

/// The message is one line, and its place is inside the text.
pub(crate) fn points_into(error: &StudyError, text: &str) {
    let reported = error.to_string();
    assert!(!reported.contains('\n'), "a message of several lines: {reported}");
    let line = error.line.checked_sub(1).and_then(|above| text.split('\n').nth(above));
    let length = line.map(|line| line.chars().count());
    assert!(length.is_some_and(|length| (1..=length + 1).contains(&error.column)), "outside: {reported}");
}
