//! One source file as the rules see it: tokens, matching brackets, statements, and which parts are tests.

use std::path::{Path, PathBuf};

use super::lexer::{self, Kind, Token};

/// A Rust file, read.
pub struct Source<'a> {
    /// Relative to the workspace.
    pub path: &'a Path,
    pub tokens: Vec<Token<'a>>,
    /// For each bracket, where its partner is.
    partners: Vec<Option<usize>>,
    /// Token ranges that are compiled for tests only.
    tests: Vec<std::ops::Range<usize>>,
}

impl<'a> Source<'a> {
    pub fn new(path: &'a Path, text: &'a str) -> Self {
        let tokens = lexer::tokens(text);
        let partners = partners(&tokens);
        let mut source = Source { path, tokens, partners, tests: Vec::new() };
        source.tests = source.find_tests();
        source
    }

    /// The positions of all tokens that are not comments.
    pub fn code(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.tokens.len()).filter(|&at| self.tokens[at].kind != Kind::Comment)
    }

    /// The next token after `at` that is not a comment.
    pub fn next(&self, at: usize) -> Option<usize> {
        (at + 1..self.tokens.len()).find(|&at| self.tokens[at].kind != Kind::Comment)
    }

    /// The last token before `at` that is not a comment.
    pub fn previous(&self, at: usize) -> Option<usize> {
        (0..at).rev().find(|&at| self.tokens[at].kind != Kind::Comment)
    }

    /// The bracket that belongs to the one at `at`.
    pub fn partner(&self, at: usize) -> Option<usize> {
        self.partners[at]
    }

    /// Whether the code from `at` on reads as `pattern`: words, and marks one a piece.
    pub fn reads(&self, at: usize, pattern: &[&str]) -> bool {
        let mut here = Some(at);
        pattern.iter().all(|want| {
            let Some(at) = here else { return false };
            here = self.next(at);
            let token = &self.tokens[at];
            matches!(token.kind, Kind::Word | Kind::Mark) && token.text == *want
        })
    }

    /// Whether the token is compiled for tests only.
    pub fn is_test(&self, at: usize) -> bool {
        self.tests.iter().any(|range| range.contains(&at))
    }

    /// The comments that belong to the statement or item around `at`: those before it, back to where the statement
    /// begins, and one behind it on the same line.
    pub fn comments_of(&self, at: usize) -> Vec<&Token<'a>> {
        let start = self.statement_start(at);
        let line = self.tokens[at].line;
        let before = self.tokens[start..at].iter();
        let behind = self.tokens[at..].iter().take_while(|token| token.line == line);
        before.chain(behind).filter(|token| token.kind == Kind::Comment).collect()
    }

    /// The first token (comments included) of the statement or item that `at` is in.
    pub fn statement_start(&self, at: usize) -> usize {
        let mut here = at;
        while let Some(before) = here.checked_sub(1) {
            let token = &self.tokens[before];
            match token.text {
                _ if token.kind != Kind::Mark => here = before,
                ";" | "{" => return here,
                "}" if !self.goes_on_after(before) => return here,
                // An inner attribute belongs to what encloses it, not to the item that follows it.
                "]" if self.is_inner_attribute(before) => return here,
                ")" | "]" | "}" => here = self.partners[before].unwrap_or(before),
                _ => here = before,
            }
        }
        0
    }

    /// Whether a closing brace stands inside an expression: `match x { … }.y`, `f(|| { … }, z)`.
    fn goes_on_after(&self, brace: usize) -> bool {
        self.next(brace).is_some_and(|next| matches!(self.tokens[next].text, "," | ")" | "." | "?" | "]"))
    }

    fn is_inner_attribute(&self, close: usize) -> bool {
        let Some(open) = self.partners[close] else { return false };
        open >= 2 && self.tokens[open - 1].is_mark('!') && self.tokens[open - 2].is_mark('#')
    }

    /// Every attribute: the position of its `#` and the range of what stands between its brackets.
    pub fn attributes(&self) -> Vec<(usize, std::ops::Range<usize>)> {
        self.code()
            .filter(|&at| self.tokens[at].is_mark('#'))
            .filter_map(|hash| {
                let mut open = self.next(hash)?;
                if self.tokens[open].is_mark('!') {
                    open = self.next(open)?;
                }
                let close = self.tokens[open].is_mark('[').then(|| self.partners[open])??;
                Some((hash, open + 1..close))
            })
            .collect()
    }

    /// The files of modules that are declared here for tests only (`#[cfg(test)] mod name;`).
    pub fn test_modules(&self) -> Vec<PathBuf> {
        let folder = self.module_folder();
        self.code()
            .filter(|&at| self.is_test(at) && self.tokens[at].is_word("mod"))
            .filter_map(|at| {
                let name = self.next(at)?;
                let end = self.next(name)?;
                self.tokens[end].is_mark(';').then(|| self.tokens[name].text)
            })
            .flat_map(|name| [folder.join(format!("{name}.rs")), folder.join(name).join("mod.rs")])
            .collect()
    }

    /// Where the files of this file's own modules lie.
    pub fn module_folder(&self) -> PathBuf {
        let parent = self.path.parent().unwrap_or(Path::new(""));
        match self.path.file_stem().and_then(|stem| stem.to_str()) {
            Some("lib" | "main" | "mod") | None => parent.to_owned(),
            Some(stem) => parent.join(stem),
        }
    }

    fn find_tests(&self) -> Vec<std::ops::Range<usize>> {
        let mut found = Vec::new();
        for (hash, inside) in self.attributes() {
            let words: Vec<_> = self.tokens[inside.clone()]
                .iter()
                .filter(|token| token.kind == Kind::Word)
                .map(|token| token.text)
                .collect();
            let for_tests = match words.as_slice() {
                ["cfg", rest @ ..] => {
                    rest.contains(&"test") && !rest.contains(&"not") && !rest.contains(&"any")
                }
                [.., "test"] => true,
                _ => false,
            };
            if !for_tests {
                continue;
            }
            if self.is_inner_attribute(inside.end) {
                // `#![cfg(test)]`: everything that encloses it, which is nearly always the file.
                found.push(0..self.tokens.len());
            } else {
                found.push(hash..self.item_end(inside.end + 1));
            }
        }
        found
    }

    /// One past the last token of the item, field or statement that begins at `at`, attributes included.
    fn item_end(&self, at: usize) -> usize {
        let mut here = at;
        let mut is_item = false;
        while here < self.tokens.len() {
            let token = &self.tokens[here];
            let is_keyword = [
                "fn",
                "mod",
                "impl",
                "struct",
                "enum",
                "trait",
                "type",
                "use",
                "const",
                "static",
                "macro_rules",
            ]
            .iter()
            .any(|word| token.is_word(word));
            is_item |= is_keyword;
            if token.kind == Kind::Mark {
                match token.text {
                    ";" => return here + 1,
                    "{" => return self.partners[here].map_or(self.tokens.len(), |close| close + 1),
                    "}" | ")" | "]" => return here,
                    "," if !is_item => return here,
                    "(" | "[" => here = self.partners[here].unwrap_or(here),
                    _ => {}
                }
            }
            here += 1;
        }
        here
    }
}

fn partners(tokens: &[Token<'_>]) -> Vec<Option<usize>> {
    let mut partners = vec![None; tokens.len()];
    let mut open = Vec::new();
    for (at, token) in tokens.iter().enumerate().filter(|(_, token)| token.kind == Kind::Mark) {
        match token.text {
            "(" | "[" | "{" => open.push(at),
            ")" | "]" | "}" => {
                if let Some(start) = open.pop() {
                    partners[start] = Some(at);
                    partners[at] = Some(start);
                }
            }
            _ => {}
        }
    }
    partners
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source<'_> {
        Source::new(Path::new("src/room/door.rs"), text)
    }

    fn is_test(text: &str, word: &str) -> bool {
        let source = source(text);
        let at = source.code().find(|&at| source.tokens[at].is_word(word)).expect("the word is there");
        source.is_test(at)
    }

    #[test]
    fn test_parts_are_found() {
        assert!(is_test("#[cfg(test)] mod tests { fn x() {} } fn y() {}", "x"));
        assert!(!is_test("#[cfg(test)] mod tests { fn x() {} } fn y() {}", "y"));
        assert!(is_test("#[test] #[should_panic] fn x<A, B>(a: A, b: B) { z }", "z"));
        assert!(is_test("struct S { #[cfg(test)] x: u8, y: u8 }", "x"));
        assert!(!is_test("struct S { #[cfg(test)] x: u8, y: u8 }", "y"));
        assert!(!is_test("#[cfg(not(test))] fn x() {}", "x"));
        assert!(is_test("#![cfg(test)]\nfn x() {}", "x"));
        assert!(is_test("#[cfg(all(test, unix))] fn x() {}", "x"));
    }

    #[test]
    fn test_modules_name_their_files() {
        let text = "#[cfg(test)]\nmod tests;\nmod other;";
        assert_eq!(
            source(text).test_modules(),
            [Path::new("src/room/door/tests.rs"), Path::new("src/room/door/tests/mod.rs")]
        );
    }

    #[test]
    fn comments_belong_to_their_statement() {
        let text = "// far\nlet a = 1;\n// near\nlet b = f(|| { 1 }, mark); // behind\n// after\n";
        let source = source(text);
        let at = source.code().find(|&at| source.tokens[at].is_word("mark")).expect("the word is there");
        let comments: Vec<_> = source.comments_of(at).iter().map(|token| token.text).collect();
        assert_eq!(comments, ["// near", "// behind"]);
    }
}
