//! Films for tests of load.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A film of the repository.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// A film whose segments are larger than what sockets take in: noise, which no encoder makes small. `None`, with the
/// reason printed, where there is no ffmpeg. Kept between runs.
pub fn noise() -> Option<&'static Path> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    let make = || {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("noise-24M");
        if folder.is_dir() {
            return Some(folder);
        }
        let part = tempfile::Builder::new().prefix("noise").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-f", "lavfi", "-i", "color=gray:s=640x360:r=25,noise=alls=100:allf=t"]);
        command.args([
            "-t",
            "16",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-b:v",
            "24M",
            "-minrate",
            "24M",
            "-maxrate",
            "24M",
            "-bufsize",
            "6M",
            "-g",
            "50",
            "-sc_threshold",
        ]);
        command.args(["0", "-pix_fmt", "yuv420p", "-movflags", "+faststart"]).arg(part.path().join("noise.mp4"));
        match command.status() {
            Ok(status) if status.success() => {
                // Somebody else may have been faster.
                let _ = fs::rename(part.keep(), &folder);
                Some(folder)
            }
            other => {
                println!("skipped: ffmpeg makes no film ({other:?})");
                None
            }
        }
    };
    FOLDER.get_or_init(make).as_deref()
}
