//! The file that every leg moves.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A real file, and what must arrive of it.
#[derive(Debug)]
pub struct Sample {
    /// Where it is.
    pub path: PathBuf,
    /// Its bytes.
    pub length: u64,
    /// Their BLAKE3, in hexadecimal.
    pub digest: String,
}

impl Sample {
    /// Reads the whole file once. `progress` is told how many bytes were read; when it returns false, reading stops with
    /// [`io::ErrorKind::Interrupted`].
    pub fn measure(path: &Path, progress: &mut dyn FnMut(u64) -> bool) -> io::Result<Sample> {
        let file = File::open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is not a regular file, and each leg has to read it again"));
        }
        let (length, digest) = hash(file, progress)?;
        Ok(Sample { path: fs::canonicalize(path)?, length, digest })
    }

    /// The path as it is, not necessarily UTF-8.
    pub fn path_bytes(&self) -> Vec<u8> {
        self.path.as_os_str().as_bytes().to_vec()
    }

    /// Why another digest arrived: the mechanism's fault, or a file that somebody writes.
    pub fn explain_difference(&self, arrived: &str) -> String {
        let now = File::open(&self.path).and_then(|file| hash(file, &mut |_| true));
        match now {
            Ok((_, digest)) if digest == self.digest => {
                format!("the file did not arrive as it was sent: BLAKE3 {arrived} instead of {}", self.digest)
            }
            _ => "somebody changed the file while the tour ran; choose another with --file".into(),
        }
    }
}

fn hash(mut file: File, progress: &mut dyn FnMut(u64) -> bool) -> io::Result<(u64, String)> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    let mut length = 0;
    loop {
        let bytes = match file.read(&mut buffer) {
            Ok(0) => return Ok((length, hasher.finalize().to_hex().to_string())),
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&buffer[..bytes]);
        length += bytes as u64;
        if !progress(bytes as u64) {
            return Err(io::ErrorKind::Interrupted.into());
        }
    }
}

/// The largest shared library of the running toolchain, or of the system, or this program itself.
pub fn default_path() -> PathBuf {
    toolchain_folders()
        .iter()
        .find_map(|folder| largest_library(std::slice::from_ref(folder)))
        .or_else(|| largest_library(&system_folders()))
        .unwrap_or_else(|| std::env::current_exe().unwrap_or_else(|_| "/proc/self/exe".into()))
}

/// `lib` beside the `cargo` that started us, or of the toolchain that rustup chose.
fn toolchain_folders() -> Vec<PathBuf> {
    let beside_cargo = std::env::var_os("CARGO").map(PathBuf::from);
    let beside_cargo =
        beside_cargo.as_deref().and_then(Path::parent).and_then(Path::parent).map(|dir| dir.join("lib"));
    let rustup = std::env::var_os("RUSTUP_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".rustup")));
    let chosen = std::env::var_os("RUSTUP_TOOLCHAIN");
    let chosen = rustup.zip(chosen).map(|(home, name)| home.join("toolchains").join(name).join("lib"));
    beside_cargo.into_iter().chain(chosen).collect()
}

fn system_folders() -> Vec<PathBuf> {
    let multiarch = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    ["/usr/lib", &multiarch, "/usr/lib64", "/usr/local/lib", "/lib"].iter().map(PathBuf::from).collect()
}

/// The largest readable `lib*.so*` directly in the folders; of equals, the first by name.
fn largest_library(folders: &[PathBuf]) -> Option<PathBuf> {
    let entries =
        folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().filter_map(Result::ok);
    entries
        .filter(|entry| {
            let name = entry.file_name();
            let (name, so) = (name.as_bytes(), OsStr::new(".so").as_bytes());
            name.starts_with(b"lib") && name.windows(so.len()).any(|part| part == so)
        })
        .filter_map(|entry| {
            let kind = entry.metadata().ok().filter(fs::Metadata::is_file)?;
            File::open(entry.path()).ok()?;
            Some((kind.len(), std::cmp::Reverse(entry.path())))
        })
        .max()
        .map(|(_, std::cmp::Reverse(path))| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_always_is_a_default() {
        assert!(default_path().is_file());
    }

    #[test]
    fn only_a_regular_file_will_do() {
        assert!(Sample::measure(Path::new("/dev/null"), &mut |_| true).is_err());
        assert!(Sample::measure(Path::new("/"), &mut |_| true).is_err());
        let interrupted = Sample::measure(&std::env::current_exe().unwrap(), &mut |_| false).unwrap_err();
        assert_eq!(interrupted.kind(), io::ErrorKind::Interrupted);
    }
}
