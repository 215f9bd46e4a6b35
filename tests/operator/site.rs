//! A folder of its own, a running server, commands.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A film of the repository.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// Headwater with a data folder of its own.
pub struct Site {
    root: TempDir,
    variables: Vec<(String, String)>,
}

/// What a command did.
#[derive(Debug)]
pub struct Done {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Site {
    pub fn new() -> Site {
        Site { root: tempfile::tempdir().unwrap(), variables: Vec::new() }
    }

    /// With a setting, as the environment has it.
    pub fn with(mut self, name: &str, value: &str) -> Site {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_headwater"));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HEADWATER_STORAGE__DATA_DIR", self.path("data")).env("HEADWATER_SERVER__LISTEN", "127.0.0.1:0");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Done {
        let output = self.command().args(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Done { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// A command that must succeed; its output.
    pub fn done(&self, arguments: &[&str]) -> String {
        let done = self.run(arguments);
        assert_eq!(done.code, 0, "{arguments:?}: {} {}", done.out, done.err);
        done.out
    }

    pub fn serve(&self, arguments: &[&str]) -> Server {
        Server::start(self.command().arg("serve").args(arguments))
    }

    /// Publishes a folder in place; the paths of its URLs.
    pub fn publish(&self, folder: &Path) -> Vec<String> {
        paths(&self.done(&["publish", folder.to_str().unwrap()]))
    }
}

/// Paths of the URLs in a command's output.
pub fn paths(output: &str) -> Vec<String> {
    let urls = output.split_whitespace().filter_map(|word| word.strip_prefix("http://"));
    urls.filter_map(|url| url.split_once('/')).map(|(_, path)| format!("/{path}")).collect()
}

pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

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
    fn start(command: &mut Command) -> Server {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut said = String::new();
        loop {
            let line = lines.next().expect("the server says where it serves").unwrap();
            said.push_str(&line);
            said.push('\n');
            if line.contains("headwater publish") || line.contains("headwater list") {
                break;
            }
        }
        // Kept open, or what it prints later would fail.
        std::thread::spawn(move || lines.for_each(drop));
        let address = said.split_once("http://").unwrap().1.split(['\n', ' ', '/']).next().unwrap().to_owned();
        Server { child, address }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Status and body.
    pub fn get(&self, path: &str) -> (u16, Vec<u8>) {
        get(&self.address, path)
    }

    pub fn within_three_seconds(&self, path: &str, status: u16) {
        let begun = Instant::now();
        while self.get(path).0 != status {
            assert!(begun.elapsed() < Duration::from_secs(3), "{path} is not answered with {status}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Status and body of what is at an address.
pub fn get(address: &str, path: &str) -> (u16, Vec<u8>) {
    let mut socket = TcpStream::connect(address).unwrap();
    write!(socket, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    let body = answer.windows(4).position(|w| w == b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
    (String::from_utf8_lossy(&answer)[9..12].parse().unwrap(), answer.split_off(body))
}
