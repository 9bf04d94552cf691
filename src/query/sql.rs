//! The SQL subset: limits and the closed list of tokens, the trailing WITH clause, then `sqlparser` for the rest.

use sqlparser::ast::{Query as SqlQuery, Statement};
use sqlparser::dialect::AnsiDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use super::canonical::{find_summable, too_deep, too_many};
use super::cost::read_epsilon;
use super::error::excerpt;
use super::{
    Cost, MAX_CONDITIONS, MAX_DEPTH, MAX_TEXT, Probability, Problem, Query, QueryError, QueryPlace, select,
};
use crate::tags::Catalogue;

/// The one dialect: identifiers are ASCII, or anything in double quotes, in which a double quote is written twice; strings take
/// single quotes.
pub(super) const DIALECT: AnsiDialect = AnsiDialect {};

/// Frames of `sqlparser` for one level of parentheses.
const PARSER_FRAMES: usize = 4;

/// Reads a query in SQL; names and labels are those of `catalogue`. Comments are ignored.
///
/// # Errors
/// [`QueryError`] with its place for everything outside the language or the vocabulary.
///
/// # Privacy
/// Refuses from the text and the catalogue alone.
pub fn parse(text: &str, catalogue: &Catalogue) -> Result<Query, QueryError> {
    if text.len() > MAX_TEXT {
        return Err(QueryError::new(Problem::TooLong, "ask for fewer labels, or several queries"));
    }
    let mut tokens = tokenize(text)?;
    check_limits(&tokens)?;
    let setting = cut_with(&mut tokens)?;
    let query = parse_query(tokens)?;
    let mut ask = select::lower(query, catalogue)?;
    read_settings(&setting, &mut ask, catalogue)?;
    Ok(ask)
}

impl From<Location> for QueryPlace {
    fn from(location: Location) -> Self {
        Self { line: location.line.max(1), column: location.column.max(1) }
    }
}

pub(super) fn place(token: &TokenWithSpan) -> QueryPlace {
    token.span.start.into()
}

/// The tokens of one statement, without spaces, comments and a final semicolon.
fn tokenize(text: &str) -> Result<Vec<TokenWithSpan>, QueryError> {
    let tokens = Tokenizer::new(&DIALECT, text).tokenize_with_location().map_err(|error| {
        let problem = Problem::Syntax { found: excerpt(&error.message) };
        QueryError::new(problem, "close every quote and comment").at(error.location.into())
    })?;
    let mut kept: Vec<_> =
        tokens.into_iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).collect();
    kept.pop_if(|last| last.token == Token::SemiColon);
    if kept.is_empty() {
        let problem = Problem::Syntax { found: String::new() };
        return Err(
            QueryError::new(problem, "write SELECT COUNT(*) FROM tags").at(QueryPlace { line: 1, column: 1 })
        );
    }
    for token in &kept {
        check_token(token).map_err(|error| error.at(place(token)))?;
    }
    Ok(kept)
}

fn check_token(token: &TokenWithSpan) -> Result<(), QueryError> {
    let hint = match &token.token {
        Token::Word(word) if word.quote_style == Some('"') => return Ok(()),
        Token::Word(word) if word.quote_style.is_some() => {
            let hint = format!(
                "labels take single quotes, names double ones or none: '{0}' or {0}",
                excerpt(&word.value)
            );
            return Err(QueryError::outside(&word.value, hint));
        }
        Token::Word(word) => match refused_word(word.keyword, &word.value) {
            Some(error) => return Err(error),
            None => return Ok(()),
        },
        Token::SingleQuotedString(_)
        | Token::Number(..)
        | Token::Comma
        | Token::LParen
        | Token::RParen
        | Token::Eq
        | Token::Neq
        | Token::Lt
        | Token::Gt
        | Token::LtEq
        | Token::GtEq
        | Token::Minus
        | Token::Mul
        | Token::Period
        | Token::Plus
        | Token::Div => return Ok(()),
        Token::SemiColon => "ask one query at a time",
        Token::Char(c) if !c.is_ascii() => {
            "the character only looks like a letter: names use a to z, 0 to 9 and _"
        }
        _ => "a query uses names, 'labels', numbers, commas, parentheses, = and <>",
    };
    Err(QueryError::outside(&token.token.to_string(), hint))
}

/// Words of SQL that are refused everywhere; the study cannot give them to a tag or a measure, or need not.
fn refused_word(keyword: Keyword, written: &str) -> Option<QueryError> {
    let hint = match keyword {
        Keyword::JOIN | Keyword::CROSS | Keyword::NATURAL => {
            "the tags of both parties are already joined: FROM tags"
        }
        Keyword::UNION | Keyword::EXCEPT | Keyword::INTERSECT => "ask the queries one by one, or use OR",
        Keyword::EXISTS => "there are no sub-queries: filter by tags",
        Keyword::CASE => "there are no expressions: group by the tag itself",
        Keyword::LIKE
        | Keyword::ILIKE
        | Keyword::SIMILAR
        | Keyword::RLIKE
        | Keyword::REGEXP
        | Keyword::BETWEEN => "list the labels: `tag IN ('a', 'b')`",
        Keyword::IS | Keyword::NULL => "no tag is null: people without a value have a label of their own",
        Keyword::DISTINCT => "every person is counted once already: drop the word",
        Keyword::OFFSET | Keyword::FETCH => "every released row costs the same: write LIMIT alone",
        Keyword::INSERT
        | Keyword::UPDATE
        | Keyword::DELETE
        | Keyword::DROP
        | Keyword::CREATE
        | Keyword::ALTER => "queries only read: start with SELECT",
        _ => return None,
    };
    Some(QueryError::outside(written, hint))
}

/// Bounds what `sqlparser` recurses into, and the length of its left-leaning chains.
fn check_limits(tokens: &[TokenWithSpan]) -> Result<(), QueryError> {
    let (mut open, mut refusals, mut operators) = (0usize, 0usize, 0usize);
    let mut before = &Token::Comma;
    for token in tokens {
        match &token.token {
            // The list of an IN is no nesting: the canonical form may need one where the text has none.
            Token::LParen if !is_keyword(before, Keyword::IN) => open = open.saturating_add(1),
            Token::RParen => open = open.saturating_sub(1),
            Token::Word(word) if matches!(word.keyword, Keyword::AND | Keyword::OR | Keyword::IN) => {
                operators += 1
            }
            Token::Word(word) if word.keyword == Keyword::NOT => operators += 1,
            Token::Eq | Token::Neq | Token::Lt | Token::Gt | Token::LtEq | Token::GtEq => operators += 1,
            Token::Mul | Token::Plus | Token::Minus | Token::Div | Token::Period => operators += 1,
            _ => {}
        }
        refusals = if is_keyword(&token.token, Keyword::NOT) { refusals.saturating_add(1) } else { 0 };
        if open > MAX_DEPTH || refusals > MAX_DEPTH {
            return Err(too_deep().at(place(token)));
        }
        // A comparison, its connective, a NOT and the one of NOT IN.
        if operators > 4 * MAX_CONDITIONS {
            return Err(too_many().at(place(token)));
        }
        before = &token.token;
    }
    Ok(())
}

fn is_keyword(token: &Token, keyword: Keyword) -> bool {
    matches!(token, Token::Word(word) if word.keyword == keyword)
}

/// Takes the trailing `WITH ( ... )` off and returns what is between its parentheses.
fn cut_with(tokens: &mut Vec<TokenWithSpan>) -> Result<Vec<TokenWithSpan>, QueryError> {
    let mut places = tokens.iter().enumerate().filter(|(_, token)| is_keyword(&token.token, Keyword::WITH));
    let Some((start, with)) = places.next() else { return Ok(vec![]) };
    let elsewhere = || {
        let hint = "WITH (error = 200) is the last clause and occurs once; there are no sub-queries";
        QueryError::outside("WITH", hint).at(place(with))
    };
    if start == 0 || places.next().is_some() {
        return Err(elsewhere());
    }
    let closed = tokens.last().is_some_and(|token| token.token == Token::RParen);
    if !closed || tokens.get(start.saturating_add(1)).is_none_or(|token| token.token != Token::LParen) {
        return Err(elsewhere());
    }
    let mut setting = tokens.split_off(start).split_off(2);
    let end = setting.pop().map(|token| place(&token));
    if setting.is_empty() {
        let problem = Problem::BadSetting { found: "WITH ()".to_owned() };
        let error = QueryError::new(problem, "write WITH (error = 200) or drop the clause");
        return Err(end.map_or(error.clone(), |end| error.at(end)));
    }
    Ok(setting)
}

fn parse_query(tokens: Vec<TokenWithSpan>) -> Result<SqlQuery, QueryError> {
    let (first, last) = (tokens.first().cloned(), tokens.last().map(place));
    let mut parser = Parser::new(&DIALECT)
        .with_recursion_limit(PARSER_FRAMES * MAX_DEPTH)
        .with_tokens_with_locations(tokens);
    let broken = |parser: &Parser<'_>, error: &ParserError| {
        let next = parser.peek_token();
        let at_end = next.token == Token::EOF;
        let found = if at_end { "the end".to_owned() } else { excerpt(&next.token.to_string()) };
        let at = last.filter(|_| at_end).unwrap_or_else(|| place(&next));
        match error {
            ParserError::RecursionLimitExceeded => too_deep().at(at),
            _ => QueryError::new(Problem::Syntax { found }, SHAPE).at(at),
        }
    };
    let statement = parser.parse_statement().map_err(|error| broken(&parser, &error))?;
    if parser.peek_token().token != Token::EOF {
        return Err(broken(&parser, &ParserError::ParserError(String::new())));
    }
    match statement {
        Statement::Query(query) => Ok(*query),
        _ => {
            let found = first.as_ref().map(|token| token.token.to_string()).unwrap_or_default();
            let error = QueryError::outside(&found, "queries only read: start with SELECT");
            Err(first.map_or(error.clone(), |token| error.at(place(&token))))
        }
    }
}

pub(super) const SHAPE: &str =
    "write SELECT tag, COUNT(*), AVG(measure) FROM tags WHERE tag = 'label' GROUP BY tag WITH (error = 200)";

/// Reads `key = number, key(measure) = number, ...` into the price and confidence of `ask`.
fn read_settings(tokens: &[TokenWithSpan], ask: &mut Query, catalogue: &Catalogue) -> Result<(), QueryError> {
    if tokens.is_empty() {
        return Ok(());
    }
    let mut confidence = None;
    for setting in tokens.split(|token| token.token == Token::Comma) {
        let Some(first) = setting.first().or(tokens.last()) else { continue };
        let words: Vec<&Token> = setting.iter().map(|token| &token.token).collect();
        read_setting(&words, ask, &mut confidence, catalogue).map_err(|error| error.at(place(first)))?;
    }
    ask.confidence = confidence.unwrap_or(Probability::nominal());
    Ok(())
}

fn read_setting(
    words: &[&Token],
    ask: &mut Query,
    confidence: &mut Option<Probability>,
    catalogue: &Catalogue,
) -> Result<(), QueryError> {
    let found = || excerpt(&words.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
    let bad = |hint: &str| QueryError::new(Problem::BadSetting { found: found() }, hint);
    let (key, measure, number) = match words {
        [Token::Word(key), Token::Eq, Token::Number(number, false)] => (key, None, number),
        [
            Token::Word(key),
            Token::LParen,
            Token::Word(of),
            Token::RParen,
            Token::Eq,
            Token::Number(number, false),
        ] => (key, Some(&of.value), number),
        _ => return Err(bad("write error = n, error(measure) = n or epsilon = x, and confidence = p")),
    };
    if key.quote_style.is_some() {
        return Err(bad("a setting is no name: write it without quotes"));
    }
    let twice = || bad("give each setting once");
    match (key.value.to_ascii_lowercase().as_str(), measure) {
        ("error", measure) => {
            let error = number.parse().ok().filter(|error| *error > 0);
            let error: u64 = error.ok_or_else(|| bad("an error is a whole number from 1 to 2^64 - 1"))?;
            if ask.cost == Cost::Default {
                ask.cost = Cost::Errors { count: None, sums: [].into() };
            }
            let Cost::Errors { count, sums } = &mut ask.cost else {
                return Err(bad("give either errors or epsilon"));
            };
            let before = match measure {
                None => count.replace(error),
                Some(name) => {
                    find_summable(catalogue, name)?;
                    sums.insert(name.to_ascii_lowercase(), error)
                }
            };
            before.map_or(Ok(()), |_| Err(twice()))
        }
        ("epsilon", None) => {
            let epsilon = read_epsilon(number).ok_or_else(|| {
                bad("an epsilon is from 0.000000001 to 1000, with at most 9 digits after the point")
            })?;
            if ask.cost != Cost::Default {
                return Err(bad("give either errors or epsilon, once"));
            }
            ask.cost = Cost::Epsilon(epsilon);
            Ok(())
        }
        ("confidence", None) => {
            let given =
                Probability::read(number).ok_or_else(|| bad("a confidence is between 0.001 and 0.999"))?;
            confidence.replace(given).map_or(Ok(()), |_| Err(twice()))
        }
        _ => {
            let near =
                crate::tags::nearest(&key.value.to_ascii_lowercase(), ["error", "epsilon", "confidence"]);
            Err(bad(&near.map_or_else(
                || "the settings are error, epsilon and confidence".to_owned(),
                |near| format!("did you mean `{near}`?"),
            )))
        }
    }
}
