//! Ctrl-C and SIGTERM: a run stops and leaves nothing, and so does the reading of a script.

#![allow(clippy::unwrap_used, clippy::panic)]

use crate::cli::{SEGUE, Said, files_below};
use segue::demo::{DemoOptions, generate};
use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;
use tempfile::TempDir;

/// A run that takes long, one row to a batch: the program, once it heeds signals, and the folder that it writes to.
pub fn long_run(customers: u64) -> (Child, TempDir, TempDir) {
    let bank = tempfile::tempdir().unwrap();
    let options = DemoOptions { customers, ..DemoOptions::default() };
    generate(bank.path(), &options, &mut |_, _, _| {}).unwrap();
    let out = tempfile::tempdir().unwrap();
    let child = begun(
        Command::new(SEGUE)
            .arg("run")
            .arg(bank.path().join("retail.seg"))
            .args(["--as-of", "2026-10-31", "--threads", "1", "--batch-size", "1", "--out"])
            .arg(out.path()),
    );
    (child, out, bank)
}

/// The process, as soon as it heeds signals.
fn begun(command: &mut Command) -> Child {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while child.try_wait().unwrap().is_none() && !heeds_signals(child.id()) {
        sleep(Duration::from_millis(5));
    }
    child
}

pub fn send(signal: &str, child: &Child) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

#[test]
fn ctrl_c_stops_a_run_and_leaves_nothing() {
    for signal in ["-INT", "-TERM"] {
        let (mut child, out, _bank) = long_run(2_000);
        sleep(Duration::from_millis(400));
        assert!(child.try_wait().unwrap().is_none(), "the run was over before it could be stopped");
        // One that comes before the first query is forgotten; a second ends the program.
        for _ in 0..50 {
            send(signal, &child);
            sleep(Duration::from_secs(1));
            if child.try_wait().unwrap().is_some() {
                break;
            }
        }
        let said = Said::of(child.wait_with_output().unwrap());
        said.is(130, &[]);
        let mut left = Vec::new();
        files_below(out.path(), &mut left);
        assert!(left.is_empty(), "files are left: {left:?}");
    }
}

/// Whether the process has set its handlers.
fn heeds_signals(pid: u32) -> bool {
    let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else {
        // No such file system here: what a run needs to begin is a guess.
        sleep(Duration::from_millis(500));
        return true;
    };
    let caught = status.lines().find_map(|l| l.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0);
    // 2 is SIGINT, 15 is SIGTERM.
    caught & (1 << 1) != 0 && caught & (1 << 14) != 0
}

/// A pipe that nobody writes to stands for a script that takes long to read.
#[test]
fn a_signal_ends_the_reading_of_a_script() {
    for signal in ["-INT", "-TERM"] {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("slow.seg");
        assert!(Command::new("mkfifo").arg(&script).status().unwrap().success());
        let mut child = begun(Command::new(SEGUE).arg("check").arg(&script));
        // The handlers are set one after the other.
        sleep(Duration::from_millis(50));
        send(signal, &child);
        for _ in 0..100 {
            if child.try_wait().unwrap().is_some() {
                break;
            }
            sleep(Duration::from_millis(100));
        }
        let over = child.try_wait().unwrap().is_some();
        child.kill().unwrap();
        assert!(over, "{signal} did not end it");
        Said::of(child.wait_with_output().unwrap()).is(130, &["E0607"]);
    }
}
