//! Splits Rust source into tokens and keeps the comments, which is all that the rules need to read it.
//!
//! It knows where a string, a character, a lifetime or a nested comment ends, so that `"unsafe {"` in a message is
//! never taken for code. It does not know the grammar.

/// What a piece of source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An identifier or keyword; raw identifiers (`r#type`) come without their prefix.
    Word,
    /// `'a`
    Lifetime,
    /// A string of any sort; the text is what stands between the quotes, escapes untouched.
    Text,
    /// A number or a character.
    Value,
    /// One character of punctuation.
    Mark,
    /// A comment; the text comes with its slashes.
    Comment,
}

/// One piece of source.
#[derive(Clone, Copy, Debug)]
pub struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
    /// Counted from 1; for a piece of several lines, its first.
    pub line: usize,
}

impl Token<'_> {
    pub fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text == word
    }

    pub fn is_mark(&self, mark: char) -> bool {
        self.kind == Kind::Mark && self.text.starts_with(mark)
    }

    pub fn is_doc(&self) -> bool {
        self.kind == Kind::Comment
            && ["///", "//!", "/**", "/*!"].iter().any(|start| self.text.starts_with(start))
            && !self.text.starts_with("////")
    }
}

/// Splits `source`. Text that is not Rust still comes out as some sequence of tokens, never as an error: the compiler
/// has the word on syntax.
pub fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut lexer = Lexer { source, at: 0, line: 1, tokens: Vec::new() };
    while lexer.step() {}
    lexer.tokens
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    line: usize,
    tokens: Vec<Token<'a>>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    /// Takes one token or one run of white space; false at the end.
    fn step(&mut self) -> bool {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return false };
        if first.is_whitespace() {
            self.skip(first.len_utf8());
        } else if rest.starts_with("//") {
            self.take(Kind::Comment, 0, rest.find('\n').unwrap_or(rest.len()), 0);
        } else if rest.starts_with("/*") {
            self.take(Kind::Comment, 0, block_comment_len(rest), 0);
        } else if let Some((before, inner, after)) = string_parts(rest) {
            self.take(Kind::Text, before, inner, after);
        } else if let Some(prefix) = char_prefix(rest) {
            self.char_or_lifetime(prefix);
        } else if first.is_ascii_digit() {
            self.take(Kind::Value, 0, number_len(rest), 0);
        } else if is_word_char(first) {
            let before = if rest.starts_with("r#") { 2 } else { 0 };
            self.take(Kind::Word, before, word_len(&rest[before..]), 0);
        } else {
            self.take(Kind::Mark, 0, first.len_utf8(), 0);
        }
        true
    }

    fn skip(&mut self, len: usize) {
        self.line += self.rest()[..len].matches('\n').count();
        self.at += len;
    }

    /// Takes `before + inner + after` bytes and keeps the inner ones as the token's text.
    fn take(&mut self, kind: Kind, before: usize, inner: usize, after: usize) {
        let text = &self.rest()[before..before + inner];
        self.tokens.push(Token { kind, text, line: self.line });
        self.skip(before + inner + after);
    }

    fn char_or_lifetime(&mut self, prefix: usize) {
        let rest = &self.rest()[prefix + 1..];
        let mut chars = rest.char_indices();
        let len = match chars.next() {
            Some((_, '\\')) => {
                // The escaped character may itself be a quote.
                let from = chars.nth(1).map_or(rest.len(), |(at, _)| at);
                rest[from..].find('\'').map(|at| from + at)
            }
            Some(_) => chars.next().filter(|&(_, second)| second == '\'').map(|(at, _)| at),
            None => None,
        };
        match len {
            Some(len) => self.take(Kind::Value, prefix + 1, len, 1),
            None => self.take(Kind::Lifetime, prefix + 1, word_len(rest), 0),
        }
    }
}

fn is_word_char(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn word_len(rest: &str) -> usize {
    rest.find(|c| !is_word_char(c)).unwrap_or(rest.len())
}

fn number_len(rest: &str) -> usize {
    let len = word_len(rest);
    // `1.5` is one number; `0..5` and `1.max(2)` are not.
    let after = &rest[len..];
    match after.strip_prefix('.') {
        Some(fraction) if fraction.starts_with(|c: char| c.is_ascii_digit()) => len + 1 + word_len(fraction),
        _ => len,
    }
}

fn block_comment_len(rest: &str) -> usize {
    let (mut depth, mut at) = (0usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// The lengths of what stands before, inside and behind the quotes, where a string begins here.
fn string_parts(rest: &str) -> Option<(usize, usize, usize)> {
    let letters = rest.find(|c| !matches!(c, 'b' | 'c' | 'r')).filter(|&len| len <= 2)?;
    let raw = rest[..letters].contains('r');
    let hashes = rest[letters..].bytes().take_while(|&byte| byte == b'#').count();
    let before = letters + hashes + 1;
    if !rest[letters + hashes..].starts_with('"') || (hashes > 0 && !raw) {
        return None;
    }
    let inside = &rest[before..];
    if raw {
        let end = format!("\"{}", "#".repeat(hashes));
        let inner = inside.find(&end).unwrap_or(inside.len());
        return Some((before, inner, end.len().min(inside.len() - inner)));
    }
    let mut escaped = false;
    for (at, c) in inside.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some((before, at, 1)),
            _ => {}
        }
    }
    Some((before, inside.len(), 0))
}

/// The length of what stands before a quote that begins a character, a byte or a lifetime.
fn char_prefix(rest: &str) -> Option<usize> {
    if rest.starts_with('\'') {
        Some(0)
    } else if rest.starts_with("b'") {
        Some(1)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str, kind: Kind) -> Vec<&str> {
        tokens(source).into_iter().filter(|token| token.kind == kind).map(|token| token.text).collect()
    }

    #[test]
    fn strings_and_comments_hide_code() {
        let source =
            r###"let a = "unsafe { \" }"; /* unsafe /* nested */ */ let b = r#"x "unsafe" y"#; // unsafe"###;
        assert_eq!(texts(source, Kind::Word), ["let", "a", "let", "b"]);
        assert_eq!(texts(source, Kind::Text), [r#"unsafe { \" }"#, r#"x "unsafe" y"#]);
        assert_eq!(texts(source, Kind::Comment).len(), 2);
    }

    #[test]
    fn characters_and_lifetimes_differ() {
        let source = r"fn f<'a>(x: &'a str) { g('x', '\'', b'\\', '\u{1F600}', 'é', b'a'); 'outer: loop {} }";
        assert_eq!(texts(source, Kind::Lifetime), ["a", "a", "outer"]);
        assert_eq!(texts(source, Kind::Value), ["x", r"\'", r"\\", r"\u{1F600}", "é", "a"]);
    }

    #[test]
    fn numbers_ranges_and_raw_words() {
        assert_eq!(
            texts("0..5 + 1.5e3 + 0x1F_u8 + 1.max(2)", Kind::Value),
            ["0", "5", "1.5e3", "0x1F_u8", "1", "2"]
        );
        assert_eq!(texts("r#type + cr + bar", Kind::Word), ["type", "cr", "bar"]);
        assert_eq!(texts(r#"b"x" c"y" br"z" cr"\""#, Kind::Text), ["x", "y", "z", "\\"]);
    }

    #[test]
    fn lines_are_counted_through_everything() {
        let source = "/* a\n b */ x\n\"s\n t\" y\n";
        let lines: Vec<_> = tokens(source).iter().map(|token| token.line).collect();
        assert_eq!(lines, [1, 2, 3, 4]);
    }

    #[test]
    fn unfinished_text_is_no_panic() {
        for source in ["\"abc", "r#\"abc", "/* abc", "'", "'\\", "b'", "é'", "r##"] {
            tokens(source);
        }
    }
}
