//! Runs cases one by one, with an eye on the clock and on memory.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, Once};
use std::thread;
use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;

use super::drive;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The longest that one case may take. Generous: a busy machine and no optimisation.
const PATIENCE: Duration = Duration::from_secs(10);

/// Tests that measure memory go one after the other.
static ALONE: Mutex<()> = Mutex::new(());
/// The case that runs, and since when.
static RUNNING: Mutex<Option<(String, Instant)>> = Mutex::new(None);

/// Collects what does not hold.
pub struct Judge {
    name: &'static str,
    cases: usize,
    failures: Vec<String>,
    _alone: MutexGuard<'static, ()>,
}

impl Judge {
    /// For a group of cases.
    pub fn new(name: &'static str) -> Judge {
        static WATCH: Once = Once::new();
        WATCH.call_once(|| drop(thread::spawn(watch)));
        let alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        Judge { name, cases: 0, failures: Vec::new(), _alone: alone }
    }

    /// Puts `data` through the driver `target`.
    pub fn case(&mut self, name: &str, target: &str, data: &[u8]) {
        self.cases += 1;
        let name = format!("{} {target} {name} ({} bytes)", self.name, data.len());
        *running() = Some((name.clone(), Instant::now()));
        MEMORY.reset_peak_usage();
        let before = MEMORY.current_usage();
        let panicked = catch_unwind(AssertUnwindSafe(|| drive::run(target, data))).is_err();
        let peak = MEMORY.peak_usage().saturating_sub(before);
        *running() = None;
        let allowed = drive::memory_allowed(data.len());
        if panicked {
            self.failures.push(format!("{name}: panicked"));
        } else if peak > allowed {
            self.failures.push(format!("{name}: {peak} bytes of memory, {allowed} allowed"));
        } else {
            return;
        }
        keep(target, self.cases, data);
    }

    /// Fails if any case has.
    pub fn finish(self) {
        let (failed, first) = (self.failures.len(), self.failures.iter().take(20).cloned().collect::<Vec<_>>());
        assert!(failed == 0, "{failed} of {} cases:\n{}", self.cases, first.join("\n"));
        assert!(self.cases > 0);
        println!("{}: {} cases", self.name, self.cases);
    }
}

fn running() -> MutexGuard<'static, Option<(String, Instant)>> {
    RUNNING.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// A case that never ends ends the whole run: nothing else can stop it.
fn watch() {
    loop {
        thread::sleep(Duration::from_millis(250));
        if let Some((name, since)) = &*running()
            && since.elapsed() > PATIENCE
        {
            // Not `eprintln`, which the test harness would keep to itself.
            let _ = std::io::stderr().write_all(format!("{name} takes more than {PATIENCE:?}\n").as_bytes());
            std::process::exit(101);
        }
    }
}

/// Keeps what failed for a look.
fn keep(target: &str, number: usize, data: &[u8]) {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile");
    let path = folder.join(format!("{target}-{number}"));
    if std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, data)).is_ok() {
        eprintln!("kept as {}", path.display());
    }
}
