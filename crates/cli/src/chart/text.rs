//! Text inside drawings: how wide it is about, and where its lines break.

/// The width of a letter of the charts' font, about; letters of East Asian scripts are twice as wide.
const LETTER: f64 = 7.1;

/// About how wide a text is drawn.
pub(super) fn width(text: &str) -> f64 {
    text.chars().map(|letter| LETTER * if is_wide(letter) { 1.85 } else { 1.0 }).sum()
}

/// Whether a letter fills a square, and lines may break beside it.
fn is_wide(letter: char) -> bool {
    matches!(u32::from(letter), 0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe6f | 0xff00..=0xff60 | 0x20000..=0x3fffd)
}

/// Whether a letter is a mark that no line begins with: full-width commas, stops and closing brackets.
fn ends_something(letter: char) -> bool {
    matches!(
        u32::from(letter),
        0x3001
            | 0x3002
            | 0x3009
            | 0x300b
            | 0x300d
            | 0x3011
            | 0xff01
            | 0xff09
            | 0xff0c
            | 0xff1a
            | 0xff1b
            | 0xff1f
    )
}

/// The text, cut to a width with a mark where it was.
pub(super) fn cut(text: &str, room: f64) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let mut short = String::new();
    for letter in text.chars() {
        if width(&short) + 2.0 * LETTER > room {
            break;
        }
        short.push(letter);
    }
    format!("{}\u{2026}", short.trim_end())
}

/// The text in lines of a width, at most so many; what does not fit is cut.
pub(super) fn wrap(text: &str, room: f64, most: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for piece in pieces(text) {
        let Some(line) = lines.last_mut() else { break };
        let sticks = piece.chars().all(ends_something);
        if !line.is_empty() && !sticks && width(line) + width(piece.trim_end()) > room {
            lines.push(piece.to_owned());
        } else {
            line.push_str(piece);
        }
    }
    if lines.len() > most {
        let rest = lines.split_off(most.saturating_sub(1)).concat();
        lines.push(rest);
    }
    // A mark that ends something may exceed the room by its own width.
    let overhang = |line: &str| if line.ends_with(ends_something) { 2.0 * LETTER } else { 0.0 };
    let fits = |line: &str| width(line) <= room + overhang(line);
    let shown = lines.iter().map(|line| line.trim_end());
    let shown = shown.map(|line| if fits(line) { line.to_owned() } else { cut(line, room) });
    shown.filter(|line| !line.is_empty()).collect()
}

/// The parts of a text between which a line may break.
fn pieces(text: &str) -> Vec<&str> {
    let mut all = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.char_indices().find(|(_, letter)| letter.is_whitespace() || is_wide(*letter));
        let end = end.map_or(rest.len(), |(at, letter)| at + letter.len_utf8());
        let Some((piece, after)) = rest.split_at_checked(end) else { break };
        all.push(piece);
        rest = after;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_spaces_and_beside_wide_letters() {
        assert_eq!(wrap("one two three", 8.0 * LETTER, 5), ["one two", "three"]);
        assert_eq!(wrap("one two three four", 8.0 * LETTER, 2), ["one two", "three f\u{2026}"]);
        let wide = "\u{652f}\u{4ed8}\u{8bb0}\u{5f55}";
        assert_eq!(wrap(wide, 4.0 * LETTER, 5).len(), 2);
        assert_eq!(
            wrap("\u{652f}\u{4ed8}\u{ff0c}\u{8bb0}", 4.0 * LETTER, 5),
            ["\u{652f}\u{4ed8}\u{ff0c}", "\u{8bb0}"]
        );
        assert_eq!(cut("short", 100.0), "short");
        assert!(
            cut(&"x".repeat(90), 100.0).ends_with('\u{2026}') && width(&cut(&"x".repeat(90), 100.0)) <= 100.0
        );
        assert!(wrap("", 10.0, 3).is_empty());
    }
}
