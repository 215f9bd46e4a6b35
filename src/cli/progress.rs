//! Progress on standard error, for people: where that is no terminal there is none.

use indicatif::{ProgressBar, ProgressStyle};

/// How it looks: done, of how many, how fast.
const STEPS: &str = "{msg:24!} [{bar:30}] {pos}/{len}  {elapsed}";

/// A bar that counts steps, of which more may turn up.
pub(super) fn steps() -> ProgressBar {
    bar(STEPS)
}

/// How much is sent.
const BYTES: &str = "{msg:24!} [{bar:30}] {bytes}/{total_bytes}  {bytes_per_sec}  {eta}";

/// A bar that counts bytes.
pub(super) fn bytes() -> ProgressBar {
    bar(BYTES)
}

fn bar(template: &str) -> ProgressBar {
    // indicatif draws nothing where standard error is no terminal.
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}
