//! What the operating system and the runtime say of this process.

use std::fmt;
use std::fs;

use super::sheet::Sheet;

/// Ticks in which the kernel counts the CPU's time for programs: the same on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

pub(super) fn write(sheet: &mut Sheet<'_>) -> fmt::Result {
    sheet.gauges(
        "headwater_build_info",
        "Always 1; the version is a label",
        [(vec![("version", env!("CARGO_PKG_VERSION"))], 1.0)],
    )?;
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        let metrics = runtime.metrics();
        sheet.gauge("headwater_tasks", "Tasks of the asynchronous runtime", metrics.num_alive_tasks() as u64)?;
        let queued = metrics.global_queue_depth() as u64;
        sheet.gauge("headwater_tasks_queued", "Tasks that no thread has taken yet", queued)?;
        sheet.gauge("headwater_threads", "Threads of the asynchronous runtime", metrics.num_workers() as u64)?;
    }
    if let Some(bytes) = resident_bytes() {
        sheet.gauge("process_resident_memory_bytes", "Memory in use", bytes)?;
    }
    if let Some(seconds) = cpu_seconds() {
        sheet.seconds("process_cpu_seconds", "Time of the CPU, since the start", seconds)?;
    }
    match fs::read_dir("/proc/self/fd") {
        Ok(open) => sheet.gauge("process_open_fds", "Open files and sockets", open.count() as u64),
        Err(_) => Ok(()),
    }
}

/// `VmRSS` of proc_pid_status(5).
fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// `utime` and `stime` of proc_pid_stat(5), behind the name, which may hold anything.
fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some((ticks()? + ticks()?) as f64 / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_time() {
        assert!(resident_bytes().is_some_and(|bytes| bytes > 1 << 20));
        assert!(cpu_seconds().is_some_and(|seconds| seconds < 1e6));
    }
}
