//! The summary table of manufacturing costs, which the spreadsheet makes of the stock levels.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::inventory::Inventory;
use super::money::{Cost, Decimal, Total};

/// Lines in a summary; what is beyond them is one line "all others".
pub const MOST_LINES: usize = 40;

/// Groups that are told apart while adding up: what a peer can make us remember.
pub const MOST_GROUPS: usize = 1 << 20;

/// The table: one line a group, the dearest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// What the lines stand for: "category", "supplier", …
    pub grouped_by: String,
    /// Its code, or empty.
    pub currency: String,
    /// The groups.
    pub lines: Vec<Line>,
    /// Their sum.
    pub total: Line,
}

/// One group's line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The group.
    pub label: String,
    /// Rows of the inventory.
    pub parts: u64,
    /// Units on stock.
    #[serde(with = "exact")]
    pub quantity: Total,
    /// Their cost.
    #[serde(with = "exact")]
    pub cost: Cost,
}

/// Why there is no summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooLarge {
    /// A sum left the range of exact numbers.
    Sum,
    /// There are more groups than [`MOST_GROUPS`].
    Groups,
}

impl std::fmt::Display for TooLarge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TooLarge::Sum => f.write_str("the costs add up to more than exact numbers can hold"),
            TooLarge::Groups => write!(f, "there are more than {MOST_GROUPS} groups"),
        }
    }
}

/// Adds parts up as they come, so that an inventory of any length takes only its groups' memory.
#[derive(Debug, Default)]
pub struct Adder {
    groups: HashMap<String, Line>,
    total: Line,
}

impl Adder {
    /// Adds one part.
    pub fn add(&mut self, group: &str, quantity: Decimal, unit_cost: Decimal) -> Result<(), TooLarge> {
        let part = Line {
            label: String::new(),
            parts: 1,
            quantity: Total(quantity.0.into()),
            cost: quantity.times(unit_cost),
        };
        self.total.include(&part)?;
        if let Some(line) = self.groups.get_mut(group) {
            return line.include(&part);
        }
        if self.groups.len() == MOST_GROUPS {
            return Err(TooLarge::Groups);
        }
        self.groups.insert(group.to_owned(), part);
        Ok(())
    }

    /// The table.
    pub fn finish(self, grouped_by: &str, currency: &str) -> Result<Summary, TooLarge> {
        let mut lines: Vec<Line> =
            self.groups.into_iter().map(|(label, line)| Line { label, ..line }).collect();
        lines.sort_by(|a, b| b.cost.cmp(&a.cost).then_with(|| a.label.cmp(&b.label)));
        if lines.len() > MOST_LINES {
            let others = lines.split_off(MOST_LINES - 1);
            let mut rest = Line { label: format!("all {} others", others.len()), ..Line::default() };
            for line in &others {
                rest.include(line)?;
            }
            lines.push(rest);
        }
        Ok(Summary {
            grouped_by: grouped_by.to_owned(),
            currency: currency.to_owned(),
            lines,
            total: self.total,
        })
    }
}

impl Line {
    fn include(&mut self, other: &Line) -> Result<(), TooLarge> {
        self.parts = self.parts.checked_add(other.parts).ok_or(TooLarge::Sum)?;
        self.quantity = self.quantity.plus(other.quantity).ok_or(TooLarge::Sum)?;
        self.cost = self.cost.plus(other.cost).ok_or(TooLarge::Sum)?;
        Ok(())
    }
}

impl Summary {
    /// The summary of a whole inventory.
    pub fn of(inventory: &Inventory) -> Result<Summary, TooLarge> {
        let mut adder = Adder::default();
        for part in &inventory.parts {
            adder.add(&part.group, part.quantity, part.unit_cost)?;
        }
        adder.finish(&inventory.grouped_by, &inventory.currency)
    }
}

/// 128-bit integers as text: JSON readers would round them.
mod exact {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use super::{Cost, Total};

    pub trait Exact: Copy {
        fn into_integer(self) -> i128;
        fn from_integer(integer: i128) -> Self;
    }

    impl Exact for Cost {
        fn into_integer(self) -> i128 {
            self.0
        }
        fn from_integer(integer: i128) -> Cost {
            Cost(integer)
        }
    }

    impl Exact for Total {
        fn into_integer(self) -> i128 {
            self.0
        }
        fn from_integer(integer: i128) -> Total {
            Total(integer)
        }
    }

    pub fn serialize<S: Serializer>(value: &impl Exact, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&value.into_integer())
    }

    pub fn deserialize<'de, T: Exact, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map(T::from_integer).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tour::inventory::Part;

    fn summary(parts: &[(&str, i64, i64)]) -> Result<Summary, TooLarge> {
        let part = |&(group, quantity, unit_cost): &(&str, i64, i64)| Part {
            name: "x".into(),
            group: group.into(),
            quantity: Decimal(quantity),
            unit_cost: Decimal(unit_cost),
        };
        Summary::of(&Inventory { parts: parts.iter().map(part).collect(), ..Inventory::default() })
    }

    #[test]
    fn groups_are_added_up_and_sorted() {
        let summary =
            summary(&[("a", 1_000_000, 500_000), ("b", 2_000_000, 1_000_000), ("a", 1_000_000, 250_000)])
                .unwrap();
        let shown: Vec<_> =
            summary.lines.iter().map(|line| (line.label.as_str(), line.cost.to_string())).collect();
        assert_eq!(shown, [("b", "2.00".to_owned()), ("a", "0.75".to_owned())]);
        assert_eq!((summary.total.parts, summary.total.cost.to_string()), (3, "2.75".into()));
        let json = serde_json::to_string(&summary).unwrap();
        assert_eq!(serde_json::from_str::<Summary>(&json).unwrap(), summary);
    }

    #[test]
    fn many_groups_end_in_one_line_and_overflow_is_an_error() {
        let names: Vec<String> = (0..100).map(|i| format!("g{i}")).collect();
        let parts: Vec<_> =
            names.iter().zip(0..).map(|(name, i)| (name.as_str(), 1_000_000, 1_000_000 + i)).collect();
        let many = summary(&parts).unwrap();
        assert_eq!(many.lines.len(), MOST_LINES);
        assert_eq!(many.lines.last().unwrap().label, "all 61 others");
        let sum: i128 = many.lines.iter().map(|line| line.cost.0).sum();
        assert_eq!(sum, many.total.cost.0);
        assert_eq!(summary(&[("a", i64::MAX, i64::MAX); 3]), Err(TooLarge::Sum));
    }
}
