//! The house: which crate lives on which floor, and the few arrows that do not simply point down.
//!
//! This is the one table. A new crate is entered here and in `ARCHITECTURE.md` in the same change.

/// A floor of the house; a crate may use what lies on floors below its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Floor {
    /// Values only: codes, descriptors. No I/O, no unsafe.
    Words,
    /// Protocols as values: bytes and a clock in, bytes and events out. No I/O, no unsafe.
    Wire,
    /// The operating system.
    System,
    /// Names, connections, objects, the helper thread. Blocking, without an async runtime.
    Ground,
    /// One crate a mechanism.
    Mechanism,
    /// Re-exports.
    Face,
    /// Programs, the C ABI, adapters to runtimes.
    Edge,
    /// Suites, benches, examples, tools: they may use anything, and nothing uses them outside tests.
    Beside,
}

/// Every crate of the workspace.
pub const CRATES: &[(&str, Floor)] = &[
    ("ennead-status", Floor::Words),
    ("ennead-security", Floor::Words),
    ("ennead-ndr", Floor::Wire),
    ("ennead-dcerpc", Floor::Wire),
    ("ennead-smb", Floor::Wire),
    ("ennead-orpc", Floor::Wire),
    ("ennead-idl", Floor::Wire),
    ("ennead-sys", Floor::System),
    ("ennead-namespace", Floor::Ground),
    ("ennead-channel", Floor::Ground),
    ("ennead-porter", Floor::Ground),
    ("ennead-sync", Floor::Ground),
    ("ennead-clipboard", Floor::Mechanism),
    ("ennead-com", Floor::Mechanism),
    ("ennead-dde", Floor::Mechanism),
    ("ennead-mapping", Floor::Mechanism),
    ("ennead-mailslot", Floor::Mechanism),
    ("ennead-pipe", Floor::Mechanism),
    ("ennead-rpc", Floor::Mechanism),
    ("ennead-socket", Floor::Mechanism),
    ("ennead-window", Floor::Mechanism),
    ("ennead", Floor::Face),
    ("ennead-cli", Floor::Edge),
    ("ennead-win32", Floor::Edge),
    ("ennead-host", Floor::Edge),
    ("ennead-wine", Floor::Edge),
    ("ennead-tokio", Floor::Edge),
    ("ennead-conformance", Floor::Beside),
    ("ennead-bench", Floor::Beside),
    ("ennead-examples", Floor::Beside),
    ("ennead-book", Floor::Beside),
    ("xtask", Floor::Beside),
];

/// Arrows within one floor: who, whom, why. Mechanisms know each other only where those of Windows do.
pub const SIDEWAYS: &[(&str, &str, &str)] = &[
    ("ennead-security", "ennead-status", "a refused access check is a status code"),
    ("ennead-dcerpc", "ennead-ndr", "PDU bodies are NDR"),
    ("ennead-orpc", "ennead-dcerpc", "ORPC is carried by DCE/RPC calls"),
    ("ennead-orpc", "ennead-ndr", "ORPC headers are NDR"),
    ("ennead-idl", "ennead-ndr", "generated stubs marshal NDR"),
    ("ennead-sync", "ennead-namespace", "objects are named entries"),
    ("ennead-sync", "ennead-porter", "timer callbacks run on the helper thread"),
    ("ennead-com", "ennead-rpc", "as on Windows: DCOM is remote procedure calls"),
    ("ennead-rpc", "ennead-pipe", "as on Windows: ncacn_np runs over named pipes"),
    ("ennead-dde", "ennead-window", "as on Windows: DDE is window messages"),
    ("ennead-clipboard", "ennead-window", "as on Windows: owners and viewers are windows"),
    ("ennead-cli", "ennead-host", "`ennead host` starts it"),
];

/// Crates that may contain unsafe code, each with the reason.
pub const UNSAFE: &[(&str, &str)] = &[
    ("ennead-sys", "system calls and mappings"),
    ("ennead-win32", "a C ABI takes raw pointers"),
    ("ennead-bench", "the peers that it measures are bare system primitives and foreign C ABIs"),
];

/// Crates that make system calls; only those in [`SYSTEM_USERS`] may depend on them.
pub const SYSTEM_CRATES: &[&str] =
    &["rustix", "libc", "nix", "linux-raw-sys", "syscalls", "memmap2", "socket2", "mio"];

/// Who may depend on [`SYSTEM_CRATES`] in normal code, with the reason.
pub const SYSTEM_USERS: &[(&str, &str)] = &[
    ("ennead-sys", "it is the operating system's crate"),
    ("ennead-status", "the numbers of errno; without unsafe code it can call nothing"),
    ("ennead-bench", "it measures the bare primitives themselves"),
];

/// Who may depend on [`SYSTEM_CRATES`] in tests, with the reason.
pub const SYSTEM_TESTERS: &[(&str, &str)] = &[("ennead-porter", "its fork test forks without exec")];

/// Test files of other crates that may contain unsafe code, each with the reason.
pub const UNSAFE_TESTS: &[(&str, &str)] =
    &[("crates/ennead-porter/tests/fork.rs", "a fork without exec is what the test is about")];

/// Asynchronous runtimes: only edges and what stands beside the house use one.
pub const RUNTIMES: &[&str] =
    &["tokio", "async-std", "smol", "async-io", "futures", "futures-executor", "glommio", "monoio"];

/// Programs, where `anyhow` is a good enough error.
pub const PROGRAMS: &[&str] = &["ennead-cli", "ennead-host", "ennead-bench", "ennead-examples", "xtask"];

/// The floor of a crate, if the table knows it.
pub fn floor(name: &str) -> Option<Floor> {
    CRATES.iter().find(|(known, _)| *known == name).map(|&(_, floor)| floor)
}

impl Floor {
    /// Whether a crate of this floor is a library that others link: no panics, no programs' conveniences.
    pub fn is_library(self, name: &str) -> bool {
        self != Floor::Beside && !PROGRAMS.contains(&name)
    }
}
