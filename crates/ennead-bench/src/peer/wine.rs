//! `wine`: the same workloads as one Win32 program, `wine/peer.c`, both ends under Wine, measured inside with
//! QueryPerformanceCounter. It is compiled at run time, and runs in a prefix and under a wineserver of its own, so
//! that nothing of the user's Wine is touched.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::placement::{Cores, pin_process};
use crate::rounds::PINNED_COMMAND;
use crate::workload::{Role, Task};

const SOURCE: &str = include_str!("wine/peer.c");
const COMPILER: &str = "x86_64-w64-mingw32-gcc";

/// A Wine that is ready to run the program. Dropping it ends its wineserver.
pub struct Wine {
    loader: PathBuf,
    prefix: PathBuf,
    program: PathBuf,
    server: Child,
    server_path: PathBuf,
}

impl Wine {
    /// Compiles the program, makes the prefix and starts the wineserver; some 10 to 30 seconds.
    ///
    /// # Errors
    /// What is not installed, or did not work.
    pub fn prepare(scratch: &Path) -> Result<Self> {
        let loader = find(&["wine64", "wine"], &["/usr/lib/wine/wine64"]).context("Wine is not installed")?;
        let server = find(&["wineserver", "wineserver64"], &["/usr/lib/wine/wineserver64"])
            .context("Wine is installed without wineserver")?;
        let compiler = find(&[COMPILER], &[]).with_context(|| format!("{COMPILER} is not installed"))?;

        let source = scratch.join("peer.c");
        let program = scratch.join("peer.exe");
        fs::write(&source, SOURCE)?;
        let compiled =
            Command::new(compiler).args(["-O2", "-Wall", "-o"]).args([&program, &source]).output()?;
        let said = String::from_utf8_lossy(&compiled.stderr);
        ensure!(
            compiled.status.success(),
            "{COMPILER}: {}",
            said.lines().next().unwrap_or("it said nothing")
        );

        // Not on the tmpfs of the scratch directory: a prefix is some hundreds of megabytes.
        let prefix = env::temp_dir().join(format!("ennead-bench-wine-{}", std::process::id()));
        fs::create_dir_all(&prefix)?;
        let server_path = server.clone();
        let server = quiet(&mut Command::new(server), &prefix)
            .args(["--foreground", "--persistent"])
            .stderr(Stdio::null())
            .spawn()?;
        let wine = Self { loader, prefix, program, server, server_path };
        wine.boot()?;
        Ok(wine)
    }

    fn boot(&self) -> Result<()> {
        let log = self.prefix.join("boot.log");
        let mut boot = quiet(&mut Command::new(&self.loader), &self.prefix)
            .args(["wineboot", "--init"])
            .stderr(fs::File::create(&log)?)
            .spawn()?;
        let until = Instant::now() + Duration::from_secs(90);
        loop {
            match boot.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => {
                    let said = fs::read_to_string(&log).unwrap_or_default();
                    bail!("wineboot {status}: {}", said.lines().last().unwrap_or("it said nothing"))
                }
                None if Instant::now() > until => {
                    boot.kill()?;
                    boot.wait()?;
                    bail!("wineboot did not end in time")
                }
                None => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// Puts the wineserver on the cores of the pair that it serves: it is part of each operation.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn pin_server(&self, cores: &Cores) -> Result<()> {
        let mut all = cores.server.clone();
        all.extend(&cores.client);
        pin_process(Some(rustix::process::Pid::from_child(&self.server)), &all)
    }

    /// Turns a command that starts this very program into one end under Wine.
    ///
    /// # Errors
    /// A scratch directory whose name is not UTF-8.
    pub fn describe(&self, command: &mut Command, task: &Task) -> Result<()> {
        let cores = task.cores();
        let (role, cores) = match task.role {
            Role::Server => ("server", cores.server),
            Role::Client => ("client", cores.client),
        };
        let cores: Vec<String> = cores.iter().map(usize::to_string).collect();
        let place = task.place.to_str().context("the scratch directory's name is not UTF-8")?;
        quiet(command, &self.prefix).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.arg(PINNED_COMMAND).arg(cores.join(",")).arg(&self.loader).arg(&self.program);
        command.args([role, &task.workload.to_string(), &place.replace('/', "-")]);
        command.args([task.window.warm_up, task.window.measure].map(|part| part.as_millis().to_string()));
        Ok(())
    }
}

impl Drop for Wine {
    fn drop(&mut self) {
        // Ends Wine's own services too, which would outlive a server that was killed.
        let _ = quiet(Command::new(&self.server_path).arg("--kill"), &self.prefix).status();
        let _ = self.server.kill();
        let _ = self.server.wait();
        let _ = fs::remove_dir_all(&self.prefix);
    }
}

/// No windows, no debugger, no browser, no debug output.
fn quiet<'a>(command: &'a mut Command, prefix: &Path) -> &'a mut Command {
    command
        .env("WINEPREFIX", prefix)
        .env("WINEARCH", "win64")
        .env("WINEDEBUG", "-all")
        .env("WINEDLLOVERRIDES", "mscoree,mshtml,winemenubuilder.exe=")
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
}

/// The first of some names on PATH, else the first of some places that exists.
fn find(names: &[&str], places: &[&str]) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = names
        .iter()
        .find_map(|name| env::split_paths(&path).map(|dir| dir.join(name)).find(|at| at.is_file()));
    on_path.or_else(|| places.iter().map(PathBuf::from).find(|at| at.is_file()))
}
