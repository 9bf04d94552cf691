//! The style of a chart as attributes of its elements: programs other than browsers read neither style sheets nor variables.

use super::{STYLE, THEME};

/// A declaration of the style sheet for elements of a name, of a class, or both.
struct Rule {
    element: &'static str,
    class: &'static str,
    declared: Vec<(&'static str, String)>,
}

/// A drawing of which every element has what the style sheet declares for it in the light theme.
pub(super) fn with_attributes(drawn: &str) -> String {
    let rules: Vec<Rule> = STYLE.lines().filter_map(rule).collect();
    let mut all = String::with_capacity(drawn.len() * 2);
    for (place, piece) in drawn.split('<').enumerate() {
        if place > 0 {
            all.push('<');
        }
        let name = piece.split([' ', '>', '\n']).next().unwrap_or_default();
        let (tag, _) = piece.split_once('>').unwrap_or((piece, ""));
        let is_element = place > 0 && name.starts_with(|letter: char| letter.is_ascii_alphabetic());
        match piece.strip_prefix(name).filter(|_| is_element) {
            Some(rest) => {
                all.push_str(name);
                all.push_str(&attributes(&rules, name, tag));
                all.push_str(rest);
            }
            None => all.push_str(piece),
        }
    }
    all
}

/// What the rules declare for an element, but for what it has itself: a later rule wins, as in the style sheet.
fn attributes(rules: &[Rule], name: &str, tag: &str) -> String {
    let classes = tag.split_once("class=\"").and_then(|(_, rest)| rest.split_once('"'));
    let classes: Vec<&str> = classes.map_or_else(Vec::new, |(classes, _)| classes.split(' ').collect());
    let applies = |rule: &&Rule| {
        let named = rule.element.is_empty() || rule.element == name;
        named && (rule.class.is_empty() || classes.contains(&rule.class))
    };
    let mut found: Vec<(&str, &str)> = Vec::new();
    for (property, value) in rules.iter().filter(applies).flat_map(|rule| &rule.declared) {
        found.retain(|(known, _)| known != property);
        found.push((*property, value.as_str()));
    }
    let own = |property: &str| tag.contains(&format!(" {property}=\""));
    found.retain(|(property, _)| !own(property));
    found.iter().map(|(property, value)| format!(" {property}=\"{value}\"")).collect()
}

/// One line of the style sheet.
fn rule(line: &'static str) -> Option<Rule> {
    let (selector, block) = line.split_once('{')?;
    let selector = selector.trim().strip_prefix(".chart")?.trim();
    let (element, class) = selector.split_once('.').unwrap_or((selector, ""));
    // The rule of the whole chart is about its root.
    let (element, class) = if selector.is_empty() { ("svg", "") } else { (element, class) };
    let declarations = block.trim_end_matches('}').split(';').filter_map(|one| one.split_once(':'));
    let declared = declarations.flat_map(|(property, value)| match (property.trim(), value.trim()) {
        ("font", font) => {
            let (size, family) = font.split_once(' ').unwrap_or((font, ""));
            vec![("font-size", size.to_owned()), ("font-family", family.replace('"', "'"))]
        }
        // Not an attribute in SVG.
        ("font-variant-numeric", _) => Vec::new(),
        (property, value) => vec![(property, coloured(value))],
    });
    Some(Rule { element, class, declared: declared.collect() })
}

/// A value with the colour of the light theme where it has a variable.
fn coloured(value: &str) -> String {
    let (light, _) = THEME.split_once("@media").unwrap_or((THEME, ""));
    let name = value.strip_prefix("var(--").and_then(|rest| rest.strip_suffix(')'));
    let of = |name: &str| {
        let lines = light.lines().filter_map(|line| line.trim().strip_prefix("--")?.split_once(": "));
        lines.into_iter().find(|(known, _)| *known == name).map(|(_, colour)| colour.trim_end_matches(';'))
    };
    name.and_then(of).unwrap_or(value).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_has_what_the_style_sheet_declares_for_it() {
        let plain = with_attributes(
            "<svg class=\"chart\"><text class=\"small end\">a &lt; b</text><text>c</text><rect class=\"hidden\" fill=\"url(#h)\"></rect></svg>",
        );
        for part in [
            "<svg font-size=\"13px\" font-family=\"system-ui, 'Noto Sans'",
            "<text stroke=\"none\" font-size=\"11.5px\" fill=\"#55606b\" text-anchor=\"end\" class=\"small end\">a &lt; b</text>",
            "<text fill=\"#1b2026\" stroke=\"none\">c</text>",
            "stroke-dasharray=\"3 2\" class=\"hidden\" fill=\"url(#h)\"></rect></svg>",
        ] {
            assert!(plain.contains(part), "{part}: {plain}");
        }
        assert!(!plain.contains("var("), "{plain}");
        // No line of the style sheet is lost.
        assert_eq!(
            STYLE.lines().filter_map(rule).count(),
            STYLE.lines().filter(|line| line.contains('{')).count()
        );
    }
}
