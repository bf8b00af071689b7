//! `cargo xtask headers`: writes `include/ennead/win32.h` from the Windows metadata, or says that it is not as it would be written.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo;

/// Where it goes.
const HEADER: &str = "include/ennead/win32.h";

/// Writes the header.
pub fn write(root: &Path) -> Result<(), String> {
    let path = root.join(HEADER);
    std::fs::write(&path, generate(root)?).map_err(|error| format!("{}: {error}", path.display()))
}

/// Compares it.
pub fn check(root: &Path) -> Result<(), String> {
    let path = root.join(HEADER);
    let there = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    if there == generate(root)? {
        Ok(())
    } else {
        Err(format!("{HEADER} is not what `ennead-win32` exports: run `cargo xtask headers`"))
    }
}

fn generate(root: &Path) -> Result<String, String> {
    let manifest = root.join("xtask/headers/Cargo.toml");
    let metadata = metadata_file(&manifest)?;
    let target = root.join("target/headers");
    let mut command = Command::new(cargo());
    command
        .args(["run", "--quiet", "--locked", "--manifest-path"])
        .arg(&manifest)
        .arg("--target-dir")
        .arg(target)
        .arg("--");
    output(command.arg(metadata).arg(root.join("crates/ennead-win32/src")))
}

/// `Windows.Win32.winmd`, in the sources of the package that carries it.
fn metadata_file(manifest: &Path) -> Result<PathBuf, String> {
    let mut command = Command::new(cargo());
    command
        .args(["metadata", "--quiet", "--locked", "--format-version", "1", "--manifest-path"])
        .arg(manifest);
    let text = output(&mut command)?;
    // One string of the answer is all that is wanted.
    let known = text.split("\"manifest_path\":\"").skip(1).filter_map(|rest| rest.split('"').next());
    let carrier = known.map(Path::new).find(|path| path.to_string_lossy().contains("windows-bindgen-"));
    let folder = carrier.and_then(Path::parent).ok_or("cargo does not know where windows-bindgen is")?;
    Ok(folder.join("default/Windows.Win32.winmd"))
}

fn output(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)));
    }
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
}
