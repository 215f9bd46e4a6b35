//! The program as it is started: settings, access file, both listeners, accounts.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The first line that has these words in it, from `lines`.
fn wait_for(lines: &mpsc::Receiver<String>, words: &str) -> String {
    let mut seen = String::new();
    loop {
        match lines.recv_timeout(Duration::from_secs(30)) {
            Ok(line) if line.contains(words) => return line,
            Ok(line) => seen.push_str(&(line + "\n")),
            Err(_) => panic!("no line with {words:?} in\n{seen}"),
        }
    }
}

fn address(line: &str) -> String {
    line.split_once("http://").unwrap().1.split(['/', ' ', '\n']).next().unwrap().to_owned()
}

fn status(url: &str) -> u16 {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut socket = TcpStream::connect(host).unwrap();
    write!(socket, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer)[9..12].parse().unwrap()
}

#[test]
fn the_program_serves_the_api_to_a_script_of_an_old_user() {
    let folder = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = folder.path().join("config.toml");
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[management]\nlisten = \"127.0.0.1:0\"\n[storage]\ndata_dir = \"data\"\n\
         demo_folder = \"\"\n[thumbnails]\nenabled = false\n\
         [[storage_account]]\nname = \"films\"\nkind = \"folder\"\ndefault = true\npath = {:?}\n",
        folder.path().join("films")
    );
    fs::write(&config, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_headwater"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.arg("--config").arg(&config).arg("serve").stdout(Stdio::null()).stderr(Stdio::piped());
    let mut program = Program(command.spawn().unwrap());
    let errors = BufReader::new(program.0.stderr.take().unwrap());
    let (send, lines) = mpsc::channel();
    std::thread::spawn(move || errors.lines().map_while(Result::ok).for_each(|line| drop(send.send(line))));
    let api = address(&wait_for(&lines, "the management API is at"));
    let access = fs::read_to_string(folder.path().join("data/access")).unwrap();
    let key = access.lines().find_map(|line| line.strip_prefix("write headwater ")).unwrap();

    let output = Command::new("python3")
        .arg(root.join("docs/examples/publish.py"))
        .arg(root.join("fixtures/films/no-ism"))
        .env("HEADWATER_MANAGEMENT", format!("http://{api}"))
        .env("HEADWATER_ACCOUNT", "headwater")
        .env("HEADWATER_KEY", key)
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    for kind in ["Smooth Streaming: ", "MPEG-DASH: ", "HLS: "] {
        let url = out.lines().find_map(|line| line.strip_prefix(kind)).unwrap_or_else(|| panic!("{out}"));
        assert_eq!(status(url), 200, "{url}");
    }
    let containers = fs::read_dir(folder.path().join("films")).unwrap();
    let names = containers.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| name.starts_with("asset-")).count(), 1, "it is in the default account");
    let changes = wait_for(&lines, "changed by the management API");
    assert!(changes.contains("headwater"), "{changes}");
    assert!(!changes.contains(key));
}

#[test]
fn the_access_log_has_a_line_for_each_request_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/films/no-ism");
    let config = folder.path().join("config.toml");
    let text = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[management]\nlisten = \"127.0.0.1:0\"\n[storage]\ndata_dir = \"data\"\n\
         demo_folder = {demo:?}\n[thumbnails]\nenabled = false\n[metrics]\nlisten = \"127.0.0.1:0\"\n\
         [log]\naccess = true\nformat = \"json\"\nserver_timing = true\n",
    );
    fs::write(&config, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_headwater"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.arg("--config").arg(&config).arg("serve").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut program = Program(command.spawn().unwrap());
    let (send, lines) = mpsc::channel();
    let errors = BufReader::new(program.0.stderr.take().unwrap());
    std::thread::spawn(move || errors.lines().map_while(Result::ok).for_each(|line| drop(send.send(line))));
    let mut first = String::new();
    BufReader::new(program.0.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let streaming = address(&first);
    let base = format!("http://{streaming}/00000000-0000-4000-8000-0000dec0de00/no-ism.ism");
    let access = |lines: &mpsc::Receiver<String>| -> serde_json::Value {
        let line: serde_json::Value = serde_json::from_str(&wait_for(lines, "headwater::access")).unwrap();
        assert!(!line.to_string().contains("a-secret"), "{line}");
        line["fields"].clone()
    };
    let manifest =
        format!("{base}/manifest(format=mpd-time-cmaf)?token=a-secret&CMCD=bl%3D2300%2Cbs%2Csid%3D%22one%22");
    assert_eq!(status(&manifest), 200);
    let line = access(&lines);
    assert_eq!(
        (&line["status"], &line["format"], &line["object"]),
        (&200.into(), &"mpd-time-cmaf".into(), &"manifest".into())
    );
    assert_eq!((&line["cmcd_bl"], &line["cmcd_bs"], &line["cmcd_sid"]), (&2300.into(), &true.into(), &"one".into()));
    assert_eq!(
        (&line["complete"], &line["cache"], &line["client"]),
        (&true.into(), &"miss".into(), &"127.0.0.1".into())
    );
    assert!(line["bytes"].as_u64().unwrap() > 500 && line["answer_microseconds"].as_u64().unwrap() > 0, "{line}");
    assert!(line["path"].as_str().unwrap().ends_with("/no-ism.ism/manifest(format=mpd-time-cmaf)"), "{line}");

    assert_eq!(status(&format!("http://{streaming}/token=a-secret/no/such%0afilm")), 400);
    let line = access(&lines);
    assert_eq!((&line["status"], &line["path"]), (&400.into(), &"/no/such%0afilm".into()));
    assert!(line.get("cmcd_bl").is_none(), "{line}");
}
