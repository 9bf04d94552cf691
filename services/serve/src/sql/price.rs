//! The last clause of a statement, `WITH (error = 40)`: what its private queries may cost. PostgreSQL has no such clause, so it is cut
//! off before the statement is parsed; the library reads and checks it.

use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

/// The statement without its price, and the price, if it has one.
#[must_use]
pub fn cut_price(sql: &str) -> (&str, Option<&str>) {
    find(sql).map_or((sql, None), |(before, price)| (before, Some(price)))
}

fn find(sql: &str) -> Option<(&str, &str)> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize_with_location().ok()?;
    let plain = |token: &&TokenWithSpan| !matches!(token.token, Token::Whitespace(_) | Token::SemiColon);
    let tokens: Vec<&TokenWithSpan> = tokens.iter().filter(plain).collect();
    let is_with = |token: &&TokenWithSpan| matches!(&token.token, Token::Word(word) if word.keyword == Keyword::WITH && word.quote_style.is_none());
    let start = tokens.iter().rposition(is_with).filter(|start| *start > 0)?;
    let clause = tokens.get(start..)?;
    let [with, open, inside @ .., close] = clause else { return None };
    let setting = |token: &&&TokenWithSpan| {
        matches!(
            token.token,
            Token::Word(_) | Token::Eq | Token::Number(..) | Token::Comma | Token::LParen | Token::RParen
        )
    };
    let key = inside.first().and_then(|token| match &token.token {
        Token::Word(word) => Some(word.value.to_ascii_lowercase()),
        _ => None,
    })?;
    let is_price = open.token == Token::LParen
        && close.token == Token::RParen
        && ["error", "epsilon", "confidence"].contains(&key.as_str())
        && inside.iter().filter(setting).count() == inside.len();
    if !is_price {
        return None;
    }
    let (begin, from, to) =
        (offset(sql, with.span.start)?, offset(sql, open.span.end)?, offset(sql, close.span.start)?);
    Some((sql.get(..begin)?, sql.get(from..to)?.trim()))
}

/// Where a place of the tokenizer, lines and characters from 1, is in bytes.
pub(super) fn offset(sql: &str, place: Location) -> Option<usize> {
    let line = usize::try_from(place.line).ok()?.checked_sub(1)?;
    let before: usize = sql.split_inclusive('\n').take(line).map(str::len).sum();
    let column = usize::try_from(place.column).ok()?.checked_sub(1)?;
    let rest = sql.get(before..)?;
    let within = rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at);
    before.checked_add(within)
}

#[cfg(test)]
mod tests {
    use super::cut_price;

    #[test]
    fn a_price_is_cut_off_the_end_and_nothing_else_is() {
        let plain = "SELECT 'é', COUNT(*)\nFROM tags ";
        for (written, price) in [
            ("WITH (error = 40)", "error = 40"),
            ("with ( error = 40, error(spend) = 900 ) ;", "error = 40, error(spend) = 900"),
            ("WITH (epsilon = 0.1)", "epsilon = 0.1"),
        ] {
            let sql = format!("{plain}{written}");
            assert_eq!(cut_price(&sql), (plain, Some(price)), "{sql}");
        }
        for other in [
            "WITH a AS (SELECT 1) SELECT * FROM a",
            "SELECT 'x WITH (error = 40)'",
            "SELECT 1 -- WITH (error = 40)",
            "SELECT 1 WITH (error = 'a')",
            "SELECT 1 WITH (colour = 1)",
            "WITH (error = 40)",
            "SELECT 1 WITH",
        ] {
            assert_eq!(cut_price(other), (other, None));
        }
    }
}
