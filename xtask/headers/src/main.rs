//! Writes `include/ennead/win32.h` from the Windows metadata that Microsoft publishes: the prototypes of the functions that
//! `ennead-win32` exports, the types that they need, and the constants of their families. Names, numbers and layouts come from
//! the metadata, as those of `windows-sys` do; what it cannot express (macros, the old names of plain types) is written by
//! hand in `include/ennead/types.h`.
//!
//! `ennead-headers METADATA SOURCES`: the header goes to standard output; `SOURCES` is the folder of the crate's sources.

mod constants;
mod exports;
mod spelling;
mod types;

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use windows_metadata::reader::{File, Index};

/// x64 of [SupportedArchitectureAttribute]: the layouts of every 64-bit Linux machine that there is a port for.
const X64: i32 = 2;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [metadata, sources] = &words[..] else {
        eprintln!("ennead-headers METADATA SOURCES");
        return ExitCode::from(2);
    };
    match header(Path::new(metadata), Path::new(sources)) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(what) => {
            eprintln!("ennead-headers: {what}");
            ExitCode::FAILURE
        }
    }
}

fn header(metadata: &Path, sources: &Path) -> Result<String, String> {
    let file = File::read(metadata).ok_or_else(|| format!("no metadata in {}", metadata.display()))?;
    let index = Index::new_for_architecture(vec![file], X64);
    let exported = exports::of(sources)?;
    let mut types = types::Types::new(&index);
    let prototypes = exports::prototypes(&index, &exported, &mut types)?;
    for name in types::ALSO {
        types.need_by_name(name)?;
    }
    let mut out = String::new();
    let _ = writeln!(
        out,
        "/* Written by `cargo xtask headers` from Microsoft's metadata (Windows.Win32.winmd). Do not edit. */"
    );
    let _ = writeln!(out, "#ifndef ENNEAD_WIN32_H\n#define ENNEAD_WIN32_H\n#include \"types.h\"\n");
    let _ = writeln!(out, "{}", constants::of(&index));
    let _ = writeln!(out, "{}", types.text());
    let _ = writeln!(
        out,
        "#ifdef __cplusplus\nextern \"C\" {{\n#endif\n\n{prototypes}\n#ifdef __cplusplus\n}}\n#endif\n"
    );
    let _ = writeln!(out, "{}", exports::generic_names(&exported));
    let _ = writeln!(out, "#endif");
    Ok(out)
}
