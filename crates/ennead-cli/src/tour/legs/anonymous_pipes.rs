//! Anonymous pipes: two for each connection, since each goes one way. The conductor makes all four and gives every end to
//! the one program that may have it; nobody needs a name.

use ennead_pipe::anonymous::{Reader, Redirect, Writer, inherited_reader, inherited_writer, pipe};

use super::frames::Frames;
use crate::tour::job::{Job, Role};
use crate::tour::line::{Leg, Line, LineError, Link, Listener, Prepared};

/// The leg.
pub struct AnonymousPipes;

impl Leg for AnonymousPipes {
    fn prepare(&self, _address: &str) -> Result<Box<dyn Prepared>, LineError> {
        let mut ends = Vec::new();
        for (link, server, client) in [
            (Link::Table, Role::Spreadsheet, Role::WordProcessor),
            (Link::Stock, Role::Inventory, Role::Spreadsheet),
        ] {
            let (question_reader, question_writer) = pipe()?;
            let (answer_reader, answer_writer) = pipe()?;
            ends.push(End { link, owner: server, reader: question_reader, writer: answer_writer });
            ends.push(End { link, owner: client, reader: answer_reader, writer: question_writer });
        }
        Ok(Box::new(Ends(ends)))
    }

    fn listen(&self, _job: &Job, link: Link) -> Result<Box<dyn Listener>, LineError> {
        Ok(Box::new(inherited(link)?))
    }

    fn connect(&self, _job: &Job, link: Link) -> Result<Box<dyn Line>, LineError> {
        Ok(Box::new(inherited(link)?))
    }
}

fn inherited(link: Link) -> Result<Frames<Reader, Writer>, LineError> {
    let (from, to) = names(link);
    Ok(Frames::new(inherited_reader(&from)?, inherited_writer(&to)?))
}

/// By which a program finds what it reads and what it writes.
fn names(link: Link) -> (String, String) {
    (format!("{}_read", link.word()), format!("{}_write", link.word()))
}

/// What one program inherits for one connection.
struct End {
    link: Link,
    owner: Role,
    reader: Reader,
    writer: Writer,
}

/// The ends that have not been given yet.
struct Ends(Vec<End>);

impl Prepared for Ends {
    fn equip(&mut self, role: Role, mut program: Redirect) -> Result<Redirect, LineError> {
        for end in self.0.extract_if(.., |end| end.owner == role) {
            let (from, to) = names(end.link);
            program = program.give_reader(&from, end.reader).give_writer(&to, end.writer);
        }
        Ok(program)
    }

    fn give_up(&mut self) {
        self.0.clear();
    }
}

impl Listener for Frames<Reader, Writer> {
    fn accept(self: Box<Self>) -> Result<Box<dyn Line>, LineError> {
        Ok(self)
    }
}
