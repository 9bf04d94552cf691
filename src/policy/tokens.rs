//! Blind tokens in a study: which keys are pinned, and how many ids may be asked for.

use super::compile::{Outcome, fault_at};
use super::file::{HandlerSection, StudyFile};
use super::links::LinksTable;
use super::placed::Spanned;
use super::study::Dataset;
use crate::deidentify::TokenPublicKey;

/// How many ids blind tokens are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenTerms {
    /// The most ids, padding included, that a platform evaluates for the other one under a key, in all sessions together.
    pub max_ids: u64,
    /// A request is filled up with random points to a multiple of this number, so that it does not tell how many ids it asks for.
    pub padding: u32,
}

/// The most ids of all requests; positions have four bytes.
const MOST_IDS: u64 = 1 << 32;
/// The greatest padding.
const MOST_PADDING: u32 = 1 << 20;

/// Reads the `token_key` of a handler.
pub(super) fn token_key(written: &Spanned<String>) -> Outcome<TokenPublicKey> {
    TokenPublicKey::parse(written.get_ref()).or_else(|error| fault_at(written.span(), error.to_string()))
}

/// Checks that two handlers, and those alone who hand tables in, have token keys, and that `[tokens]` is there if they do.
pub(super) fn token_terms(
    file: &StudyFile,
    datasets: &[Dataset],
    links: &[LinksTable],
) -> Outcome<Option<TokenTerms>> {
    let keyed =
        file.handlers.get_ref().iter().filter_map(|handler| Some((handler, handler.token_key.as_ref()?)));
    let keyed: Vec<(&HandlerSection, &Spanned<String>)> = keyed.collect();
    let (first, second) = match (&keyed[..], &file.tokens) {
        ([], None) => return Ok(None),
        ([], Some(section)) => {
            return fault_at(
                section.span(),
                "`[tokens]` belongs to a study in which two handlers have a `token_key`",
            );
        }
        ([first, second], _) => (first, second),
        ([(_, key), ..], _) => {
            return fault_at(key.span(), "blind tokens need the `token_key` of exactly two handlers");
        }
    };
    let parsed = [token_key(first.1)?, token_key(second.1)?];
    let [one, other] = &parsed;
    if one.element == other.element || one.signs == other.signs {
        return fault_at(
            second.1.span(),
            "two handlers cannot have the same `token_key`: each makes a key of its own",
        );
    }
    let Some(section) = &file.tokens else {
        return fault_at(
            first.1.span(),
            "missing `[tokens]`: `max_ids` and `padding` of the handlers' blind tokens",
        );
    };
    let of_datasets = datasets.iter().map(|dataset| (&dataset.name, &dataset.handler));
    let of_links = links.iter().map(|links| (&links.name, &links.handler));
    let keyless = |handler| [first, second].iter().all(|(keyed, _)| keyed.id.get_ref() != handler);
    if let Some((name, handler)) = of_datasets.chain(of_links).find(|(_, handler)| keyless(*handler)) {
        let message = format!("dataset `{name}` is of handler `{handler}`, who has no `token_key`");
        return fault_at(section.span(), message);
    }
    let (max_ids, padding) = (section.get_ref().max_ids, section.get_ref().padding);
    if !(1..=MOST_PADDING).contains(&padding) {
        return fault_at(section.span(), "`padding` is between 1 and 1,048,576 ids");
    }
    if !(u64::from(padding)..=MOST_IDS).contains(&max_ids) {
        return fault_at(section.span(), "`max_ids` is between `padding` and 4,294,967,296 ids");
    }
    Ok(Some(TokenTerms { max_ids, padding }))
}
