//! Films that nobody thought of: made by ffmpeg from random parameters, then judged like all others.
//!
//! `HEADWATER_SEEDS=100` judges that many films, `HEADWATER_SEED=17` the one of that seed and keeps its files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::film::{self, Judged};

/// Films that are judged when nothing else is asked for.
const SEEDS: u64 = 4;

/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// One time in `n`.
    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len() as u64) as usize]
    }
}

/// What ffmpeg is told for one file.
type Arguments = Vec<String>;

/// The seeds to judge, and whether their files are kept.
pub fn seeds() -> (Vec<u64>, bool) {
    let number = |name| std::env::var(name).ok().and_then(|v: String| v.parse().ok());
    match (number("HEADWATER_SEED"), number("HEADWATER_SEEDS")) {
        (Some(seed), _) => (vec![seed], true),
        (None, Some(count)) => ((1..=count).collect(), false),
        (None, None) => ((1..=SEEDS).collect(), false),
    }
}

/// Makes the film of a seed in a folder of its own below `scratch` and judges it.
pub fn judge(seed: u64, scratch: &Path) -> Judged {
    let folder = scratch.join(format!("seed-{seed}"));
    fs::create_dir_all(&folder).expect("a folder for temporary files");
    let files = plan(seed);
    for arguments in &files {
        if let Err(reason) = make(&folder, arguments) {
            let wrong = vec![format!("ffmpeg does not make it: {reason}: {}", arguments.join(" "))];
            return Judged { name: format!("seed-{seed}"), wrong, ..Judged::default() };
        }
    }
    let mut judged = film::judge(&folder);
    if let Some(reason) = judged.skipped.take() {
        judged.wrong.push(reason);
    }
    if !judged.wrong.is_empty() {
        let commands = files.iter().map(|a| format!("ffmpeg {}", a.join(" ")));
        judged.wrong.push(format!("made by\n{}", commands.collect::<Vec<_>>().join("\n")));
    }
    judged
}

fn make(folder: &Path, arguments: &[String]) -> Result<(), String> {
    let mut command = Command::new("ffmpeg");
    command.current_dir(folder).args(["-nostdin", "-v", "error", "-y"]).args(arguments).stdin(Stdio::null());
    let output = command.output().map_err(|e| e.to_string())?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// The files of a seed's film.
fn plan(seed: u64) -> Vec<Arguments> {
    let random = &mut Random(seed);
    let rate = random.pick(&["24", "25", "30", "12", "10", "50", "24000/1001", "30000/1001", "60000/1001", "15/2"]);
    let gop = [0.5, 1.0, 1.5, 2.0, 3.0][random.below(5) as usize];
    let length = 2.5 + random.below(50) as f64 / 10.0;
    let container = container(random);
    let muxed = random.one_in(3);
    let late = if random.one_in(3) { random.below(1200) as f64 / 1000.0 } else { 0.0 };
    let dropped = random.one_in(5);
    let mut files = Vec::new();
    for quality in 0..1 + random.below(3) {
        let size = ["192x108", "160x90", "128x72"][quality as usize];
        let cut = if random.one_in(3) { random.below(12) as f64 / 24.0 } else { 0.0 };
        let mut file = Arguments::new();
        let mut add = |text: &str| file.extend(text.split_whitespace().map(str::to_owned));
        add(&format!("-itsoffset {late} -f lavfi -i testsrc2=s={size}:r={rate}:d={:.3}", length - cut));
        let sound = muxed.then(|| sound_source(random, length));
        if let Some(sound) = &sound {
            add(sound);
        }
        add("-map 0:v -c:v libx264 -preset ultrafast -crf 40 -pix_fmt yuv420p -sc_threshold 0 -threads 1");
        add(&format!("-x264-params open-gop=0:threads=1 -bf {}", random.below(4)));
        add(&format!("-g 1000 -force_key_frames expr:gte(t,n_forced*{gop}) -fps_mode passthrough"));
        if dropped {
            add("-vf select='not(mod(n,24))+not(mod(n,7))+lt(mod(n,11),5)'");
        }
        if random.one_in(2) {
            add(&format!("-video_track_timescale {}", random.pick(&["90000", "1000", "600", "48000", "10000000"])));
        }
        if sound.is_some() {
            add("-map 1:a");
            add(&sound_codec(random));
        }
        add(&container);
        add(&format!("film_{}.mp4", size.split_once('x').map_or("", |(_, height)| height)));
        files.push(file);
    }
    for (number, language) in ["eng", "spa", "jpn"].iter().enumerate().take(random.below(4) as usize) {
        let mut file = Arguments::new();
        let mut add = |text: &str| file.extend(text.split_whitespace().map(str::to_owned));
        add(&sound_source(random, length));
        add(&sound_codec(random));
        add(&format!("-metadata:s:a:0 language={language}"));
        // A fragment of sound alone: by time, or ffmpeg makes one of each frame.
        add(&container.replace("frag_keyframe+", ""));
        if container.contains("frag_keyframe") {
            add(&format!("-frag_duration {}", 500_000 + random.below(3_000_000)));
        }
        add(&format!("-f mp4 film_{number}.m4a"));
        files.push(file);
    }
    files
}

fn container(random: &mut Random) -> String {
    let flags = random.pick(&[
        "",
        "-movflags +faststart",
        "-use_editlist 0",
        "-movflags +negative_cts_offsets",
        "-movflags frag_keyframe+empty_moov+default_base_moof",
        "-movflags frag_keyframe+delay_moov+default_base_moof",
        "-movflags frag_keyframe+empty_moov+default_base_moof+negative_cts_offsets",
        "-movflags frag_keyframe+cmaf+default_base_moof",
    ]);
    flags.to_owned()
}

fn sound_source(random: &mut Random, length: f64) -> String {
    let rate = random.pick(&["48000", "44100", "32000", "24000", "22050", "16000"]);
    let longer = if random.one_in(2) { random.below(3000) as f64 / 1000.0 - 1.2 } else { 0.0 };
    let late = if random.one_in(4) { random.below(900) as f64 / 1000.0 } else { 0.0 };
    let hertz = 300 + random.below(500);
    let length = length + longer;
    format!(
        "-itsoffset {late} -f lavfi -i sine=frequency={hertz}:beep_factor=3:sample_rate={rate}:duration={length:.3}"
    )
}

fn sound_codec(random: &mut Random) -> String {
    format!("-c:a aac -b:a {}k -ac {}", 24 + 8 * random.below(4), 1 + random.below(2))
}

/// The folder that kept films go to.
pub fn kept() -> PathBuf {
    std::env::temp_dir().join("headwater-random")
}
