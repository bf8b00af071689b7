//! The inventory program's data: any CSV with a part, a quantity and a unit cost. A row that cannot be read is named by its
//! line and left out; the rest goes on.

mod columns;
mod numbers;
mod records;
mod text;

use self::columns::Columns;
use super::money::Decimal;

/// The inventory that ships with the program, so that the tour works anywhere.
pub const DEFAULT: &[u8] = include_bytes!("../../../../examples/data/inventory.csv");

/// Bytes in a part's or a group's name.
pub const LONGEST_NAME: usize = 1024;

/// Bytes in an inventory. It is read into memory.
pub const LARGEST: u64 = 256 << 20;

/// Parts on stock, in the order of the file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The rows that could be read.
    pub parts: Vec<Part>,
    /// The rows that could not.
    pub broken: Vec<BrokenRow>,
    /// What the parts are grouped by: the file's own word, or "part".
    pub grouped_by: String,
    /// The currency, where the file names one; else empty.
    pub currency: String,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What identifies it.
    pub name: String,
    /// Its category, or whatever else the file groups by.
    pub group: String,
    /// How many there are; negative where more is promised than there is.
    pub quantity: Decimal,
    /// What one costs; never negative.
    pub unit_cost: Decimal,
}

/// A row that was left out.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct BrokenRow {
    /// Its first line in the file, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

impl Inventory {
    /// Reads a file's bytes. Fails where no row could be read at all, with what was found instead.
    pub fn read(bytes: &[u8]) -> Result<Inventory, String> {
        let text = text::decode(bytes);
        let separator = records::separator_of(&text);
        let mut records = records::records(&text, separator);
        let header = match records.next() {
            None => return Err("the file is empty".into()),
            Some(first) => {
                first.fields.map_err(|reason| format!("the first line cannot be read: {reason}"))?
            }
        };
        let columns = Columns::find(&header).map_err(|missing| {
            let found = crate::visible::shortened(&header.join(", "), 200);
            format!("there is no column for {}; the first line names: {found}", missing.join(", "))
        })?;
        let records: Vec<_> = records.collect();
        let mark = numbers::decimal_mark(
            records
                .iter()
                .filter_map(|record| record.fields.as_ref().ok())
                .flat_map(|fields| [fields.get(columns.quantity), fields.get(columns.unit_cost)])
                .flatten()
                .map(String::as_str),
            separator,
        );
        let mut inventory = Inventory {
            grouped_by: columns.group.as_ref().map_or_else(|| "part".into(), |(_, title)| title.clone()),
            currency: columns.currency.clone().unwrap_or_default(),
            ..Inventory::default()
        };
        for record in records {
            let fields = record.fields.map_err(str::to_owned);
            match fields.and_then(|fields| Part::read(&fields, &columns, mark)) {
                Ok(part) => inventory.parts.push(part),
                Err(reason) => inventory.broken.push(BrokenRow { line: record.line, reason }),
            }
        }
        match (inventory.parts.is_empty(), inventory.broken.first()) {
            (false, _) => Ok(inventory),
            (true, None) => Err("there is no row below the header".into()),
            (true, Some(broken)) => {
                Err(format!("no row can be read; the first, in line {}: {}", broken.line, broken.reason))
            }
        }
    }
}

impl Part {
    fn read(fields: &[String], columns: &Columns, mark: numbers::Mark) -> Result<Part, String> {
        let field = |at: usize, what: &str| {
            fields.get(at).map(String::as_str).ok_or_else(|| format!("the row ends before its {what}"))
        };
        let name = field(columns.part, "part")?;
        let quantity = field(columns.quantity, "quantity")?;
        let unit_cost = field(columns.unit_cost, "unit cost")?;
        let group = match &columns.group {
            Some((at, _)) => {
                fields.get(*at).map(String::as_str).filter(|group| !group.is_empty()).unwrap_or("(none)")
            }
            None => name,
        };
        if name.is_empty() {
            return Err("the part has no name".into());
        }
        if name.len() > LONGEST_NAME || group.len() > LONGEST_NAME {
            return Err(format!("a name is longer than {LONGEST_NAME} bytes"));
        }
        let number = |text: &str, what: &str| {
            numbers::parse(text, mark).map_err(|reason| match text {
                "" => format!("the {what} {reason}"),
                _ => format!("the {what} “{}” {reason}", crate::visible::shortened(text, 40)),
            })
        };
        let (quantity, unit_cost) = (number(quantity, "quantity")?, number(unit_cost, "unit cost")?);
        if unit_cost < Decimal(0) {
            return Err("the unit cost is negative".into());
        }
        Ok(Part { name: name.into(), group: group.into(), quantity, unit_cost })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_inventory_has_no_broken_row() {
        let inventory = Inventory::read(DEFAULT).unwrap();
        assert!(inventory.parts.len() >= 195, "{}", inventory.parts.len());
        assert_eq!(inventory.broken, []);
        assert_eq!((inventory.grouped_by.as_str(), inventory.currency.as_str()), ("category", "EUR"));
    }

    #[test]
    fn broken_rows_are_named_and_the_rest_goes_on() {
        let inventory = Inventory::read(
            b"Part;Qty;Unit price\nbolt;1.000;0,25\nnut;many;0,10\n\n;3;1\nwasher;7\n\"pin;1;1\nscrew;2;-1\nrod;2;1,5;extra\n",
        )
        .unwrap();
        let names: Vec<_> = inventory.parts.iter().map(|part| part.name.as_str()).collect();
        assert_eq!(names, ["bolt", "rod"]);
        assert_eq!(inventory.parts[0].quantity, Decimal(1_000 * Decimal::ONE));
        assert_eq!(inventory.parts[0].unit_cost, Decimal(250_000));
        let broken: Vec<_> = inventory.broken.iter().map(|row| (row.line, row.reason.as_str())).collect();
        assert_eq!(
            broken,
            [
                (3, "the quantity “many” is not a number"),
                (5, "the part has no name"),
                (6, "the row ends before its unit cost"),
                (7, "a quote is opened and never closed"),
                (8, "the unit cost is negative"),
            ]
        );
    }

    #[test]
    fn a_file_that_is_no_inventory_says_why() {
        assert_eq!(Inventory::read(b"").unwrap_err(), "the file is empty");
        assert_eq!(Inventory::read(b"part,qty,cost\n").unwrap_err(), "there is no row below the header");
        assert!(Inventory::read(b"part,cost\nx,1\n").unwrap_err().contains("no column for quantity"));
        assert!(Inventory::read(b"\x7fELF\x02\x01\0\0\0").is_err());
        assert!(Inventory::read(b"part,qty,cost\nx,y,z\n").unwrap_err().contains("line 2"));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_an_inventory_or_an_error(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = Inventory::read(&bytes);
            let _ = Inventory::read(&[b"part,qty,cost\n", bytes.as_slice()].concat());
        }
    }
}
