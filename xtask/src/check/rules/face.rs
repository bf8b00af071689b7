//! The face re-exports, and does nothing else.

use super::{Report, Workspace, each_source, floor_of};
use crate::check::floors::Floor;

/// Checks the sources of the face.
pub fn check(workspace: &Workspace, report: &mut Report) {
    each_source(workspace, |package, source| {
        if floor_of(package) != Some(Floor::Face) {
            return;
        }
        for at in source.code() {
            let token = &source.tokens[at];
            if let Some(word) =
                ["fn", "impl", "trait", "enum", "macro_rules"].iter().find(|word| token.is_word(word))
            {
                let what = format!("`{word}` in `{}`", package.name);
                report.error(
                    "face",
                    source.path,
                    token.line,
                    what,
                    "put it into the mechanism's crate and re-export it",
                );
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::rules::fixture::Fixture;

    #[test]
    fn the_face_only_re_exports() {
        Fixture::default()
            .package("ennead", &[], &[])
            .file("crates/ennead/src/lib.rs", "//! fn\npub use ennead_pipe as pipe;\npub fn a() {}")
            .package("ennead-pipe", &[], &[])
            .file("crates/ennead-pipe/src/lib.rs", "pub fn a() {}")
            .finds(check, &["lib.rs:3 face `fn` in `ennead`"]);
    }
}
