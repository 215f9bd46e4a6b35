//! Real storage services for tests, on this machine: Azurite (npm) and moto's S3 (PyPI). `tests/tools` installs
//! them; without them a test says so and passes.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::secrets::SecretBytes;
use crate::store::account::{Account, AccountSettings, AzureCredential, Backend, Landing, S3Credential};

/// Azurite's own account and key, the same everywhere ("Use the Azurite emulator").
pub(crate) const AZURITE_ACCOUNT: &str = "devstoreaccount1";
const AZURITE_KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// A program that ends with the test.
pub(crate) struct Service {
    child: Child,
    /// `http://127.0.0.1:port`
    pub(crate) url: String,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tools() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/storage")
}

/// The Python that has the packages of `tests/storage/requirements.txt`, or `None` with the reason printed.
pub(crate) fn python() -> Option<PathBuf> {
    let python = tools().join("venv/bin/python");
    if !python.exists() {
        println!("skipped: {} is not there; tests/tools installs it", python.display());
        return None;
    }
    Some(python)
}

/// Runs a script of `tests/storage`, which must end well; gives what it writes to standard output.
pub(crate) fn script(python: &Path, name: &str, arguments: &[&str]) -> String {
    let output = Command::new(python).arg(tools().join(name)).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{name}:\n{}\n{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn start(mut command: Command, port: u16) -> Service {
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let service = Service { child, url: format!("http://127.0.0.1:{port}") };
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(120), "the service does not begin to listen");
        std::thread::sleep(Duration::from_millis(100));
    }
    service
}

/// Azurite, or `None` with the reason printed.
pub(crate) fn azurite() -> Option<Service> {
    let program = tools().join("node_modules/azurite/dist/src/blob/main.js");
    if !program.exists() {
        println!("skipped: {} is not there; tests/tools installs it", program.display());
        return None;
    }
    let port = free_port();
    let mut command = Command::new("node");
    command.arg(program).args(["--blobHost", "127.0.0.1", "--blobPort", &port.to_string()]);
    command.args(["--inMemoryPersistence", "--silent", "--disableTelemetry", "--skipApiVersionCheck"]);
    Some(start(command, port))
}

/// An account of that Azurite.
pub(crate) fn azure_account(service: &Service, credential: Option<AzureCredential>) -> Account {
    let key = || AzureCredential::Key(SecretBytes::new(AZURITE_KEY.as_bytes().to_vec()));
    let backend = Backend::Azure {
        account: AZURITE_ACCOUNT.to_owned(),
        endpoint: Some(format!("{}/{AZURITE_ACCOUNT}", service.url)),
        credential: credential.unwrap_or_else(key),
    };
    Account::open(AccountSettings { name: "clouds".to_owned(), recheck: None, backend }).unwrap()
}

/// moto's S3 with a bucket `films`, or `None` with the reason printed.
pub(crate) fn moto() -> Option<Service> {
    let python = python()?;
    let port = free_port();
    let mut command = Command::new(python);
    command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]);
    let service = start(command, port);
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(socket, "PUT /films HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    Some(service)
}

/// An account in that bucket.
pub(crate) fn s3_account(service: &Service, prefix: &str, landing: Option<Landing>) -> Account {
    let secret = SecretBytes::new(b"secret".to_vec());
    let backend = Backend::S3 {
        bucket: "films".to_owned(),
        prefix: prefix.to_owned(),
        endpoint: Some(service.url.clone()),
        region: None,
        credential: Some(S3Credential { access_key_id: "id".to_owned(), secret }),
        landing,
    };
    Account::open(AccountSettings { name: "clouds".to_owned(), recheck: None, backend }).unwrap()
}
