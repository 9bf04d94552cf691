//! Declared fields of a study file: what type each column is, and how far it is coarsened.

use std::collections::BTreeMap;

use super::compile::{Outcome, day, fault_at, unknown};
use super::file::{FieldSection, FieldType, WordOrTable};
use super::placed::Spanned;
use super::study::{Field, FieldKind};
use crate::consent::AgeFact;
use crate::deidentify::{Form, Treatment, direct_identifier};
use crate::types::money::MAX_SCALE;
use crate::types::{AmountFormat, Denomination, Zone};

/// The field of one column, with the time zone that its dataset declares; `None` for one that is never read.
pub(super) fn field(
    column: &Spanned<String>,
    written: &WordOrTable<FieldSection>,
    of_dataset: Option<&Zone>,
) -> Outcome<Option<Field>> {
    const TYPES: [(&str, FieldType); 10] = [
        ("age", FieldType::Age),
        ("age-band", FieldType::AgeBand),
        ("amount", FieldType::Amount),
        ("birth-year", FieldType::BirthYear),
        ("drop", FieldType::Drop),
        ("flag", FieldType::Flag),
        ("integer", FieldType::Integer),
        ("person", FieldType::Person),
        ("text", FieldType::Text),
        ("time", FieldType::Time),
    ];
    let from_word;
    let section = match written {
        WordOrTable::Table(section) => section,
        WordOrTable::Word(word) => match TYPES.iter().find(|(known, _)| known == word) {
            Some((_, kind)) => {
                from_word = FieldSection::from(*kind);
                &from_word
            }
            None => {
                let written = Spanned::new(column.span(), word.clone());
                return Err(unknown("field type", &written, TYPES.iter().map(|(known, _)| *known)));
            }
        },
    };
    // A flag is yes or no, whatever its name; a person is a key, and a dropped column is not read.
    let is_safe = matches!(section.kind, FieldType::Drop | FieldType::Flag | FieldType::Person);
    if let Some(name) = direct_identifier(column.get_ref()).filter(|_| !is_safe) {
        let message = format!(
            "a column that is called `{name}` identifies people directly: it can be a key (owner, target, links, type person) or \"drop\", nothing else"
        );
        return fault_at(column.span(), message);
    }
    if let (Some(zone), false) = (&section.timezone, section.kind == FieldType::Time) {
        return fault_at(zone.span(), "`timezone` belongs to fields of type time");
    }
    let zone = section.timezone.as_ref().map(Spanned::get_ref).or(of_dataset);
    let zone = zone.filter(|_| section.kind == FieldType::Time);
    let treatment = treatment(section, zone)?;
    let format = amount_format(section)?;
    let unit = unit(section)?;
    let kind = match (section.kind, section.max_reach, section.negative) {
        (FieldType::Amount, None, negative) => {
            FieldKind::Amount { negative: negative.unwrap_or(false), format }
        }
        (FieldType::Person, Some(max_reach), None) => FieldKind::Person { max_reach },
        (FieldType::Person, None, _) => {
            return fault_at(
                column.span(),
                "a field of type person needs `max_reach`: how many people one owner may reach",
            );
        }
        (FieldType::Drop, None, None) if !section.optional && section.ids.is_none() => return Ok(None),
        (FieldType::Age, None, None) => FieldKind::Age { on: section.on.as_ref().map(day).transpose()? },
        (FieldType::AgeBand, None, None) => FieldKind::AgeBand,
        (FieldType::BirthYear, None, None) => FieldKind::BirthYear,
        (FieldType::Flag, None, None) => FieldKind::Flag,
        (FieldType::Integer, None, None) => FieldKind::Integer,
        (FieldType::Text, None, None) => FieldKind::Text,
        (FieldType::Time, None, None) => FieldKind::Time,
        _ => {
            return fault_at(
                column.span(),
                "`max_reach` belongs to fields of type person and `negative` to those of type amount; a dropped one has neither",
            );
        }
    };
    if let (Some(place), false) = (&section.ids, section.kind == FieldType::Person) {
        return fault_at(
            place.span(),
            "`ids` belongs to fields of type person: the namespace of whom they name",
        );
    }
    let ids = section.ids.as_ref().map(|ids| ids.get_ref().clone());
    let (column, optional) = (column.get_ref().clone(), section.optional);
    let (zone, bands) = (zone.cloned(), bands(section)?);
    Ok(Some(Field { column, kind, ids, form: Form::default(), optional, zone, bands, unit, treatment }))
}

/// The bands of ages of the field's labels.
fn bands(section: &FieldSection) -> Outcome<BTreeMap<String, String>> {
    if let (Some(on), false) = (&section.on, section.kind == FieldType::Age) {
        return fault_at(on.span(), "`on` belongs to fields of type age: the day of which the ages are");
    }
    let mut all = BTreeMap::new();
    for (label, band) in &section.bands {
        let is_band = |word: &str| AgeFact::from_band(word) != AgeFact::UNKNOWN;
        if section.kind != FieldType::AgeBand {
            return fault_at(
                label.span(),
                "`bands` belongs to fields of type age-band: the band of ages of each label",
            );
        }
        if is_band(label.get_ref()) {
            return fault_at(label.span(), "this label is a band of ages itself");
        }
        if !is_band(band) {
            let message =
                format!("`{}` is no band of ages, such as \"<14\", \"20-29\" or \"18+\"", label.get_ref());
            return fault_at(label.span(), message);
        }
        all.insert(label.get_ref().clone(), band.clone());
    }
    Ok(all)
}

/// How files spell the amounts of the field.
fn amount_format(section: &FieldSection) -> Outcome<AmountFormat> {
    let FieldSection { kind, scale, thousands, integers, from_float, .. } = section;
    let places = [
        scale.as_ref().map(Spanned::span),
        thousands.as_ref().map(Spanned::span),
        integers.as_ref().map(Spanned::span),
        from_float.as_ref().map(Spanned::span),
    ];
    if let (Some(place), false) = (places.into_iter().flatten().next(), *kind == FieldType::Amount) {
        return fault_at(
            place,
            "`scale`, `thousands`, `integers` and `from_float` belong to fields of type amount",
        );
    }
    let format = AmountFormat {
        scale: scale.as_ref().map(|scale| *scale.get_ref()),
        thousands: thousands.as_ref().map(|thousands| *thousands.get_ref()),
        integers: integers.as_ref().map(|integers| *integers.get_ref()),
        from_float: from_float.as_ref().is_some_and(|from_float| *from_float.get_ref()),
    };
    match (scale, integers, from_float) {
        (Some(scale), ..) if *scale.get_ref() > MAX_SCALE => {
            fault_at(scale.span(), format!("`scale` is between 0 and {MAX_SCALE}: 2 for yuan and fen"))
        }
        (None, Some(integers), _) => fault_at(
            integers.span(),
            "`integers` declares what whole numbers are beside a `scale`; without one all amounts are whole minor units",
        ),
        (None, _, Some(from_float)) => fault_at(
            from_float.span(),
            "`from_float` needs `scale`: the digits behind the point of a minor unit",
        ),
        _ => Ok(format),
    }
}

/// What amounts of the field are shown in.
fn unit(section: &FieldSection) -> Outcome<Option<Denomination>> {
    let Some(unit) = &section.unit else { return Ok(None) };
    if section.kind != FieldType::Amount {
        return fault_at(unit.span(), "`unit` belongs to fields of type amount");
    }
    let Some(scale) = &section.scale else {
        return fault_at(
            unit.span(),
            "`unit` is the major unit in which results are shown: declare `scale`, its digits behind the point, too",
        );
    };
    match Denomination::new(unit.get_ref(), *scale.get_ref()) {
        Some(denomination) => Ok(Some(denomination)),
        None => fault_at(unit.span(), "a unit has 1 to 16 characters and no blanks, such as CNY"),
    }
}

/// How far the field is coarsened; each way belongs to the types that it can coarsen.
fn treatment(section: &FieldSection, zone: Option<&Zone>) -> Outcome<Treatment> {
    use FieldType::{Amount, Integer, Text, Time};
    let FieldSection { kind, round, truncate, prefix, values, .. } = section;
    if let Some(unit) = round {
        return match (kind, *unit.get_ref()) {
            (Amount | Integer, unit @ 1..) => Ok(Treatment::Round(unit)),
            (Amount | Integer, _) => fault_at(unit.span(), "a unit to round to is at least 1"),
            _ => fault_at(unit.span(), "`round` belongs to fields of type amount and integer"),
        };
    }
    if let Some(span) = truncate {
        return match kind {
            Time => Ok(Treatment::Truncate(*span.get_ref(), zone.cloned())),
            _ => fault_at(span.span(), "`truncate` belongs to fields of type time"),
        };
    }
    match (kind, prefix, values) {
        (_, None, None) => Ok(Treatment::AsIs),
        (Text, Some(letters), None) if *letters.get_ref() > 0 => {
            Ok(Treatment::Prefix(usize::from(*letters.get_ref())))
        }
        (Text, Some(letters), None) => fault_at(letters.span(), "a prefix has at least 1 letter"),
        (Text, None, Some(words)) if !words.get_ref().is_empty() => {
            Ok(Treatment::Listed(words.get_ref().clone()))
        }
        (Text, None, Some(words)) => fault_at(words.span(), "a closed list has at least one word"),
        (Text, Some(letters), Some(_)) => {
            fault_at(letters.span(), "a text is cut to a prefix or to a closed list, not both")
        }
        (_, prefix, values) => {
            let place = prefix.as_ref().map(Spanned::span).or(values.as_ref().map(Spanned::span));
            fault_at(place.unwrap_or_default(), "`prefix` and `values` belong to fields of type text")
        }
    }
}
