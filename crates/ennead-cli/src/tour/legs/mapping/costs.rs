//! The cost table in shared memory, which the three programs change at the same time: 100,000 guarded changes, whose sums must come out exactly.

use std::sync::Arc;

use ennead_mapping::{FileMapping, Guarded, MappingOptions, ViewAccess, plain_struct, rights};

use crate::tour::job::{Job, Role};
use crate::tour::line::LineError;
use crate::tour::summary::{self, MOST_LINES, Summary};

/// Changes that the three make together.
const CHANGES: u64 = 100_000;
/// The word processor looks after so many of its own.
const LOOK: u64 = 16;

plain_struct! {
    /// What is on stock of a group, and what it cost.
    #[derive(Debug, PartialEq, Eq)]
    struct Row {
        parts: u64,
        changes: u64,
        quantity: i128,
        cost: i128,
    }

    /// The table as it lies in memory.
    #[derive(Debug, PartialEq, Eq)]
    struct Table {
        /// 0 until the spreadsheet has put the table there.
        lines: u64,
        changes: u64,
        total: Row,
        rows: [Row; MOST_LINES],
    }
}

/// The guarded table.
pub struct Costs(Guarded<Table>);

impl Costs {
    /// In the spreadsheet, before anybody else looks for it.
    pub fn create(job: &Job) -> Result<Costs, LineError> {
        let memory = MappingOptions::memory(Guarded::<Table>::size() as u64).create(&name(job))?;
        Costs::of(&memory)
    }

    fn open(job: &Job) -> Result<Costs, LineError> {
        Costs::of(&FileMapping::open(&name(job), rights::ALL_ACCESS)?)
    }

    fn of(memory: &FileMapping) -> Result<Costs, LineError> {
        Ok(Costs(Guarded::new(&Arc::new(memory.view(ViewAccess::Write)?), 0)?))
    }

    /// Waits until the table is as `wanted`.
    fn wait_until(&self, wanted: impl Fn(&Table) -> bool) -> Result<Table, LineError> {
        loop {
            let version = self.0.version()?;
            let table = self.0.snapshot()?;
            table.check()?;
            if wanted(&table) {
                return Ok(table);
            }
            self.0.wait_for_change(version, None)?;
        }
    }
}

fn name(job: &Job) -> String {
    format!("Local\\{}-costs", job.address)
}

/// Each program's part: every third change. The spreadsheet puts the table there first; the word processor reads it all the while, and judges it at the end.
pub fn change_together(role: Role, job: &Job, summary: Option<&Summary>) -> Result<(), LineError> {
    let costs = Costs::open(job)?;
    if let (Role::Spreadsheet, Some(summary)) = (role, summary) {
        let mut table = costs.0.lock(None)?;
        *table = Table::of(summary);
        table.finish()?;
    }
    let first = costs.wait_until(|table| table.lines > 0)?;
    let mine = Role::ALL.iter().position(|of| *of == role).unwrap_or_default() as u64;
    for number in (mine..CHANGES).step_by(Role::ALL.len()) {
        let mut table = costs.0.lock(None)?;
        table.change(number, first.lines)?;
        table.finish()?;
        if role == Role::WordProcessor && number / 3 % LOOK == 0 {
            costs.0.snapshot()?.check()?;
        }
    }
    // Until the others are done, so that nobody closes the memory that another still needs to open.
    let last = costs.wait_until(|table| table.changes == CHANGES)?;
    if let (Role::WordProcessor, Some(summary)) = (role, summary) {
        let mut expected = Table::of(summary);
        for number in 0..CHANGES {
            expected.change(number, first.lines)?;
        }
        if last != expected {
            return Err(LineError::new(
                "the sums of the shared cost table are not what the changes add up to",
            ));
        }
    }
    Ok(())
}

impl Table {
    fn of(summary: &Summary) -> Table {
        let row = |line: &summary::Line| Row {
            parts: line.parts,
            changes: 0,
            quantity: line.quantity.0,
            cost: line.cost.0,
        };
        let nothing = Row { parts: 0, changes: 0, quantity: 0, cost: 0 };
        let mut rows = [nothing; MOST_LINES];
        for (row_there, line) in rows.iter_mut().zip(&summary.lines) {
            *row_there = row(line);
        }
        // A table without lines has one to change all the same.
        let lines = summary.lines.len().clamp(1, MOST_LINES) as u64;
        Table { lines, changes: 0, total: row(&summary.total), rows }
    }

    /// Change `number`: some units come to one group, or go, at some price.
    fn change(&mut self, number: u64, lines: u64) -> Result<(), LineError> {
        let quantity = i128::from(number % 7) - 2;
        let cost = quantity * (i128::from(number % 11) + 1);
        let too_large = || LineError::new("the costs add up to more than exact numbers can hold");
        let row = self.rows.get_mut((number % lines.max(1)) as usize);
        for row in [row.ok_or_else(too_large)?, &mut self.total] {
            row.changes += 1;
            row.quantity = row.quantity.checked_add(quantity).ok_or_else(too_large)?;
            row.cost = row.cost.checked_add(cost).ok_or_else(too_large)?;
        }
        self.changes += 1;
        Ok(())
    }

    /// Whether the lines add up to the total: no half of a change is ever seen.
    fn check(&self) -> Result<(), LineError> {
        let sum = |of: fn(&Row) -> i128| self.rows.iter().map(of).fold(0, i128::wrapping_add);
        let sums = (sum(|row| row.quantity), sum(|row| row.cost));
        let changes: u64 = self.rows.iter().map(|row| row.changes).sum();
        if sums == (self.total.quantity, self.total.cost) && changes == self.changes {
            Ok(())
        } else {
            Err(LineError::new("half of a change was seen in the shared cost table"))
        }
    }
}
