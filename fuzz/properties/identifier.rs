//! An id as a platform writes it, or the name of a column: any bytes.

use hushtag::deidentify::{Form, IdShape, Looked, Treatment, direct_identifier, looks, suspicious_id};

/// Nothing panics. A form gives an id one spelling, which is never longer and is its own; a treatment changes a word once.
/// A plain number has one shape and is not suspicious, nor is what a declared form has spelled.
/// Refused is what is no text, and what no declared form of phones or identity papers fits.
pub(crate) fn check(data: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(data).map_err(|_| "not UTF-8")?;
    let mut fits = false;
    for form in [Form::AsIs, Form::CnIdCard, Form::CnMobile, Form::LowerCase] {
        let Some(once) = form.fit(text) else { continue };
        assert!(once.len() <= text.len(), "longer than it was");
        assert_eq!(form.fit(&once).as_deref(), Some(&*once), "fitted again");
        fits |= matches!(form, Form::CnIdCard | Form::CnMobile);
        if matches!(form, Form::CnIdCard | Form::CnMobile) {
            assert!(looks(&once).is_some_and(|looks| looks.passes), "has the form and not the shape");
            assert_eq!(suspicious_id(&once), None, "has the form and is suspicious");
        }
    }
    let number = text.parse::<i64>().ok().filter(|number| *number >= 0 && number.to_string() == text);
    if let Some(number) = number {
        assert_eq!(suspicious_id(text), None, "a plain number is suspicious");
        assert_eq!(IdShape::of(text), IdShape::of_number(number), "two shapes of one number");
    }
    let mut looked = Looked::default();
    looked.at(text);
    let counted: u64 = looked.counts().map(|(_, count)| count).sum();
    assert_eq!(
        counted,
        u64::from(looks(text).is_some_and(|looks| looks.passes)),
        "counted otherwise than seen"
    );
    assert!(looked.of() <= 1 && looked.identifier().is_none(), "one text is no column");
    for treatment in [Treatment::Prefix(2), Treatment::Listed(vec!["food".into(), "31".into()])] {
        let once = treatment.word(text);
        assert_eq!(treatment.word(once), once, "treated again");
    }
    let listed = direct_identifier(text);
    assert!(listed.is_none_or(|name| direct_identifier(name).is_some()), "a listed name is one itself");
    if fits { Ok(()) } else { Err("fits no form".into()) }
}
