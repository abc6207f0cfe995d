//! How much memory there is.

use std::fs;

/// Where nothing tells.
const UNKNOWN: usize = 4 << 30;

/// The machine's memory, or the part of it that this process may use.
pub fn memory() -> usize {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| of_meminfo(&text));
    let group =
        fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    machine.into_iter().chain(group).min().unwrap_or(UNKNOWN)
}

fn of_meminfo(text: &str) -> Option<usize> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_total_is_found_among_the_lines() {
        let text = "MemTotal:        2048 kB\nMemFree:  1 kB\n";
        assert_eq!(super::of_meminfo(text), Some(2 << 20));
        assert_eq!(super::of_meminfo("MemFree: 1 kB"), None);
        assert!(super::memory() > 0);
    }
}
