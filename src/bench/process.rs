//! The server's process, and the time of the CPU that it has used.

use std::fs;

/// A process of this machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Process(u32);

/// Microseconds in a tick of `/proc`: the kernel counts in hundredths of a second for programs (proc_pid_stat(5)).
const TICK_US: u64 = 10_000;

/// `TCP_LISTEN` in `/proc/net/tcp`.
const LISTEN: &str = "0A";

impl Process {
    /// That of this number.
    pub const fn new(id: u32) -> Process {
        Process(id)
    }

    /// Its number.
    pub const fn id(self) -> u32 {
        self.0
    }

    /// Time of the CPU since its start, of its own and the kernel's work for it; `None` where that is not known.
    pub fn cpu_us(&self) -> Option<u64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0)).ok()?;
        // Behind the name, which may hold anything.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        let mut ticks = || fields.next()?.parse::<u64>().ok();
        Some((ticks()? + ticks()?) * TICK_US)
    }

    /// The one that listens on that port of this machine, if this user may know.
    pub fn listening_on(port: u16) -> Option<Process> {
        let sockets: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
            .iter()
            .filter_map(|path| fs::read_to_string(path).ok())
            .flat_map(|table| listening(&table, port))
            .map(|inode| format!("socket:[{inode}]"))
            .collect();
        if sockets.is_empty() {
            return None;
        }
        let processes = fs::read_dir("/proc").ok()?.flatten();
        let mut numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        numbers.find(|id| has_open(*id, &sockets)).map(Process)
    }
}

/// Numbers of the sockets that listen on `port`: columns of proc_pid_net(5).
fn listening(table: &str, port: u16) -> Vec<String> {
    let end = format!(":{port:04X}");
    let inode = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        match fields.as_slice() {
            [_, local, _, state, _, _, _, _, _, inode, ..] if local.ends_with(&end) && *state == LISTEN => {
                Some((*inode).to_owned())
            }
            _ => None,
        }
    };
    table.lines().skip(1).filter_map(inode).collect()
}

fn has_open(id: u32, sockets: &[String]) -> bool {
    let Ok(open) = fs::read_dir(format!("/proc/{id}/fd")) else { return false };
    let mut targets = open.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
    targets.any(|target| sockets.iter().any(|socket| target.as_os_str() == socket.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listening_process_is_found_by_its_port() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let found = Process::listening_on(port).unwrap();
        assert_eq!(found.id(), std::process::id());
        assert!(found.cpu_us().is_some());
        drop(listener);
        assert_eq!(Process::listening_on(port), None);
        assert_eq!(Process::new(u32::MAX).cpu_us(), None);
    }

    #[test]
    fn connections_are_no_listeners() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
                     0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 77 1\n\
                     1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 78 1\n";
        assert_eq!(listening(table, 8080), ["77"]);
        assert!(listening(table, 0xc350).is_empty());
    }
}
