//! A PostgreSQL of the tests' own, on loopback, that ends with them.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

struct Cluster {
    bin: PathBuf,
    port: u16,
    /// Ends when its standard input does, which is when this process ends.
    _keeper: Child,
}

static CLUSTER: OnceLock<Result<Cluster, String>> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// The address of a new, empty database; `None`, with a line that says why, where there is no PostgreSQL.
pub fn database() -> Option<String> {
    match CLUSTER.get_or_init(start) {
        Ok(cluster) => {
            let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
            let port = cluster.port.to_string();
            let made = Command::new(cluster.bin.join("createdb"))
                .args(["-h", "127.0.0.1", "-p", &port, "-U", "postgres", "-T", "template0", &name])
                .output()
                .unwrap();
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
            Some(format!("postgres://postgres@127.0.0.1:{port}/{name}"))
        }
        Err(reason) => {
            eprintln!("skipped on PostgreSQL: {reason}");
            None
        }
    }
}

/// The folder of the server's programs.
fn bin() -> Option<PathBuf> {
    let has = |folder: &Path| ["initdb", "postgres", "createdb"].iter().all(|name| folder.join(name).exists());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let debian = versions.map(|entry| entry.path().join("bin"));
    debian.chain(std::env::split_paths(&path)).find(|folder| has(folder))
}

fn start() -> Result<Cluster, String> {
    let bin = bin().ok_or("initdb is not installed; tests/tools installs it")?;
    let folder = tempfile::Builder::new().prefix("headwater-pg").tempdir().map_err(|e| e.to_string())?.keep();
    // PostgreSQL refuses to run as root.
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0);
    let run = |script: &str| {
        let mut command = if is_root {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--", "sh", "-c"]);
            command
        } else {
            let mut command = Command::new("sh");
            command.arg("-c");
            command
        };
        command.arg(script).current_dir("/").env("LC_ALL", "C.UTF-8");
        command
    };
    if is_root {
        let owned = Command::new("chown").arg("postgres").arg(&folder).status();
        if !owned.is_ok_and(|status| status.success()) {
            return Err("there is no user postgres to run it as".to_owned());
        }
    }
    let (data, programs) = (folder.join("data"), bin.display());
    let init = format!("{programs}/initdb -D '{}' -U postgres -A trust -E UTF8 --no-sync >/dev/null", data.display());
    let made = run(&init).output().map_err(|e| e.to_string())?;
    if !made.status.success() {
        return Err(format!("initdb: {}", String::from_utf8_lossy(&made.stderr)));
    }
    let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).map_err(|e| e.to_string())?.port();
    // The shell waits for its input to end and then ends the server.
    let serve = format!(
        "{programs}/postgres -D '{data}' -h 127.0.0.1 -p {port} -k '{folder}' -c fsync=off -c max_connections=300 \
         >'{folder}/log' 2>&1 & server=$!; cat >/dev/null; kill -INT $server; wait $server; rm -rf '{folder}'",
        data = data.display(),
        folder = folder.display(),
    );
    let keeper = run(&serve).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().map_err(|e| e.to_string())?;
    let begun = Instant::now();
    loop {
        let ready =
            Command::new(bin.join("pg_isready")).args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]).status();
        if ready.is_ok_and(|status| status.success()) {
            return Ok(Cluster { bin, port, _keeper: keeper });
        }
        if begun.elapsed() > Duration::from_secs(60) {
            return Err(std::fs::read_to_string(folder.join("log")).unwrap_or_default());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
