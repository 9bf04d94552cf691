//! Ids of one namespace are all raw or all tokens of one key: others would never be equal, without any error.

use std::collections::BTreeMap;

use crate::engine::error::EngineError;
use crate::engine::read::sources::Inputs;
use crate::engine::read::{Input, Tokenised, tokenised};
use crate::policy::{Dataset, FieldKind, LinksTable, Shape, Study};

/// Checks the files of a seal against one another before any row is read.
///
/// A consent file may name people of every namespace of the study, so it counts for all of them, and so does a register with any event
/// of them. One without has no ids: only requests and tombstones, which are found by an id alone.
///
/// # Errors
/// [`EngineError::MixedTokens`] names two files, and says of each what its schema says; [`EngineError::ForeignTokens`] for blind tokens of
/// other keys than the study pins.
pub(in crate::engine) fn check<'a>(
    study: &Study,
    inputs: &Inputs,
    consents: impl Iterator<Item = &'a Input>,
) -> Result<(), EngineError> {
    let mut known = BTreeMap::<String, (String, String)>::new();
    let mut meet = |namespaces: &[&str], input: &Input| -> Result<(), EngineError> {
        let ids = ids(study, input)?;
        for namespace in namespaces {
            let first = known.entry((*namespace).to_owned()).or_insert_with(|| (input.name(), ids.clone()));
            if first.1 != ids {
                let namespace = (*namespace).to_owned();
                let files = [first.clone(), (input.name(), ids)];
                return Err(EngineError::MixedTokens { namespace, files });
            }
        }
        Ok(())
    };
    for (name, files) in inputs {
        let dataset = study.datasets.iter().find(|dataset| dataset.name == *name);
        let links = study.links.iter().find(|links| links.name == *name);
        let namespaces = dataset.map(of_dataset).or(links.map(of_links)).unwrap_or_default();
        files.iter().try_for_each(|file| meet(&namespaces, file))?;
    }
    let all: Vec<&str> = study.namespaces().into_iter().collect();
    let has_ids = |input: &&Input| !matches!(input, Input::Register(_, events, _) if !events.has_events());
    consents.filter(has_ids).try_for_each(|file| meet(&all, file))
}

/// What the ids of a file are. Blind tokens are of the two keys that the study pins.
fn ids(study: &Study, input: &Input) -> Result<String, EngineError> {
    Ok(match tokenised(input)? {
        None => "raw ids".to_owned(),
        Some(Tokenised { key, blind: None, .. }) => format!("tokens of key {key}"),
        Some(Tokenised { key, .. }) if study.token_key_id() == Some(key) => {
            format!("blind tokens of keys {key}")
        }
        Some(Tokenised { key, .. }) => {
            return Err(EngineError::ForeignTokens { file: input.name(), keys: key.to_string() });
        }
    })
}

/// The namespaces of a dataset's ids.
fn of_dataset(dataset: &Dataset) -> Vec<&str> {
    let target = match &dataset.shape {
        Shape::Relation { target, .. } => Some(target.ids.as_str()),
        Shape::People | Shape::Records => None,
    };
    let pointers = dataset.fields.iter().filter(|field| matches!(field.kind, FieldKind::Person { .. }));
    let pointed = pointers.map(|field| field.ids.as_ref().unwrap_or(&dataset.ids).as_str());
    std::iter::once(dataset.ids.as_str()).chain(target).chain(pointed).collect()
}

fn of_links(links: &LinksTable) -> Vec<&str> {
    links.columns.iter().map(|column| column.ids.as_str()).collect()
}
