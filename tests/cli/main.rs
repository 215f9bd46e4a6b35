//! The program itself: commands, messages, exit codes, and a server that follows what is published.

#![allow(missing_docs, reason = "tests document themselves by their names")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn headwater(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_headwater"));
    command.env_clear().env("HEADWATER_STORAGE__DATA_DIR", data).env("HEADWATER_SERVER__LISTEN", "127.0.0.1:0");
    command
}

fn run(data: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output: Output = headwater(data).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn copy_of(name: &str, to: &Path) -> String {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(fixture(name)).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
    to.canonicalize().unwrap().to_str().unwrap().to_owned()
}

struct Server {
    child: Child,
    address: String,
    said: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(data: &Path, arguments: &[&str]) -> Server {
        let mut child = headwater(data).args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
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
        Server { child, address, said }
    }

    fn status(&self, path: &str) -> u16 {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        write!(socket, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer)[9..12].parse().unwrap()
    }

    fn within_three_seconds(&self, path: &str, status: u16) {
        let begun = Instant::now();
        while self.status(path) != status {
            assert!(begun.elapsed() < Duration::from_secs(3), "{path} is not answered with {status}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Paths of the URLs in a command's output.
fn paths(output: &str) -> Vec<String> {
    let urls = output.split_whitespace().filter_map(|word| word.strip_prefix("http://"));
    urls.filter_map(|url| url.split_once('/')).map(|(_, path)| format!("/{path}")).collect()
}

#[test]
fn help_and_version() {
    let data = tempfile::tempdir().unwrap();
    let (code, out, _) = run(data.path(), &["--help"]);
    assert_eq!(code, 0);
    for word in [
        "serve",
        "publish",
        "unpublish",
        "list",
        "protect",
        "upload",
        "delete",
        "import",
        "inspect",
        "verify",
        "--config",
        "Exit status",
        "Examples",
    ] {
        assert!(out.contains(word), "{word}");
    }
    for command in ["serve", "publish", "unpublish", "list", "upload", "delete", "import", "inspect", "verify"] {
        let (code, out, _) = run(data.path(), &[command, "--help"]);
        assert!(code == 0 && out.contains("Usage: headwater"), "{command}");
    }
    let (code, out, _) = run(data.path(), &["--version"]);
    assert_eq!((code, out.trim()), (0, concat!("headwater ", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn a_film_is_protected_and_its_key_delivered() {
    let root = tempfile::tempdir().unwrap();
    let (data, film) = (root.path().join("data"), copy_of("demo", &root.path().join("film")));
    let file = root.path().join("token.key").to_str().unwrap().to_owned();
    let (code, out, _) = run(&data, &["publish", &film]);
    assert_eq!(code, 0);
    let url = paths(&out).into_iter().next().unwrap();
    let server = Server::start(&data, &[]);
    server.within_three_seconds(&url, 200);
    let issuer = ["--issuer", "https://me.example/", "--audience", "urn:films", "--token-key", &file];
    let (code, out, err) = run(&data, &[&["protect", &film][..], &issuer].concat());
    assert_eq!(code, 0, "{err}");
    let key = out.split("Its key is ").nth(1).unwrap().split('.').next().unwrap().to_owned();
    server.within_three_seconds(&format!("/?kid={key}"), 401);
    let (code, token, _) = run(&data, &[&["token", &key][..], &issuer].concat());
    assert_eq!((code, token.split('.').count()), (0, 3));
    assert_eq!(server.status(&format!("/?kid={key}&token={}", token.trim())), 200);
    assert_eq!(server.status(&format!("/?kid={key}&token={}x", token.trim())), 401);
    let (code, _, err) = run(&data, &["protect", &film]);
    assert!(code == 1 && err.contains("has a delivery policy already"), "{err}");
    // A key of somebody else's does not sign.
    fs::write(&file, "AAAA").unwrap();
    let (code, _, err) = run(&data, &[&["token", &key][..], &issuer].concat());
    assert!(code == 1 && err.contains("32 bytes"), "{err}");
    // Keys go from one installation to another.
    let other = root.path().join("other");
    let (_, certificate, _) = run(&other, &["keys", "certificate"]);
    let (pem, document) = (root.path().join("cert.pem"), root.path().join("keys.xml"));
    fs::write(&pem, certificate).unwrap();
    let (code, xml, err) = run(&data, &["keys", "export", &key, "--certificate", pem.to_str().unwrap()]);
    assert_eq!(code, 0, "{err}");
    fs::write(&document, xml).unwrap();
    let (code, _, err) = run(&data, &["keys", "import", document.to_str().unwrap()]);
    assert!(code == 1 && err.contains("protection certificate"), "{err}");
    let (code, out, err) = run(&other, &["keys", "import", document.to_str().unwrap()]);
    assert_eq!((code, out.trim()), (0, format!("{key}  EnvelopeEncryption").as_str()), "{err}");
    let plain = |data: &Path| run(data, &["keys", "export", &key]).1.replace("\r", "");
    assert_eq!(plain(&data), plain(&other));
    // In the clear again, with tokens in its URLs.
    assert_eq!(run(&data, &["unprotect", &film]).0, 0);
    server.within_three_seconds(&url, 200);
    let (code, out, err) = run(&data, &["url-token", &film]);
    assert_eq!(code, 0, "{err}");
    server.within_three_seconds(&url, 403);
    let base = paths(&out).remove(0);
    let name = url.splitn(3, '/').nth(2).unwrap();
    assert_eq!(server.status(&format!("{base}{name}")), 200);
    assert_eq!(run(&data, &["url-token", &film, "--off"]).0, 0);
    server.within_three_seconds(&url, 200);
}

#[test]
fn wrong_usage_ends_with_two_and_failure_with_one() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    let file = |name: &str, text: &str| {
        fs::write(root.path().join(name), text).unwrap();
        root.path().join(name).to_str().unwrap().to_owned()
    };
    let unknown = file("unknown.toml", "[server]\nlisten = \"127.0.0.1:0\"\nport = 1\n");
    let wrong = file("wrong.toml", "[origin]\ntarget_segment_milliseconds = 0\n");
    let broken = file("broken.toml", "[server\n");
    let missing = root.path().join("missing.toml").to_str().unwrap().to_owned();
    for (arguments, expected, says) in [
        (&["fly"][..], 2, "fly"),
        (&["publish"], 2, "FOLDER"),
        (&["--dialect", "old"], 2, "old"),
        (&["--listen", "here"], 2, "here"),
        (&["list", "--config", &unknown], 2, "port"),
        (&["list", "--config", &wrong], 2, "origin.target_segment_milliseconds"),
        (&["list", "--config", &broken], 2, "broken.toml"),
        (&["list", "--config", &missing], 2, "missing.toml"),
        (&["publish", "/nowhere"], 1, "/nowhere"),
        (&["publish", &unknown], 1, "unknown.toml"),
        (&["publish", root.path().to_str().unwrap()], 1, ".ism"),
        (&["unpublish", "/nowhere"], 1, "not published"),
        (&["inspect", "/nowhere"], 1, "/nowhere"),
        (&["serve", "--listen", "192.0.2.1:1"], 1, "192.0.2.1:1"),
    ] {
        let (code, out, err) = run(&data, arguments);
        assert_eq!(code, expected, "{arguments:?}: {err}");
        assert!(err.contains(says), "{arguments:?}: {err}");
        assert!(out.is_empty() && !err.contains("panicked") && err.lines().count() <= 12, "{arguments:?}: {err}");
    }
    let environment = headwater(&data).env("HEADWATER_SERVER__PORT", "1").arg("list").output().unwrap();
    assert_eq!(environment.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&environment.stderr).contains("HEADWATER_SERVER__PORT"));
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("published.json"), "{").unwrap();
    let (code, _, err) = run(&data, &["list"]);
    assert!(code == 1 && err.contains("damaged"), "{err}");
    assert_eq!(run(&data, &["serve"]).0, 1);
}

#[test]
fn a_running_server_follows_what_is_published() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    let folder = copy_of("films/no-ism", &root.path().join("a film é 100%"));
    let server = Server::start(&data, &[]);
    assert!(server.said.contains("demo.ism/manifest(format=m3u8-cmaf).m3u8"), "{}", server.said);
    for path in paths(&server.said).iter().filter(|p| p.contains("demo.ism")) {
        assert_eq!(server.status(path), 200, "{path}");
    }

    assert_eq!(run(&data, &["list"]).1, "");
    let (code, out, _) = run(&data, &["publish", &folder]);
    assert!(code == 0 && out.contains(&folder), "{out}");
    let urls = paths(&out);
    assert_eq!(urls.len(), 7, "{out}");
    for path in &urls {
        server.within_three_seconds(path, 200);
    }
    assert_eq!(paths(&run(&data, &["publish", &format!("{folder}/../a film é 100%")]).1), urls, "the same URLs again");
    let (_, out, _) = run(&data, &["list"]);
    let locator = urls[0].split('/').nth(1).unwrap();
    assert_eq!(out, format!("{locator}  {folder}\n"));

    let (code, out, _) = run(&data, &["unpublish", &folder]);
    assert!(code == 0 && out.contains("files are where they were"), "{out}");
    server.within_three_seconds(&urls[0], 404);
    assert_eq!(run(&data, &["list"]).1, "");
    assert!(Path::new(&folder).join("film_90.mp4").exists());
}

#[test]
fn a_server_ends_when_it_is_asked_to() {
    let data = tempfile::tempdir().unwrap();
    for signal in ["TERM", "INT"] {
        let mut server = Server::start(data.path(), &["serve", "--dialect", "ams"]);
        assert_eq!(server.status("/healthz"), 200);
        let sent = Command::new("kill").args([&format!("-{signal}"), &server.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let begun = Instant::now();
        let ended = loop {
            if let Some(ended) = server.child.try_wait().unwrap() {
                break ended;
            }
            assert!(begun.elapsed() < Duration::from_secs(10));
            std::thread::sleep(Duration::from_millis(20));
        };
        assert_eq!(ended.code(), Some(0), "{signal}");
    }
}

#[test]
fn inspecting_tells_what_will_stream() {
    let data = tempfile::tempdir().unwrap();
    let path = |name: &str| fixture(name).to_str().unwrap().to_owned();
    let (code, out, _) = run(data.path(), &["inspect", &path("demo"), "--json"]);
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, report["files"].as_array().unwrap().len()), (0, 5));
    assert_eq!(report["presentations"][0]["name"], "demo.ism");
    let (code, out, _) = run(data.path(), &["inspect", &path("films/no-common-grid")]);
    assert_eq!(code, 3, "{out}");
    assert!(out.contains("ffmpeg"), "{out}");
    let (code, out, _) = run(data.path(), &["inspect", &path("films/no-ism/film_90.mp4"), "--json"]);
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, report["files"][0]["name"].as_str()), (0, Some("film_90.mp4")));
    let broken = data.path().join("film");
    copy_of("films/no-ism", &broken);
    fs::File::options().write(true).open(broken.join("film_144.mp4")).unwrap().set_len(3000).unwrap();
    let (code, out, _) = run(data.path(), &["inspect", broken.to_str().unwrap()]);
    assert!(code == 3 && out.contains("film_144.mp4"), "{out}");
}
