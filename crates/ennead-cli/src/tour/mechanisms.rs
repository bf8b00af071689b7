//! The nine mechanisms, in the order of the page that Ennead implements, and the tour's legs over those that exist.

use super::legs;
use super::line::Leg;

/// One row of the tour's table.
#[derive(Clone, Copy)]
pub struct Mechanism {
    /// The name of the mechanism.
    pub name: &'static str,
    /// What tells its rows apart, where it has several; else empty.
    pub variant: &'static str,
    /// How the tour goes over it; `None` while it is not built.
    pub leg: Option<&'static (dyn Leg + Sync)>,
}

/// All rows. A mechanism that gets built changes its `None` here, and nothing else in the tour.
pub const ALL: [Mechanism; 10] = [
    missing("Clipboard"),
    missing("COM"),
    missing("Data copy"),
    missing("DDE"),
    Mechanism { name: "File mapping", variant: "", leg: legs::MAPPING },
    Mechanism { name: "Mailslots", variant: "", leg: legs::MAILSLOTS },
    Mechanism { name: "Pipes", variant: "anonymous", leg: legs::ANONYMOUS_PIPES },
    Mechanism { name: "Pipes", variant: "named", leg: legs::NAMED_PIPES },
    missing("RPC"),
    missing("Windows Sockets"),
];

impl Mechanism {
    /// As tables have it: "Pipes, named".
    pub fn title(&self) -> String {
        if self.variant.is_empty() { self.name.into() } else { format!("{}, {}", self.name, self.variant) }
    }

    /// As names of objects and jobs have it: "pipes-named".
    pub fn word(&self) -> String {
        self.title().replace(", ", "-").replace(' ', "-").to_lowercase()
    }
}

/// The leg with this word.
pub fn leg(word: &str) -> Option<&'static (dyn Leg + Sync)> {
    ALL.iter().find(|mechanism| mechanism.word() == word)?.leg
}

const fn missing(name: &'static str) -> Mechanism {
    Mechanism { name, variant: "", leg: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_nine_and_each_row_has_a_word_of_its_own() {
        let mut names: Vec<_> = ALL.iter().map(|mechanism| mechanism.name).collect();
        names.dedup();
        assert_eq!(names.len(), 9);
        let mut words: Vec<_> = ALL.iter().map(Mechanism::word).collect();
        words.sort();
        words.dedup();
        assert_eq!(words.len(), ALL.len());
    }
}
