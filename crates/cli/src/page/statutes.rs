//! Statutes as each language cites them: the `PIPL 23` of a regime is an article of a named law on the page.

use super::facts::Facts;
use super::texts::{CitationTexts, fill};
use hushtag::policy::Lang;

/// A text in which every article of a statute that the page knows is cited in full.
pub(super) fn cited(facts: &Facts<'_>, text: &str) -> String {
    let statutes = facts.t.statutes.iter();
    statutes.fold(text.to_owned(), |text, (code, name)| of_one(&text, code, name, &facts.t.citation))
}

/// A line of the opinion: as `hushtag policy explain` prints it, and in Chinese with the statutes in full.
pub(super) fn in_opinion(facts: &Facts<'_>, text: &str) -> String {
    match facts.lang {
        Lang::En => text.to_owned(),
        Lang::Zh => cited(facts, text),
    }
}

fn of_one(text: &str, code: &str, name: &str, t: &CitationTexts) -> String {
    let mark = format!("{code} ");
    let mut pieces = text.split(&mark);
    let mut all = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let is_inside = all.ends_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '-');
        match articles(piece, t).filter(|_| !is_inside) {
            Some((cited, rest)) => all.extend([name, &cited, rest]),
            None => all.extend([code, " ", piece]),
        }
    }
    all
}

/// The articles at the beginning of a text, such as `55, 51` or `38 to 40`, and what comes behind them.
fn articles<'a>(text: &'a str, t: &CitationTexts) -> Option<(String, &'a str)> {
    let (mut all, mut rest) = article(text, &t.first, t)?;
    loop {
        let next = rest.strip_prefix(", ").and_then(|next| article(next, &t.next, t));
        let to = rest.strip_prefix(" to ").or_else(|| rest.strip_prefix('-'));
        let Some((cited, behind)) = next.or_else(|| article(to?, &t.to, t)) else { break };
        all.push_str(&cited);
        rest = behind;
    }
    Some((all, rest))
}

/// One article with its paragraph, as `pattern` writes it.
fn article<'a>(text: &'a str, pattern: &str, t: &CitationTexts) -> Option<(String, &'a str)> {
    let (number, rest) = number(text)?;
    let cited = fill(pattern, &[("n", &numeral(number, &t.numerals))]);
    let paragraph = rest.strip_prefix('(').and_then(self::number);
    match paragraph.and_then(|(paragraph, rest)| Some((paragraph, rest.strip_prefix(')')?))) {
        Some((paragraph, rest)) => Some((cited + &fill(&t.paragraph, &[("n", &paragraph)]), rest)),
        None => Some((cited, rest)),
    }
}

/// A number of at most four digits at the beginning of a text, and the rest.
fn number(text: &str) -> Option<(u16, &str)> {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    Some((digits.parse().ok().filter(|number| (1..10_000).contains(number))?, rest))
}

/// A number in numerals: the signs of 0 to 9, of ten, of a hundred and of a thousand; in digits where a language has none.
fn numeral(number: u16, numerals: &str) -> String {
    const UNITS: [(u16, usize); 4] = [(1000, 12), (100, 11), (10, 10), (1, 0)];
    let sign = |place: usize| numerals.chars().nth(place).map(String::from).unwrap_or_default();
    if numerals.is_empty() {
        return number.to_string();
    }
    let (mut text, mut gap) = (String::new(), false);
    for (size, unit) in UNITS {
        let digit = number / size % 10;
        if digit == 0 {
            gap = !text.is_empty();
            continue;
        }
        if gap {
            text.push_str(&sign(0));
        }
        gap = false;
        // Ten to nineteen begin with the sign of ten.
        if !(digit == 1 && size == 10 && text.is_empty()) {
            text.push_str(&sign(digit.into()));
        }
        if unit > 0 {
            text.push_str(&sign(unit));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::texts::Texts;
    use super::*;

    fn in_language(lang: Lang, text: &str) -> String {
        let t = Texts::of(lang).unwrap();
        t.statutes.iter().fold(text.to_owned(), |text, (code, name)| of_one(&text, code, name, &t.citation))
    }

    #[test]
    fn statutes_are_cited_by_name_and_article() {
        for (text, english, chinese) in [
            ("R23 (PIPL 23): x", "R23 (PIPL Art. 23): x", "R23 (《个人信息保护法》第二十三条): x"),
            ("PIPL 55, 51", "PIPL Art. 55, 51", "《个人信息保护法》第五十五条、第五十一条"),
            (
                "PIPL 38 to 40; NDSR 12",
                "PIPL Art. 38 to 40; NDSR Art. 12",
                "《个人信息保护法》第三十八条至第四十条; 《网络数据安全管理条例》第十二条",
            ),
            ("NBPI 32(4)", "NBPI Art. 32(4)", "《非银行支付机构监督管理条例》第三十二条（4）"),
            ("AML 34, x", "AML Art. 34, x", "《反洗钱法》第三十四条, x"),
            ("R-NDSR12 and PIPL", "R-NDSR12 and PIPL", "R-NDSR12 and PIPL"),
            ("XPIPL 3, PIPL 0", "XPIPL 3, PIPL 0", "XPIPL 3, PIPL 0"),
        ] {
            assert_eq!(in_language(Lang::En, text), english);
            assert_eq!(in_language(Lang::Zh, text), chinese);
        }
        let t = Texts::of(Lang::Zh).unwrap().citation;
        for (number, text) in [
            (1, "一"),
            (10, "十"),
            (11, "十一"),
            (20, "二十"),
            (100, "一百"),
            (101, "一百零一"),
            (110, "一百一十"),
            (999, "九百九十九"),
            (1033, "一千零三十三"),
            (1010, "一千零一十"),
        ] {
            assert_eq!(numeral(number, &t.numerals), text);
        }
    }
}
