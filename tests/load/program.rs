//! The program itself in a process of its own, and what it costs.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// A folder for data, and settings.
pub struct Site {
    pub root: TempDir,
    settings: Vec<(String, String)>,
}

impl Site {
    pub fn new(settings: &[(&str, &str)]) -> Site {
        let settings = settings.iter().map(|(name, value)| (format!("HEADWATER_{name}"), (*value).to_owned()));
        Site { root: tempfile::tempdir().unwrap(), settings: settings.collect() }
    }

    pub fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    fn prepared(&self, mut command: Command) -> Command {
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HEADWATER_STORAGE__DATA_DIR", self.data()).env("HEADWATER_SERVER__LISTEN", "127.0.0.1:0");
        command.env("HEADWATER_MANAGEMENT__ENABLED", "false").env("HEADWATER_THUMBNAILS__ENABLED", "false");
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    pub fn run(&self, arguments: &[&str]) -> String {
        let output = self.prepared(Command::new(PROGRAM)).args(arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {out} {err}");
        out
    }

    /// Publishes a folder where it is; `/LOCATOR/NAME.ism`.
    pub fn publish(&self, folder: &Path) -> String {
        let said = self.run(&["publish", folder.to_str().unwrap()]);
        let urls = said.split_whitespace().filter_map(|word| word.strip_prefix("http://")?.split_once('/'));
        let path = urls.map(|(_, path)| path).next().expect("a URL");
        format!("/{}.ism", path.split_once(".ism/").expect("a film").0)
    }

    pub fn serve(&self, arguments: &[&str]) -> Server {
        let mut command = Command::new(PROGRAM);
        command.arg("serve").args(arguments);
        Server::start(self.prepared(command))
    }

    /// With so few file descriptors.
    pub fn serve_with_descriptors(&self, descriptors: u32) -> Server {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -n {descriptors} && exec \"$0\" serve"), PROGRAM]);
        Server::start(self.prepared(command))
    }
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_headwater");

/// A running server.
pub struct Server {
    child: Child,
    pub address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(mut command: Command) -> Server {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Read to the end, or the server would wait for somebody to read it.
        let mut errors = child.stderr.take().unwrap();
        let logged = std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = errors.by_ref().take(1 << 20).read_to_end(&mut text);
            let _ = std::io::copy(&mut errors, &mut std::io::sink());
            String::from_utf8_lossy(&text).into_owned()
        });
        let mut said = String::new();
        while !(said.contains("headwater publish") || said.contains("headwater list")) {
            let Some(Ok(line)) = lines.next() else {
                panic!("the server does not start: {said} {}", logged.join().unwrap());
            };
            said.push_str(&line);
            said.push('\n');
        }
        std::thread::spawn(move || lines.for_each(drop));
        let address = said.split_once("http://").unwrap().1.split(['\n', ' ', '/']).next().unwrap().to_owned();
        Server { child, address }
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    fn proc(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.child.id()))
    }

    /// Resident memory, bytes.
    pub fn rss(&self) -> u64 {
        let status = fs::read_to_string(self.proc("status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
    }

    /// Time of the CPU that it has used: user and system, which the kernel counts in hundredths of a second.
    pub fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(self.proc("stat")).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 10)
    }

    /// Open files and sockets.
    pub fn descriptors(&self) -> usize {
        fs::read_dir(self.proc("fd")).unwrap().count()
    }

    /// Waits until `so` is the case.
    pub async fn until(&self, patience: Duration, what: &str, so: impl Fn(&Server) -> bool) {
        let begun = std::time::Instant::now();
        while !so(self) {
            assert!(begun.elapsed() < patience, "not within {patience:?}: {what}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// `soft` of RLIMIT_NOFILE.
pub fn own_descriptors() -> u64 {
    let limits = fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    line.split_whitespace().nth(3).and_then(|n| n.parse().ok()).unwrap_or(u64::MAX)
}
