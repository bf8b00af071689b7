//! How much memory the system has left, and how large its huge pages are.

use std::fs;
use std::io;

/// About how many bytes could be taken into use without ending somebody's process: `MemAvailable` and free swap.
pub fn available() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/meminfo")?;
    let of = |name| field(&text, name).unwrap_or(0);
    // Linux before 3.14, and some containers' imitations, do not say it.
    let free = field(&text, "MemAvailable").unwrap_or_else(|| of("MemFree") + of("Cached"));
    Ok(free + of("SwapFree"))
}

/// The size in bytes of the huge pages that a memory file gets by default; `None` where the kernel has none.
pub fn huge_page() -> io::Result<Option<usize>> {
    let text = fs::read_to_string("/proc/meminfo")?;
    Ok(field(&text, "Hugepagesize")
        .and_then(|size| usize::try_from(size).ok())
        .filter(|size| size.is_power_of_two()))
}

/// The system's page size in bytes.
#[must_use]
pub fn page() -> usize {
    rustix::param::page_size()
}

/// A line of `/proc/meminfo`, in bytes.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kilobytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields() {
        let text = "MemTotal:       24684092 kB\nMemAvailable:   23693872 kB\nHugePages_Total:       0\n";
        assert_eq!(field(text, "MemAvailable"), Some(23_693_872 * 1024));
        assert_eq!(field(text, "Mem"), None);
        assert_eq!(field(text, "HugePages_Total"), None);
        assert!(available().unwrap() > 1 << 20);
        assert!(huge_page().unwrap().is_none_or(|size| size > page()));
    }
}
