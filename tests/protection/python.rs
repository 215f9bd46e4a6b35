//! The decryptor in Python.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::support;

/// A running decryptor.
pub struct Python {
    child: Child,
    jobs: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Python {
    /// Starts one; `None`, with the reason printed, where Python or its library is missing.
    pub fn start() -> Option<Python> {
        // The environment that tests/tools makes, or the machine's own.
        let own = support::root().join("tests/storage/venv/bin/python");
        let program = if own.is_file() { own } else { "python3".into() };
        let known = Command::new(&program).args(["-c", "import cryptography"]).stderr(Stdio::null()).status();
        if !known.is_ok_and(|status| status.success()) {
            println!("skipped: python3 with the library cryptography is not there");
            return None;
        }
        let mut child = Command::new(&program)
            .arg(support::root().join("tests/protection/decrypt.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3");
        let (jobs, answers) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        Some(Python { child, jobs, answers: BufReader::new(answers) })
    }

    /// The answer to one job.
    pub fn ask(&mut self, job: &serde_json::Value) -> serde_json::Value {
        writeln!(self.jobs, "{job}").expect("the decryptor runs");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the decryptor answers");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
