//! ffmpeg as the judge: what it decodes of a file, frame by frame.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex};

/// A time base: numerator and denominator, seconds per tick.
pub type Base = (i64, i64);

/// A decoded picture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Picture {
    pub pts: i64,
    pub hash: String,
}

/// Decoded pictures in the order of presentation.
#[derive(Clone, Debug, Default)]
pub struct Pictures {
    pub base: Base,
    pub pictures: Vec<Picture>,
    pub complaints: String,
}

/// Decoded sound.
#[derive(Clone, Debug, Default)]
pub struct Sound {
    /// Time base and time stamp of each packet as demuxed.
    pub packet_base: Base,
    pub packets: Vec<i64>,
    /// PCM samples per second.
    pub rate: i64,
    /// Bytes of one PCM sample of all channels.
    pub frame: usize,
    /// Time of the first PCM sample, in samples.
    pub first: i64,
    pub pcm: Vec<u8>,
    /// Where time goes on more or less than there are samples: after how many, and by how many.
    pub gaps: Vec<(i64, i64)>,
    pub complaints: String,
}

/// `-map` of a track by its identifier in the file (`track_ID`), or of the first of a kind.
pub enum Map {
    Id(u32),
    Video,
    Audio,
}

impl Map {
    fn argument(&self) -> String {
        match self {
            Map::Id(id) => format!("0:i:{id}"),
            Map::Video => "0:v:0".to_owned(),
            Map::Audio => "0:a:0".to_owned(),
        }
    }
}

fn ffmpeg(file: &Path, output: &[&str]) -> Result<(Vec<u8>, String), String> {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "warning", "-threads", "1", "-copyts", "-i"]).arg(file).args(output);
    let output = command.stdin(Stdio::null()).output().map_err(|e| format!("ffmpeg does not run: {e}"))?;
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        return Err(format!("ffmpeg {}: {complaints}", output.status));
    }
    Ok((output.stdout, complaints))
}

/// Decodes pictures.
pub fn pictures(file: &Path, map: &Map) -> Result<Pictures, String> {
    let map = map.argument();
    let arguments =
        ["-map", &map, "-fps_mode", "passthrough", "-enc_time_base", "-1", "-f", "framehash", "-hash", "md5", "-"];
    let (out, complaints) = ffmpeg(file, &arguments)?;
    let table = table(&String::from_utf8_lossy(&out))?;
    let pictures = table.rows.into_iter().map(|(pts, hash)| Picture { pts, hash }).collect();
    Ok(Pictures { base: table.base, pictures, complaints })
}

/// Decodes sound; `scratch` is a file that may be overwritten.
pub fn sound(file: &Path, map: &Map, scratch: &Path) -> Result<Sound, String> {
    let (map, packets, frames) = (map.argument(), scratch.with_extension("packets"), scratch.with_extension("frames"));
    let (packets_name, frames_name) = (packets.to_string_lossy(), frames.to_string_lossy());
    let framehash = ["-f", "framehash", "-hash", "md5"];
    let mut arguments = vec!["-y", "-map", &map, "-c:a", "pcm_f32le", "-f", "f32le", "pipe:1"];
    for (codec, table) in [("pcm_f32le", &*frames_name), ("copy", &*packets_name)] {
        arguments.extend(["-map", &map, "-c:a", codec]);
        arguments.extend(framehash);
        arguments.push(table);
    }
    let (pcm, complaints) = ffmpeg(file, &arguments)?;
    let read = |path: &Path| fs::read_to_string(path).map_err(|e| e.to_string());
    let (packets, frames) = (table(&read(&packets)?)?, table(&read(&frames)?)?);
    let samples: i64 = frames.durations.iter().sum();
    if samples == 0 || pcm.len() as i64 % samples != 0 || frames.base.0 != 1 {
        return Err(format!("{} bytes of PCM in {samples} samples", pcm.len()));
    }
    let (mut gaps, mut at) = (Vec::new(), 0);
    for (index, pair) in frames.rows.windows(2).enumerate() {
        at += frames.durations[index];
        let gap = pair[1].0 - pair[0].0 - frames.durations[index];
        // In a transport stream frames inside a PES packet have no time of their own.
        if gap.abs() > 8 {
            gaps.push((at, gap));
        }
    }
    Ok(Sound {
        packet_base: packets.base,
        packets: packets.rows.into_iter().map(|(pts, _)| pts).collect(),
        rate: frames.base.1,
        frame: (pcm.len() as i64 / samples) as usize,
        first: frames.rows[0].0,
        pcm,
        gaps,
        complaints,
    })
}

#[derive(Default)]
struct Table {
    base: Base,
    rows: Vec<(i64, String)>,
    durations: Vec<i64>,
}

/// Reads the table of `-f framehash`.
fn table(text: &str) -> Result<Table, String> {
    let mut table = Table::default();
    for line in text.lines() {
        let wrong = || format!("not understood: {line}");
        if let Some(base) = line.strip_prefix("#tb 0: ") {
            let (n, d) = base.split_once('/').ok_or_else(wrong)?;
            table.base = (n.parse().map_err(|_| wrong())?, d.parse().map_err(|_| wrong())?);
        }
        if line.starts_with('#') {
            continue;
        }
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        let (Some(pts), Some(duration), Some(hash)) = (fields.get(2), fields.get(3), fields.get(5)) else {
            return Err(wrong());
        };
        table.rows.push((pts.parse().map_err(|_| wrong())?, (*hash).to_owned()));
        table.durations.push(duration.parse().map_err(|_| wrong())?);
    }
    if table.rows.is_empty() { Err("nothing was decoded".to_owned()) } else { Ok(table) }
}

/// What ffprobe says of a track, by key.
pub fn probe(file: &Path, id: u32) -> Result<Vec<(String, String)>, String> {
    type Known = HashMap<(PathBuf, u32), Result<Vec<(String, String)>, String>>;
    static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);
    let key = (file.to_owned(), id);
    if let Some(known) = KNOWN.lock().expect("no panic").get(&key) {
        return known.clone();
    }
    let probed = run_ffprobe(file, id);
    KNOWN.lock().expect("no panic").insert(key, probed.clone());
    probed
}

fn run_ffprobe(file: &Path, id: u32) -> Result<Vec<(String, String)>, String> {
    let entries = "stream=id,codec_name,profile,level,width,height,sample_aspect_ratio,r_frame_rate,avg_frame_rate,sample_rate,channels";
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-of", "compact=p=0", "-show_entries", entries]).arg(file);
    let output = command.stdin(Stdio::null()).output().map_err(|e| format!("ffprobe does not run: {e}"))?;
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let pairs = line.split('|').filter_map(|p| p.split_once('='));
        let pairs: Vec<(String, String)> = pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        if pairs.contains(&("id".to_owned(), format!("{id:#x}"))) {
            return Ok(pairs);
        }
    }
    Err(format!("ffprobe finds no track {id} in {}", file.display()))
}

/// `a` minus `b` as a fraction of seconds is at most `ticks` of the coarser of both time bases.
pub fn near(a: i64, a_base: Base, b: i64, b_base: Base, ticks: i64) -> bool {
    let (a_num, a_den) = (i128::from(a_base.0), i128::from(a_base.1));
    let (b_num, b_den) = (i128::from(b_base.0), i128::from(b_base.1));
    let difference = (i128::from(a) * a_num * b_den - i128::from(b) * b_num * a_den).abs();
    difference <= i128::from(ticks) * (a_num * b_den).max(b_num * a_den)
}
