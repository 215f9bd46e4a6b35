//! Thumbnails, drawn by the real ffmpeg and by programs that are none.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use headwater::packager::Dialect;
use headwater::packager::thumbnails::Settings;
use headwater::thumbnails::{Kept, Limits, Painter};

use super::site::{Answer, Site, fixture};

const SETTINGS: Settings = Settings { interval_seconds: 5, width: 160, height: 90, columns: 3, rows: 2 };
const LIMITS: Limits =
    Limits { timeout: Duration::from_secs(60), at_once: 2, patience: Duration::from_secs(60), output_bytes: 8 << 20 };
/// Pixels of a thumbnail.
const SIZE: (usize, usize) = (160, 90);

async fn painter(program: &str, limits: Limits, kept: Option<Kept>) -> Painter {
    Painter::new(program, SETTINGS, limits, kept).await.unwrap_or_else(|e| panic!("{e}"))
}

async fn site() -> Site {
    Site::drawing(Dialect::Modern, 64 << 20, Some(painter("ffmpeg", LIMITS, None).await)).await
}

/// Runs ffmpeg on a file and returns what it writes.
fn ffmpeg(input: &Path, arguments: &str) -> Vec<u8> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-skip_frame", "nokey", "-vsync", "0", "-i"]).arg(input).args(arguments.split(' '));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The thumbnails of a sheet as red, green and blue.
fn cells(site: &Site, jpeg: &[u8], columns: usize, rows: usize) -> Vec<Vec<u8>> {
    let file = site.root.path().join("sheet.jpg");
    fs::write(&file, jpeg).unwrap();
    let pixels = ffmpeg(&file, "-f rawvideo -pix_fmt rgb24 -");
    let stride = SIZE.0 * columns * 3;
    assert_eq!(pixels.len(), stride * SIZE.1 * rows, "the sheet has the size that it should");
    let cell = |n: usize| {
        let (x, y) = (n % columns * SIZE.0 * 3, n / columns * SIZE.1);
        let line = |line: usize| &pixels[(y + line) * stride + x..][..SIZE.0 * 3];
        (0..SIZE.1).flat_map(|n| line(n).to_vec()).collect()
    };
    (0..columns * rows).map(cell).collect()
}

/// Peak signal-to-noise ratio, decibels.
fn psnr(a: &[u8], b: &[u8]) -> f64 {
    let squares: f64 = a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
    10.0 * (255.0f64.powi(2) * a.len() as f64 / squares.max(1e-9)).log10()
}

#[tokio::test]
async fn each_thumbnail_is_the_right_picture() {
    let site = site().await;
    let film = site.publish(&fixture("demo")).await;
    // 40 s, a key frame every 2 s; the sheets have six thumbnails of 5 s each.
    let scaled = format!("-vf scale={}:{}:flags=area -f rawvideo -pix_fmt rgb24 -", SIZE.0, SIZE.1);
    let frames = ffmpeg(&fixture("demo").join("demo_234p.mp4"), &scaled);
    let frames: Vec<&[u8]> = frames.chunks(SIZE.0 * SIZE.1 * 3).collect();
    assert_eq!(frames.len(), 20);
    let mut thumbnails = Vec::new();
    for sheet in 1..=2 {
        let answer = site.ok(&film.at(&format!("demo.ism/Thumbnails(sheet={sheet}).jpg"))).await;
        assert_eq!(answer.header("content-type"), "image/jpeg");
        thumbnails.extend(cells(&site, &answer.body, 3, 2));
    }
    for (index, thumbnail) in thumbnails.iter().enumerate() {
        let likeness: Vec<f64> = frames.iter().map(|frame| psnr(frame, thumbnail)).collect();
        let best = (0..20).max_by(|a, b| likeness[*a].total_cmp(&likeness[*b])).unwrap();
        if index >= 8 {
            // JPEG's blocks reach across the edge of the thumbnail above.
            let sum: usize = thumbnail.iter().map(|value| usize::from(*value)).sum();
            assert!(sum < 4 * thumbnail.len(), "what is beyond the film is black");
            continue;
        }
        assert_eq!(best, (index * 5).div_ceil(2), "thumbnail {index}: {likeness:?}");
        assert!(likeness[best] > 30.0, "thumbnail {index}: {} dB", likeness[best]);
    }
}

#[tokio::test]
async fn manifests_list_what_is_there() {
    let site = site().await;
    let film = site.publish(&fixture("demo")).await;
    let mpd = site.ok(&film.at("demo.ism/manifest(format=mpd-time-cmaf).mpd")).await;
    assert!(mpd.text().contains("media=\"Thumbnails(sheet=$Number$).jpg\"") && mpd.text().contains("value=\"3x2\""));
    let playlist = site.ok(&film.at("demo.ism/manifest(format=m3u8-cmaf).m3u8")).await.text();
    let line = playlist.lines().find(|l| l.starts_with("#EXT-X-IMAGE-STREAM-INF:")).expect("a list of images");
    let uri = line.split("URI=\"").nth(1).unwrap().trim_end_matches('"');
    let images = site.ok(&film.at(&format!("demo.ism/{uri}"))).await.text();
    let sheets: Vec<&str> = images.lines().filter(|l| l.contains(".jpg")).collect();
    assert_eq!(sheets, ["Thumbnails(sheet=1).jpg", "Thumbnails(sheet=2).jpg"]);
    let index = site.ok(&film.at("demo.ism/thumbnails.vtt")).await;
    assert_eq!(index.header("content-type"), "text/vtt; charset=utf-8");
    assert_eq!(index.text().matches("#xywh=").count(), 8);
    assert_eq!(index.text().lines().last().unwrap(), "Thumbnails(sheet=2).jpg#xywh=160,0,160,90");

    // Without an ffmpeg nothing is listed, and the entity tag is another one.
    let without = Site::start().await;
    let same = without.publish(&fixture("demo")).await;
    let other = without.ok(&same.at("demo.ism/manifest(format=mpd-time-cmaf).mpd")).await;
    assert!(!other.text().contains("image/jpeg"));
    assert_ne!(other.header("etag"), mpd.header("etag"));
    for path in ["thumbnails.vtt", "Thumbnails(format=m3u8-cmaf).m3u8", "Thumbnails(sheet=1).jpg", "Thumbnail.jpg"] {
        let answer = without.get(&same.at(&format!("demo.ism/{path}"))).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "MPE_RESOURCE_NOT_FOUND"), "{path}");
        assert!(answer.text().contains("ffmpeg is missing, or") || answer.text().contains("ffmpeg is missing"));
    }
    // Nor as Azure Media Services wrote it.
    let ams = Site::drawing(Dialect::Ams, 0, Some(painter("ffmpeg", LIMITS, None).await)).await;
    let film = ams.publish(&fixture("demo")).await;
    for tag in ["mpd-time-csf", "m3u8-aapl", "m3u8-cmaf"] {
        let text = ams.ok(&film.at(&format!("demo.ism/manifest(format={tag})"))).await.text();
        assert!(!text.contains("Thumbnails("), "{text}");
    }
}

#[tokio::test]
async fn what_does_not_exist_is_told() {
    let site = site().await;
    let demo = site.publish(&fixture("demo")).await;
    let sound = site.publish(&fixture("audio-only")).await;
    for (path, status, code, words) in [
        (demo.at("demo.ism/Thumbnails(sheet=0).jpg"), 404, "MPE_FRAGMENT_BY_INDEX_NOT_FOUND", "from 1 to 2"),
        (demo.at("demo.ism/Thumbnails(sheet=3).jpg"), 404, "MPE_FRAGMENT_BY_INDEX_NOT_FOUND", "from 1 to 2"),
        (demo.at("demo.ism/Thumbnail(time=400000001).jpg"), 404, "MPE_EGRESS_TIMESTAMP_NOT_FOUND", "ends before"),
        (demo.at("demo.ism/Thumbnails(format=mpd-time-cmaf)"), 415, "MPE_OUTPUT_FORMAT_NOT_SUPPORTED", "list"),
        (demo.at("demo.ism/Thumbnails(format=m3u8-aapl-v3)"), 415, "MPE_OUTPUT_FORMAT_NOT_SUPPORTED", "list"),
        (demo.at("demo.ism/Thumbnails(filter=x)"), 404, "MPE_EGRESS_FILTER_NOT_FOUND", "filter"),
        (demo.at("demo.ism/Thumbnails(sheet=x)"), 400, "MPE_BAD_URL_SYNTAX", "number"),
        (sound.at("film.ism/thumbnails.vtt"), 404, "MPE_RESOURCE_NOT_FOUND", "no pictures"),
    ] {
        let answer = site.get(&path).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{path}: {}", answer.text());
        assert!(answer.text().contains(words), "{path}: {}", answer.text());
    }
    assert!(!site.ok(&sound.at("film.ism/manifest(format=mpd-time-cmaf)")).await.text().contains("image"));
}

#[tokio::test]
async fn every_film_has_a_first_sheet_and_a_poster() {
    let site = site().await;
    let folders = fs::read_dir(fixture("no-ism").parent().unwrap()).unwrap();
    let mut drawn = 0;
    for folder in folders.map(|f| f.unwrap().path()) {
        let film = site.publish(&folder).await;
        let names = fs::read_dir(&folder).unwrap().filter_map(|f| f.unwrap().file_name().into_string().ok());
        let named = names.filter(|n| n.ends_with(".ism")).min();
        let name = named.unwrap_or_else(|| format!("{}.ism", folder.file_name().unwrap().to_string_lossy()));
        if site.get(&film.at(&format!("{name}/thumbnails.vtt"))).await.status != 200 {
            continue;
        }
        for picture in ["Thumbnails(sheet=1).jpg", "Thumbnail.jpg"] {
            let answer = site.ok(&film.at(&format!("{name}/{picture}"))).await;
            assert!(answer.body.starts_with(&[0xff, 0xd8]), "{name} {picture}");
        }
        drawn += 1;
    }
    assert!(drawn > 10, "{drawn}");
}

#[tokio::test]
async fn a_poster_is_as_large_as_the_film() {
    let site = site().await;
    let film = site.publish(&fixture("demo")).await;
    let poster = site.ok(&film.at("demo.ism/Thumbnail(time=125000000).jpg")).await;
    let file = site.root.path().join("poster.jpg");
    fs::write(&file, &poster.body).unwrap();
    let pixels = ffmpeg(&file, "-f rawvideo -pix_fmt rgb24 -");
    let expected = ffmpeg(&fixture("demo").join("demo_720p.mp4"), "-ss 12 -frames:v 1 -f rawvideo -pix_fmt rgb24 -");
    assert_eq!(pixels.len(), 1280 * 720 * 3);
    assert!(psnr(&pixels, &expected) > 30.0, "{}", psnr(&pixels, &expected));
    let same = site.ok(&film.at("demo.ism/Thumbnail(time=120000000).jpg")).await;
    assert_eq!(same.header("etag"), poster.header("etag"), "the same key frame");
    let condition = [("If-None-Match", poster.header("etag"))];
    let again = site.ask("GET", &film.at("demo.ism/thumbnail(time=139000000)"), &condition).await;
    assert_eq!(again.status, 304);
}

/// A program that says it is ffmpeg; `then` is what it does when it is to draw. Every run makes a folder.
fn program(folder: &Path, then: &str) -> PathBuf {
    let (path, runs) = (folder.join("ffmpeg"), folder.join("runs"));
    fs::create_dir_all(&runs).unwrap();
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = -version ]; then echo 'ffmpeg version 0 (a test)'; exit; fi\n\
         /bin/mkdir {}/$$\n{then}\n",
        runs.display()
    );
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn runs(folder: &Path) -> usize {
    fs::read_dir(folder.join("runs")).unwrap().count()
}

/// Where the real one is.
fn real() -> String {
    let found = Command::new("/bin/sh").args(["-c", "command -v ffmpeg"]).output().unwrap();
    String::from_utf8(found.stdout).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_requests_for_a_sheet_are_one_run_and_the_disk_saves_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let program = program(folder.path(), &format!("exec {} \"$@\"", real()));
    let kept = || Some(Kept::new(folder.path().join("kept"), 1 << 20));
    let start = || async {
        let painter = painter(&program.to_string_lossy(), LIMITS, kept()).await;
        Arc::new(Site::drawing(Dialect::Modern, 64 << 20, Some(painter)).await)
    };
    let site = start().await;
    let film = site.publish(&fixture("demo")).await;
    let path = film.at("demo.ism/Thumbnails(sheet=1).jpg");
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (site, path) = (Arc::clone(&site), path.clone());
        asked.spawn(async move { site.ok(&path).await });
    }
    let answers: Vec<Answer> = asked.join_all().await;
    assert!(answers.iter().all(|a| a.body == answers[0].body && a.header("etag") == answers[0].header("etag")));
    assert_eq!(runs(folder.path()), 1);

    // Another server with the same data: the film's locator is another, so its sheets are others too.
    let kept_files = || fs::read_dir(folder.path().join("kept")).unwrap().count();
    assert_eq!(kept_files(), 1);
    // One without memory draws once and reads from the disk afterwards.
    let painter = painter(&program.to_string_lossy(), LIMITS, kept()).await;
    let forgetful = Site::drawing(Dialect::Modern, 0, Some(painter)).await;
    let film = forgetful.publish(&fixture("demo")).await;
    let path = film.at("demo.ism/Thumbnails(sheet=2).jpg");
    let first = forgetful.ok(&path).await;
    for _ in 0..3 {
        assert_eq!(forgetful.ok(&path).await.body, first.body);
    }
    assert_eq!((runs(folder.path()), kept_files()), (2, 2));
}

#[tokio::test]
async fn programs_that_misbehave_are_stopped_and_not_asked_at_once_again() {
    let limits = Limits { timeout: Duration::from_secs(2), output_bytes: 1 << 20, ..LIMITS };
    for (then, status, words) in [
        ("exec /bin/sleep 1000", 503, "longer than 2 s"),
        ("/bin/sleep 1000", 503, "longer than 2 s"),
        ("while true; do :; done", 503, "longer than 2 s"),
        ("kill -SEGV $$", 500, "does not work"),
        ("exec /bin/cat /dev/zero", 500, "more than 1048576 bytes"),
        ("echo no picture", 500, "does not work"),
        ("echo 'Invalid data' >&2; exit 1", 415, "cannot decode"),
        ("exit 0", 415, "cannot decode"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let program = program(folder.path(), then);
        let painter = painter(&program.to_string_lossy(), limits, None).await;
        let site = Site::drawing(Dialect::Modern, 64 << 20, Some(painter)).await;
        let film = site.publish(&fixture("demo")).await;
        let path = film.at("demo.ism/Thumbnails(sheet=1).jpg");
        let begun = Instant::now();
        let answer = site.get(&path).await;
        assert!(begun.elapsed() < Duration::from_secs(20), "{then}");
        assert_eq!(answer.status, status, "{then}: {}", answer.text());
        assert!(answer.text().contains(words), "{then}: {}", answer.text());
        assert_eq!(!answer.header("retry-after").is_empty(), status == 503, "{then}");
        let again = site.get(&path).await;
        assert_eq!((again.status, again.body), (answer.status, answer.body), "{then}");
        assert_eq!(runs(folder.path()), 1, "{then}");
        // The film itself is not touched by it.
        site.ok(&site.fragment(&film.at("demo.ism/manifest")).await).await;
    }
}

#[tokio::test]
async fn pictures_that_are_damaged_are_refused() {
    let site = site().await;
    let film = site.copy_of("no-ism", "damaged").await;
    for file in fs::read_dir(&film.folder).unwrap().map(|f| f.unwrap().path()) {
        let mut bytes = fs::read(&file).unwrap();
        let media = bytes.windows(4).position(|w| w == b"mdat").unwrap() + 4;
        let end = bytes.windows(4).rposition(|w| w == b"moov").filter(|moov| *moov > media);
        let end = end.map_or(bytes.len(), |moov| moov - 4);
        bytes[media..end].fill(0xff);
        fs::write(&file, bytes).unwrap();
    }
    let answer = site.get(&film.at("damaged.ism/Thumbnails(sheet=1).jpg")).await;
    let told = (answer.status, answer.code());
    assert_eq!(told, (415, "MPE_VIDEO_ENCODING_NOT_SUPPORTED".to_owned()), "{}", answer.text());
}
