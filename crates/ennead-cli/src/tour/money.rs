//! Exact decimal arithmetic for quantities and money. No floating point: a sum over a million rows is right to the last
//! digit, and an overflow is an error instead of a wrong number.

use std::fmt;

/// A quantity or a unit cost, in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decimal(pub i64);

/// A cost: the exact product of a quantity and a unit cost, in 10⁻¹² of the currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost(pub i128);

/// A sum of quantities, in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Total(pub i128);

impl Decimal {
    /// Millionths in one.
    pub const ONE: i64 = 1_000_000;
    /// Digits after the point that are kept.
    pub const DIGITS: usize = 6;

    /// What this many of something cost. Always fits: two 63-bit factors.
    pub fn times(self, unit_cost: Decimal) -> Cost {
        Cost(i128::from(self.0) * i128::from(unit_cost.0))
    }
}

impl Cost {
    /// The sum, unless it leaves the range.
    pub fn plus(self, other: Cost) -> Option<Cost> {
        self.0.checked_add(other.0).map(Cost)
    }

    /// All digits that matter and nothing else: for machines.
    pub fn exact(self) -> String {
        exact(self.0, 2 * Decimal::DIGITS)
    }

    /// This as parts in `scale` of `whole`, rounded down, never above `scale`; 0 where either is not positive.
    pub fn share_of(self, whole: Cost, scale: u32) -> u32 {
        if self.0 <= 0 || whole.0 <= 0 {
            return 0;
        }
        // The quotient of the high parts is exact enough for a drawing and cannot overflow.
        let shift = 128u32.saturating_sub(whole.0.leading_zeros() + 64);
        let (part, whole) = ((self.0 >> shift), (whole.0 >> shift).max(1));
        u32::try_from(part.min(whole) * i128::from(scale) / whole).unwrap_or(scale).min(scale)
    }
}

impl Total {
    /// The sum, unless it leaves the range.
    pub fn plus(self, other: Total) -> Option<Total> {
        self.0.checked_add(other.0).map(Total)
    }

    /// All digits that matter and nothing else: for machines.
    pub fn exact(self) -> String {
        exact(self.0, Decimal::DIGITS)
    }
}

impl fmt::Display for Cost {
    /// Two digits after the point, halves away from zero, thousands grouped: `-1,234,567.89`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const CENT: u128 = 10_000_000_000;
        let magnitude = self.0.unsigned_abs();
        let cents = magnitude / CENT + u128::from(magnitude % CENT >= CENT / 2);
        let sign = if self.0 < 0 && cents > 0 { "-" } else { "" };
        f.pad(&format!("{sign}{}.{:02}", grouped(cents / 100), cents % 100))
    }
}

impl fmt::Display for Total {
    /// All digits that matter, thousands grouped: `12,400` or `3.5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = u128::from(Decimal::ONE.unsigned_abs());
        let magnitude = self.0.unsigned_abs();
        let fraction = format!("{:06}", magnitude % one);
        let fraction = fraction.trim_end_matches('0');
        let (point, sign) = (if fraction.is_empty() { "" } else { "." }, if self.0 < 0 { "-" } else { "" });
        f.pad(&format!("{sign}{}{point}{fraction}", grouped(magnitude / one)))
    }
}

fn exact(number: i128, decimals: usize) -> String {
    let digits = format!("{:0width$}", number.unsigned_abs(), width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    let fraction = fraction.trim_end_matches('0');
    let (point, sign) = (if fraction.is_empty() { "" } else { "." }, if number < 0 { "-" } else { "" });
    format!("{sign}{whole}{point}{fraction}")
}

/// The digits in groups of three.
pub fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_and_sums_are_exact() {
        let a = Decimal(3 * Decimal::ONE).times(Decimal(100_000));
        assert_eq!(a.to_string(), "0.30");
        let mut sum = Cost::default();
        for _ in 0..1_000_000 {
            sum = sum.plus(a).unwrap();
        }
        assert_eq!(sum.to_string(), "300,000.00");
        assert_eq!(Cost(i128::MAX).plus(Cost(1)), None);
        assert!(Decimal(i64::MIN).times(Decimal(i64::MIN)).0 > 0);
    }

    #[test]
    fn rounding_is_half_away_from_zero_and_knows_no_minus_zero() {
        assert_eq!(Cost(5_000_000_000).to_string(), "0.01");
        assert_eq!(Cost(-5_000_000_000).to_string(), "-0.01");
        assert_eq!(Cost(-4_999_999_999).to_string(), "0.00");
        assert_eq!(Cost(999_995_000_000_000).to_string(), "1,000.00");
        assert_eq!(Total(-1_500_000).to_string(), "-1.5");
        assert_eq!((Cost(-1).exact(), Cost(0).exact()), ("-0.000000000001".into(), "0".into()));
        assert_eq!(Cost(1_234_500_000_000_000).exact(), "1234.5");
        assert_eq!(Total(12_400_000_000).to_string(), "12,400");
    }

    #[test]
    fn a_share_never_overflows() {
        assert_eq!(Cost(i128::MAX).share_of(Cost(i128::MAX), 1000), 1000);
        assert_eq!(Cost(i128::MAX / 2).share_of(Cost(i128::MAX), 1000), 499);
        assert_eq!(Cost(1).share_of(Cost(2), 1000), 500);
        assert_eq!(Cost(-1).share_of(Cost(2), 1000), 0);
        assert_eq!(Cost(1).share_of(Cost(0), 1000), 0);
    }
}
