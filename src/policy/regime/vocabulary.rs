//! The facts that a regime can speak of: those that every use has, and those that its own tables bring.

use std::collections::BTreeSet;

use super::file::{Figure, RegimeFile};
use crate::policy::logic::{Vocabulary, Words};
use crate::policy::study::{Action, Role};

/// A document as a fact. `undeclared` is a document in force of which the study leaves out the scope, or when the use starts.
pub(in crate::policy) const DOCUMENT: [&str; 6] =
    ["valid", MISSING, "late", "expired", "out-of-scope", UNDECLARED];
/// A block of the notice as a fact.
pub(in crate::policy) const NOTICE: [&str; 3] = ["complete", "incomplete", "undeclared"];
/// The word for a document that the study does not name.
pub(in crate::policy) const MISSING: &str = "missing";
/// The word for what the regime does not know.
pub(in crate::policy) const UNKNOWN: &str = "unknown";
/// The word for what the study does not declare.
pub(in crate::policy) const UNDECLARED: &str = "undeclared";
/// The word for a country or an age that the study does not declare.
const UNSAID: &str = "unsaid";

/// What a decision assumes where the study leaves a fact out: the word of a regime file means `undeclared` too. A rule that
/// holds by such an assumption is shown as not declared, never as one that holds.
const ASSUMED: [(&str, &str); 3] =
    [("recipient-role", "handler"), ("recipient-standing", "good"), ("sub-processors", "none")];

/// Whether a word of a regime file means `undeclared` too.
pub(in crate::policy) fn is_assumed(fact: &str, word: &str) -> bool {
    ASSUMED.contains(&(fact, word)) || (fact.starts_with("document:") && word == "valid")
}

/// The words of a fact by which a study leaves it open.
pub(in crate::policy) fn open_words(vocabulary: &Vocabulary, fact: usize) -> Words {
    let open = [UNDECLARED, UNSAID].into_iter().filter_map(|word| vocabulary.position(fact, word));
    open.fold(Words::NONE, Words::with)
}

const YES_NO: [&str; 2] = ["no", "yes"];

/// Adds all facts of a regime; of two regimes, when they are compared.
pub(in crate::policy) fn add_facts(vocabulary: &mut Vocabulary, file: &RegimeFile) {
    let keys = |words: &mut dyn Iterator<Item = &String>| words.cloned().collect::<Vec<_>>();
    let with_unknown = |mut words: Vec<String>| {
        words.push(UNKNOWN.to_owned());
        words
    };
    let open = [
        ("purpose", with_unknown(keys(&mut file.purposes.keys()))),
        ("basis", with_unknown(keys(&mut file.bases.keys()))),
        ("category", with_unknown(keys(&mut file.categories.keys()))),
    ];
    vocabulary.add("action", Action::ALL.map(Action::as_str));
    for (name, words) in &open {
        vocabulary.add(name, words.iter().map(String::as_str));
    }
    vocabulary.add("sensitive", YES_NO);
    vocabulary.add("recipient-role", Role::ALL.map(Role::as_str).into_iter().chain([UNDECLARED]));
    vocabulary.add("recipient-place", ["domestic", "abroad", UNSAID]);
    vocabulary.add("recipient-named", YES_NO);
    vocabulary.add("recipient-standing", ["good", "suspended", UNDECLARED]);
    vocabulary.add("succession", ["none", "announced", "unannounced"]);
    for fact in ["handlers", "read-categories"] {
        vocabulary.add(fact, ["one", "several"]);
    }
    vocabulary.add("handler-kinds", ["known", UNKNOWN]);
    vocabulary.add("age", ["declared-adults", "read", UNSAID]);
    vocabulary.add("sub-processors", ["none", "approved", "unapproved", UNDECLARED]);
    for fact in ["admits-children", "admits-minors", "pointer-fields", "own-list-counts"] {
        vocabulary.add(fact, YES_NO);
    }
    for kind in file.handler_kinds.keys() {
        vocabulary.add(&format!("handler-kind:{kind}"), ["absent", "present"]);
    }
    for kind in file.documents.keys() {
        vocabulary.add(&format!("document:{kind}"), DOCUMENT);
    }
    for block in file.notices.keys() {
        vocabulary.add(&format!("notice:{block}"), NOTICE);
    }
    for (name, figure) in &file.figures {
        let bounds: BTreeSet<u64> = figure.bands.values().copied().collect();
        let words: Vec<String> = bounds.iter().map(u64::to_string).collect();
        vocabulary.add(&format!("figure:{name}"), words.iter().map(String::as_str).chain([UNDECLARED]));
    }
}

/// The words of a figure are the lower bounds of its bands, so that the bands of two regimes can be compared: a band is all
/// bounds from its own up to the next of its regime. A number below its lowest band is as good as undeclared.
pub(in crate::policy) fn bounds_of<'w>(figure: &Figure, band: &str, words: &'w [String]) -> Vec<&'w str> {
    let own = figure.bands.get(band);
    let low = if band == UNDECLARED { Some(&0) } else { own };
    let next = figure.bands.values().filter(|bound| own.is_none_or(|own| *bound > own)).min();
    let inside = |bound: u64| low.is_some_and(|low| bound >= *low) && next.is_none_or(|next| bound < *next);
    words.iter().map(String::as_str).filter(|word| word.parse().is_ok_and(inside)).collect()
}
