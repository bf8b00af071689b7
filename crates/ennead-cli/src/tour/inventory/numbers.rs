//! Numbers as people write them: decimal point or decimal comma, thousands grouped by comma, point, blank or apostrophe,
//! a currency before or after. Which of comma and point is the decimal mark is decided once a file, from all of its numbers.

use crate::tour::money::Decimal;

/// The character before the decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// `1,234.56`
    Point,
    /// `1.234,56`
    Comma,
}

/// Decides the decimal mark from every number of a file. Where nothing tells (`1,234`), a semicolon-separated file is
/// taken to use the decimal comma, because that is why its writer avoided the comma as a separator.
pub fn decimal_mark<'a>(numbers: impl Iterator<Item = &'a str>, separator: char) -> Mark {
    let (mut point, mut comma, mut saw_comma, mut saw_point) = (0usize, 0usize, false, false);
    for number in numbers {
        let (points, commas) = (number.matches('.').count(), number.matches(',').count());
        (saw_point, saw_comma) = (saw_point || points > 0, saw_comma || commas > 0);
        let digits_after =
            |c| number.rsplit(c).next().map_or(0, |tail| tail.chars().filter(char::is_ascii_digit).count());
        match (points, commas) {
            (0, 0) => {}
            // Both: the last one is the decimal mark.
            (1.., 1..) if number.rfind('.') > number.rfind(',') => point += 1,
            (1.., 1..) => comma += 1,
            // A mark that stands twice groups thousands, and so does not mark decimals.
            (2.., 0) => comma += 1,
            (0, 2..) => point += 1,
            (1, 0) if digits_after('.') != 3 || number.trim_start_matches('-').starts_with("0.") => {
                point += 1;
            }
            (0, 1) if digits_after(',') != 3 || number.trim_start_matches('-').starts_with("0,") => {
                comma += 1;
            }
            _ => {}
        }
    }
    match (comma.cmp(&point), saw_comma, saw_point) {
        (std::cmp::Ordering::Greater, ..) => Mark::Comma,
        (std::cmp::Ordering::Equal, true, false) if separator == ';' => Mark::Comma,
        _ => Mark::Point,
    }
}

/// Reads one number exactly; the error says what is wrong with it, without repeating it.
pub fn parse(text: &str, mark: Mark) -> Result<Decimal, &'static str> {
    let text = without_currency(text.trim());
    let (negative, text) = match text.strip_prefix(['-', '\u{2212}']) {
        Some(rest) => (true, rest.trim_start()),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let text = without_currency(text);
    if text.is_empty() {
        return Err("is empty");
    }
    let (decimal, group) = if mark == Mark::Point { ('.', ',') } else { (',', '.') };
    let (whole, fraction) = text.split_once(decimal).unwrap_or((text, ""));
    let whole = ungrouped(whole, group)?;
    let fraction = fraction.trim_end_matches('0');
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("is not a number");
    }
    if whole.is_empty() && !text.chars().any(|c| c.is_ascii_digit()) {
        return Err("is not a number");
    }
    if fraction.len() > Decimal::DIGITS {
        return Err("has more than six decimals");
    }
    let digits = format!("{whole}{fraction:0<width$}", width = Decimal::DIGITS);
    let magnitude: i64 = digits.parse().map_err(|_| "is too large")?;
    Ok(Decimal(if negative { -magnitude } else { magnitude }))
}

/// The digits of the whole part. Groups must be of three digits (or two and three, as in India) and not be empty.
fn ungrouped(whole: &str, group: char) -> Result<String, &'static str> {
    let is_group = |c: char| c == group || matches!(c, '\'' | '\u{2019}' | ' ' | '\u{a0}' | '\u{202f}');
    let mut pieces = whole.split(is_group).peekable();
    let mut digits = String::with_capacity(whole.len());
    let mut first = true;
    while let Some(piece) = pieces.next() {
        let last = pieces.peek().is_none();
        let fits = match (first, last) {
            (true, true) => true,
            (true, false) => (1..=3).contains(&piece.len()),
            (false, true) => piece.len() == 3,
            (false, false) => piece.len() == 3 || piece.len() == 2,
        };
        if !fits || !piece.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err("is not a number");
        }
        digits.push_str(piece);
        first = false;
    }
    Ok(digits)
}

fn without_currency(text: &str) -> &str {
    let sign = |c: char| matches!(c, '$' | '€' | '£' | '¥' | '₹' | '₽' | '₩');
    let text = text.trim_start_matches(sign).trim_end_matches(sign).trim();
    for (code, rest) in [
        (text.get(..3), text.get(3..)),
        (
            text.len().checked_sub(3).and_then(|at| text.get(at..)),
            text.len().checked_sub(3).and_then(|at| text.get(..at)),
        ),
    ] {
        if let (Some(code), Some(rest)) = (code, rest)
            && code.bytes().all(|byte| byte.is_ascii_alphabetic())
        {
            return rest.trim();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(text: &str) -> Result<i64, &'static str> {
        parse(text, Mark::Point).map(|decimal| decimal.0)
    }

    fn comma(text: &str) -> Result<i64, &'static str> {
        parse(text, Mark::Comma).map(|decimal| decimal.0)
    }

    #[test]
    fn numbers_as_people_write_them() {
        assert_eq!(point("12"), Ok(12_000_000));
        assert_eq!(point(" $1,234.50 "), Ok(1_234_500_000));
        assert_eq!(point("-$3.25"), Ok(-3_250_000));
        assert_eq!(point(".5"), Ok(500_000));
        assert_eq!(point("5."), Ok(5_000_000));
        assert_eq!(point("12'345 EUR"), Ok(12_345_000_000));
        assert_eq!(comma("1.234,56 €"), Ok(1_234_560_000));
        assert_eq!(comma("1 234,5"), Ok(1_234_500_000));
        assert_eq!(point("0.0021000000000"), Ok(2_100));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "", "-", ".", "abc", "1.2.3", "1,23", "12,34,5", "1e5", "0x10", "NaN", "--1", "1-", "٣", "$",
            "1..2", ",", "1,,000",
        ] {
            assert!(point(text).is_err(), "{text}");
        }
        assert_eq!(point("1.2345678"), Err("has more than six decimals"));
        assert_eq!(point("9223372036855"), Err("is too large"));
        assert_eq!(point("99999999999999999999999999"), Err("is too large"));
    }

    #[test]
    fn the_file_decides_the_decimal_mark() {
        let mark = |numbers: &[&str], separator| decimal_mark(numbers.iter().copied(), separator);
        assert_eq!(mark(&["1,234", "0.5"], ','), Mark::Point);
        assert_eq!(mark(&["12,5", "1.234"], ';'), Mark::Comma);
        assert_eq!(mark(&["1,234"], ';'), Mark::Comma);
        assert_eq!(mark(&["1,234"], '\t'), Mark::Point);
        assert_eq!(mark(&["1.234.567"], ';'), Mark::Comma);
        assert_eq!(mark(&["0,125"], ','), Mark::Comma);
    }

    proptest::proptest! {
        #[test]
        fn what_we_print_we_read(millionths in i64::MIN + 1..i64::MAX) {
            let text = crate::tour::money::Total(millionths.into()).to_string();
            proptest::prop_assert_eq!(point(&text), Ok(millionths));
        }

        #[test]
        fn any_text_is_a_number_or_an_error(text in ".{0,24}") {
            let _ = (point(&text), comma(&text));
        }
    }
}
