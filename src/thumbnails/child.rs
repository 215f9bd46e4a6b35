//! A program that reads its standard input, writes its standard output, and ends: within bounds, or not at all.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use rustix::process::{Pid, Resource, Rlimit, Signal};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};

use super::Limits;

/// The most memory that it may ask for, bytes.
const MAX_MEMORY: u64 = 4 << 30;
/// What is kept of its complaints, bytes.
const MAX_COMPLAINTS: usize = 2048;

/// How it ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// With code 0.
    pub success: bool,
    /// Its code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it wrote.
    pub output: Bytes,
    /// The beginning of its complaints, for people.
    pub said: String,
}

/// Why it was stopped, or never started.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("it did not end within {} s", .after.as_secs())]
    TimedOut { after: Duration },
    #[error("it wrote more than {limit} bytes")]
    TooMuchOutput { limit: u64 },
    #[error("it cannot be run: {0}")]
    Unusable(#[from] io::Error),
}

/// Runs `program` with `input`. Whatever happens, and also when the caller goes away, it and all that it has
/// started are killed before long.
pub(super) async fn run(
    program: &Path,
    arguments: &[String],
    input: Vec<Bytes>,
    limits: &Limits,
) -> Result<Ended, Error> {
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let guard = Guard::new(&child);
    guard.limit(limits);
    let all = async {
        let (_, output, said) =
            tokio::join!(feed(stdin, input), async { read(stdout, limits.output_bytes).await }, async {
                complaints(stderr).await
            });
        Ok::<_, Error>((output?, said, child.wait().await?))
    };
    let finished = tokio::time::timeout(limits.timeout, all).await;
    let (output, said, status) = finished.map_err(|_| Error::TimedOut { after: limits.timeout })??;
    guard.release();
    Ok(Ended { success: status.success(), code: status.code(), output, said })
}

/// Kills the program's group of processes, unless it is over.
struct Guard(Option<Pid>);

impl Guard {
    fn new(child: &Child) -> Guard {
        Guard(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    /// Bounds its memory and its time on the processor; it may write no file.
    fn limit(&self, limits: &Limits) {
        let seconds = limits.timeout.as_secs().saturating_mul(4).max(1);
        for (resource, most) in
            [(Resource::As, MAX_MEMORY), (Resource::Cpu, seconds), (Resource::Fsize, 0), (Resource::Core, 0)]
        {
            // A program that has ended already needs none.
            let limit = Rlimit { current: Some(most), maximum: Some(most) };
            let _ = rustix::process::prlimit(self.0, resource, limit);
        }
    }

    fn release(mut self) {
        self.0 = None;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
    }
}

/// Writes the input. A program that does not want all of it says why in another way.
async fn feed(stdin: Option<ChildStdin>, input: Vec<Bytes>) {
    let Some(mut stdin) = stdin else { return };
    for piece in input {
        if stdin.write_all(&piece).await.is_err() {
            return;
        }
    }
    let _ = stdin.shutdown().await;
}

async fn read(stdout: Option<impl AsyncRead + Unpin>, limit: u64) -> Result<Bytes, Error> {
    let mut output = Vec::new();
    if let Some(stdout) = stdout {
        stdout.take(limit.saturating_add(1)).read_to_end(&mut output).await?;
    }
    if output.len() as u64 > limit {
        return Err(Error::TooMuchOutput { limit });
    }
    Ok(Bytes::from(output))
}

/// The beginning of what it complains of. The rest is read too, or it would wait for somebody to do so.
async fn complaints(stderr: Option<impl AsyncRead + Unpin>) -> String {
    let mut said = Vec::new();
    let mut buffer = [0; 4096];
    if let Some(mut stderr) = stderr {
        while let Ok(read @ 1..) = stderr.read(&mut buffer).await {
            let room = MAX_COMPLAINTS.saturating_sub(said.len());
            said.extend_from_slice(&buffer[..read.min(room)]);
        }
    }
    String::from_utf8_lossy(&said).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        timeout: Duration::from_millis(1500),
        at_once: 1,
        patience: Duration::from_secs(1),
        output_bytes: 100_000,
    };

    async fn shell(script: &str, input: Vec<Bytes>) -> Result<Ended, Error> {
        run(Path::new("/bin/sh"), &["-c".to_owned(), script.to_owned()], input, &LIMITS).await
    }

    #[tokio::test]
    async fn what_goes_in_and_what_comes_out() {
        let input = vec![Bytes::from(vec![b'a'; 70_000]), Bytes::from_static(b"b")];
        let ended = shell("/bin/cat; echo hm >&2", input).await.unwrap();
        assert!(ended.success && ended.output.len() == 70_001 && ended.output.ends_with(b"b"));
        assert_eq!(ended.said, "hm");
        let ended = shell("exit 3", vec![Bytes::from(vec![0; 1 << 20])]).await.unwrap();
        assert_eq!((ended.success, ended.code), (false, Some(3)));
        let ended = shell("kill -SEGV $$", Vec::new()).await.unwrap();
        assert_eq!((ended.success, ended.code), (false, None));
    }

    #[tokio::test]
    async fn it_is_stopped_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let pid = folder.path().join("pid");
        // It may not write files, so it is told by the name of what it starts.
        let script = format!("/bin/sleep 86399.{} & wait", std::process::id());
        let begun = std::time::Instant::now();
        assert!(matches!(shell(&script, Vec::new()).await, Err(Error::TimedOut { .. })));
        assert!(begun.elapsed() < Duration::from_secs(10) && !pid.exists());
        let name = format!("86399.{}", std::process::id());
        let alive = || {
            std::fs::read_dir("/proc")
                .unwrap()
                .filter_map(|e| std::fs::read(e.ok()?.path().join("cmdline")).ok())
                .any(|line| line.starts_with(b"/bin/sleep") && line.windows(name.len()).any(|w| w == name.as_bytes()))
        };
        for _ in 0..50 {
            if !alive() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{name} is still alive");
    }

    #[tokio::test]
    async fn floods_and_files_are_refused() {
        assert!(matches!(shell("exec /bin/cat /dev/zero", Vec::new()).await, Err(Error::TooMuchOutput { .. })));
        let ended = shell("/usr/bin/head -c 200000 /dev/zero >&2", Vec::new()).await.unwrap();
        assert!(ended.success && ended.said.len() <= MAX_COMPLAINTS);
        let file = std::env::temp_dir().join(format!("headwater-child-{}", std::process::id()));
        let script = format!("/bin/sleep 0.3; echo x > {}", file.display());
        let ended = shell(&script, Vec::new()).await.unwrap();
        assert!(!ended.success && std::fs::read(&file).is_ok_and(|f| f.is_empty()));
        std::fs::remove_file(&file).unwrap();
        assert!(matches!(run(Path::new("/nowhere"), &[], Vec::new(), &LIMITS).await, Err(Error::Unusable(_))));
    }
}
