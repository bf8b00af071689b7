//! A Wine of our own: a prefix in a temporary folder, with its own wineserver, and the driver compiled for it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

const COMPILERS: &[&str] = &["x86_64-w64-mingw32-gcc", "x86_64-w64-mingw32-gcc-win32"];

/// The driver, below `wine`.
const SOURCES: &[&str] = &["driver.c", "pipes.c", "sync.c", "mapping.c", "mailslots.c"];

/// What has to be installed.
pub struct Tools {
    wine: PathBuf,
    server: PathBuf,
    compiler: PathBuf,
}

impl Tools {
    /// Finds them, or says which one is missing.
    pub fn find() -> Result<Self, String> {
        Ok(Self {
            wine: find(&["wine64"], &["/usr/lib/wine/wine64"]).ok_or("wine64 is not installed")?,
            server: find(&["wineserver64", "wineserver"], &["/usr/lib/wine/wineserver64"])
                .ok_or("Wine is installed without wineserver")?,
            compiler: find(COMPILERS, &[]).ok_or("gcc-mingw-w64-x86-64-win32 is not installed")?,
        })
    }
}

/// A prefix that is ready. Dropping it ends every process in it, and removes it.
pub struct Prefix {
    tools: Tools,
    folder: PathBuf,
    program: PathBuf,
    /// `wine64 --version`.
    pub version: String,
}

impl Prefix {
    /// Compiles the driver and creates the prefix: some 10 seconds on an idle machine.
    pub fn create(tools: Tools) -> Result<Self, String> {
        // Not in /dev/shm: a prefix is some hundreds of megabytes.
        let folder = env::temp_dir().join(format!("ennead-conformance-wine-{}", std::process::id()));
        fs::create_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let mut prefix = Self { program: folder.join("driver.exe"), tools, folder, version: String::new() };
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("wine");
        let sources = SOURCES.iter().map(|source| sources.join(source));
        let mut compiler = timed(120, &prefix.tools.compiler);
        compiler.args(["-O1", "-Wall", "-Wextra", "-Werror", "-o"]).arg(&prefix.program).args(sources);
        run(&mut compiler)?;
        prefix.version = run(prefix.quiet(timed(60, &prefix.tools.wine)).arg("--version"))?;
        let mut boot = prefix.quiet(timed(300, &prefix.tools.wine));
        // Its children outlive it: they must not hold a pipe that we read.
        run(boot.args(["wineboot", "--init"]).stdout(Stdio::null()).stderr(Stdio::null()))?;
        Ok(prefix)
    }

    /// The command that starts the driver.
    pub fn driver(&self) -> Command {
        let mut command = self.quiet(Command::new(&self.tools.wine));
        command.arg(&self.program).stderr(Stdio::null());
        command
    }

    /// An empty folder; it goes with the prefix.
    pub fn new_folder(&self) -> PathBuf {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let folder = self.folder.join(format!("files-{}", COUNT.fetch_add(1, Relaxed)));
        fs::create_dir(&folder).expect("make a folder");
        folder
    }

    /// No windows, no debugger, no browser, no menus, no debug output, and nothing of the user's Wine.
    fn quiet(&self, mut command: Command) -> Command {
        command
            .env("WINEPREFIX", self.folder.join("prefix"))
            .env("WINEARCH", "win64")
            .env("WINEDEBUG", "-all")
            .env("WINESERVER", &self.tools.server)
            .env("WINEDLLOVERRIDES", "mscoree,mshtml,winemenubuilder.exe=")
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .stdin(Stdio::null());
        command
    }
}

impl Drop for Prefix {
    fn drop(&mut self) {
        // The server of this prefix only: it ends its clients, then itself.
        for what in ["--kill", "--wait"] {
            let mut server = self.quiet(timed(60, &self.tools.server));
            if let Err(what) = run(server.arg(what).stdout(Stdio::null()).stderr(Stdio::null())) {
                println!("{what}");
            }
        }
        if let Err(e) = fs::remove_dir_all(&self.folder) {
            println!("{}: {e}", self.folder.display());
        }
    }
}

/// A program that is ended when it takes longer than any machine should.
fn timed(seconds: u32, program: &Path) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", &seconds.to_string()]).arg(program);
    command
}

/// What a command that has to succeed printed.
fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|e| format!("{command:?}: {e}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(format!("{command:?}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim()))
}

/// The first of some names on PATH, else the first of some places that exists.
fn find(names: &[&str], places: &[&str]) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = names
        .iter()
        .find_map(|name| env::split_paths(&path).map(|folder| folder.join(name)).find(|at| at.is_file()));
    on_path.or_else(|| places.iter().map(PathBuf::from).find(|at| at.is_file()))
}
