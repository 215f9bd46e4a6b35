//! Films for tests: folders opened with the standard library alone, and every object that a URL of
//! theirs names, without a server.

#![allow(dead_code, reason = "each test binary uses its part")]

pub mod boxes;
pub mod listing;

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use headwater::media::{Presentation, Revision, SourceFile, TrackRef};
use headwater::packager::{Context, Dialect, Format, MediaData, Noun, Plan, Rendered, SegmentRequest, Selection};
use headwater::source::{Container, FileIndex, FileIndexer, Settings, Step, assemble, infer, ism};
use headwater::time::UtcTime;

/// A folder opened as a presentation.
#[derive(Debug)]
pub struct Film {
    /// Name of the folder.
    pub name: String,
    /// Where it is.
    pub folder: PathBuf,
    /// What it holds.
    pub presentation: Presentation,
    /// Which of its files are fragmented.
    pub fragmented: Vec<bool>,
}

/// What a URL below a film's manifest names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Object {
    /// A media playlist.
    Playlist { track: TrackRef, keyframes: bool, audio: Option<String> },
    /// An initialization segment.
    Init { track: TrackRef },
    /// A segment.
    Segment { track: TrackRef, noun: Noun, time: u64, audio: Option<String> },
}

/// The package's folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The films of the repository.
pub fn fixtures() -> Vec<PathBuf> {
    let mut folders = vec![root().join("fixtures/demo")];
    folders.extend(folders_in(&root().join("fixtures/films")));
    folders
}

/// The folders of the shared media, or why there are none.
pub fn shared_media() -> Result<Vec<PathBuf>, String> {
    let media = std::env::var_os("HEADWATER_MEDIA").map_or_else(|| root().join("../shared/media"), PathBuf::from);
    if !media.is_dir() {
        return Err(format!("{} is not there; set HEADWATER_MEDIA", media.display()));
    }
    Ok(folders_in(&media))
}

fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut folders: Vec<PathBuf> = entries.map(|e| e.expect("an entry").path()).filter(|p| p.is_dir()).collect();
    folders.sort();
    folders
}

impl Film {
    /// Opens a folder: by its server manifest, else by one inferred from its media files.
    pub fn open(folder: &Path) -> Result<Film, String> {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut names: Vec<String> = fs::read_dir(folder)
            .map_err(|e| format!("{}: {e}", folder.display()))?
            .filter_map(|e| e.ok()?.file_name().into_string().ok())
            .collect();
        names.sort();
        let server_manifest = names.iter().find(|n| n.ends_with(".ism"));
        let stated = match server_manifest {
            Some(file) => {
                let mut manifest = ism::parse(&read(&folder.join(file))?).map_err(|e| format!("{file}: {e}"))?;
                for entry in manifest.entries.iter_mut().filter(|e| !names.contains(&e.src)) {
                    if let Some(transcript) = entry.transcript.take() {
                        entry.src = transcript;
                    }
                }
                let client = manifest.client_manifest.clone().filter(|c| names.contains(c));
                if let Some(client) = client {
                    let streams = ism::parse_client_manifest(&read(&folder.join(&client))?);
                    ism::name_from_client(&mut manifest, &streams.map_err(|e| format!("{client}: {e}"))?);
                }
                Some(manifest)
            }
            None => None,
        };
        let wanted: Vec<String> = match &stated {
            Some(manifest) => {
                let mut files: Vec<String> = Vec::new();
                for entry in manifest.entries.iter().filter(|e| names.contains(&e.src)) {
                    if !files.contains(&entry.src) {
                        files.push(entry.src.clone());
                    }
                }
                files
            }
            None if names.iter().any(|n| infer::is_media_file(n)) => {
                let captions = names.iter().filter(|n| infer::is_caption_file(n));
                names.iter().filter(|n| infer::is_media_file(n)).chain(captions).cloned().collect()
            }
            None => Vec::new(),
        };
        if wanted.is_empty() {
            return Err(format!("{name}: no media files"));
        }
        let mut files = Vec::new();
        for file in &wanted {
            let (size, index) = index(&folder.join(file))?;
            files.push((SourceFile { name: file.clone(), size }, Arc::new(index)));
        }
        let manifest = stated.unwrap_or_else(|| {
            infer::server_manifest(&files.iter().map(|(f, i)| (f.name.as_str(), &**i)).collect::<Vec<_>>())
        });
        let presentation = assemble(Revision([0; 16]), &name, &manifest, &files, &Settings::default())
            .map_err(|e| format!("{name}: {e}"))?;
        let fragmented = files.iter().map(|(_, i)| matches!(i.container, Container::Fragmented { .. })).collect();
        Ok(Film { name, folder: folder.to_owned(), presentation, fragmented })
    }

    /// Where the stored file of a track is.
    pub fn file_of(&self, track: TrackRef) -> PathBuf {
        self.folder.join(&self.presentation.file(self.presentation.track(track).file).name)
    }

    /// `video 400000` of the film: for messages.
    pub fn label(&self, track: TrackRef) -> String {
        format!("{} {}", self.presentation.groups[track.group].name, self.presentation.track(track).bitrate)
    }

    /// All tracks.
    pub fn tracks(&self) -> Vec<TrackRef> {
        let groups = self.presentation.groups.iter().enumerate();
        groups.flat_map(|(group, g)| (0..g.tracks.len()).map(move |track| TrackRef { group, track })).collect()
    }

    /// The manifest of a format.
    pub fn manifest(&self, format: &dyn Format, dialect: Dialect) -> Result<Vec<u8>, String> {
        let selection = Selection::default();
        let rendered = format.manifest(&self.presentation, &context(dialect, &selection));
        rendered.map(|r| joined(&r)).map_err(|e| e.to_string())
    }

    /// What `url`, relative to the manifest, names.
    pub fn resolve(&self, url: &str) -> Result<Object, String> {
        let wrong = |what: &str| format!("{url}: {what}");
        let rest = url.strip_prefix("QualityLevels(").ok_or_else(|| wrong("no QualityLevels"))?;
        let (bitrate, rest) = rest.split_once(")/").ok_or_else(|| wrong("no bitrate"))?;
        let bitrate: u64 = bitrate.parse().map_err(|_| wrong("bitrate is no number"))?;
        let (noun, rest) = rest.split_once('(').ok_or_else(|| wrong("no noun"))?;
        let (inside, _suffix) = rest.split_once(')').ok_or_else(|| wrong("not closed"))?;
        let mut params = inside.split(',');
        let first = params.next().unwrap_or_default();
        let (mut audio, mut keyframes) = (None, false);
        for param in params {
            match param.split_once('=') {
                Some(("audiotrack", name)) => audio = Some(unescaped(name)),
                Some(("type", "keyframes")) => keyframes = true,
                Some(("format" | "encryption", _)) => {}
                _ => return Err(wrong("unknown parameter")),
            }
        }
        let (name, time) = first.split_once('=').map_or((first, None), |(n, t)| (n, Some(t)));
        let name = unescaped(name);
        let track = self.presentation.find(&name, bitrate).ok_or_else(|| wrong("no such track"))?;
        let noun = match (noun, time) {
            ("Manifest", None) => return Ok(Object::Playlist { track, keyframes, audio }),
            ("Fragments", Some("i")) => return Ok(Object::Init { track }),
            ("Fragments", _) => Noun::Fragments,
            ("FragmentInfo", _) => Noun::FragmentInfo,
            ("RawFragments", _) => Noun::RawFragments,
            ("KeyFrames", _) => Noun::KeyFrames,
            _ => return Err(wrong("unknown noun")),
        };
        let time = time.and_then(|t| t.parse().ok()).ok_or_else(|| wrong("no time"))?;
        Ok(Object::Segment { track, noun, time, audio })
    }

    /// The bytes of an object.
    pub fn get(&self, format: &dyn Format, dialect: Dialect, object: &Object) -> Result<Vec<u8>, String> {
        let selection = Selection { audio_track: audio_of(object), ..Selection::default() };
        self.get_in(format, &context(dialect, &selection), object)
    }

    /// The bytes of an object in a context.
    pub fn get_in(&self, format: &dyn Format, context: &Context<'_>, object: &Object) -> Result<Vec<u8>, String> {
        let wrong = |e: headwater::packager::Error| format!("{object:?}: {e}");
        match object {
            Object::Playlist { track, keyframes, .. } => {
                format.playlist(&self.presentation, *track, *keyframes, context).map(|r| joined(&r)).map_err(wrong)
            }
            Object::Init { track } => {
                format.init(&self.presentation, *track, context).map(|r| joined(&r)).map_err(wrong)
            }
            Object::Segment { track, noun, time, audio } => {
                let request = SegmentRequest { track: *track, noun: *noun, time: *time, audio_track: audio.as_deref() };
                let plan = format.plan(&self.presentation, &request, context).map_err(wrong)?;
                let media = self.read(&plan)?;
                format.segment(&self.presentation, &plan, &media, context).map(|r| joined(&r)).map_err(wrong)
            }
        }
    }

    /// The bytes that `url`, relative to the manifest, names.
    pub fn fetch(&self, format: &dyn Format, dialect: Dialect, url: &str) -> Result<Vec<u8>, String> {
        self.get(format, dialect, &self.resolve(url)?).map_err(|e| format!("{url}: {e}"))
    }

    fn read(&self, plan: &Plan) -> Result<MediaData, String> {
        let mut pieces = Vec::new();
        for (file, range) in plan.reads() {
            let path = self.folder.join(&self.presentation.file(file).name);
            let mut stored = File::open(&path).map_err(|e| format!("{}: {e}", path.display()))?;
            pieces.push((file, range.clone(), read_range(&mut stored, range.start, range.end)?));
        }
        Ok(MediaData::new(pieces))
    }
}

/// The pieces of an answer, joined.
pub fn joined(rendered: &Rendered) -> Vec<u8> {
    rendered.body.concat()
}

fn audio_of(object: &Object) -> Option<String> {
    match object {
        Object::Playlist { audio, .. } => audio.clone(),
        Object::Init { .. } | Object::Segment { .. } => None,
    }
}

/// A context in which nothing is chosen but what `selection` has.
pub fn context(dialect: Dialect, selection: &Selection) -> Context<'_> {
    Context { dialect, now: UtcTime { unix_millis: 0 }, selection, thumbnails: None, protection: None, figures: None }
}

fn unescaped(name: &str) -> String {
    let (mut out, mut bytes) = (Vec::new(), name.bytes());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next().unwrap_or(0), bytes.next().unwrap_or(0)];
            let digits = std::str::from_utf8(&digits).expect("two digits");
            out.push(u8::from_str_radix(digits, 16).expect("hexadecimal digits"));
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).expect("UTF-8")
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|e| format!("{}: {e}", path.display()))
}

fn read_range(file: &mut File, from: u64, to: u64) -> Result<Bytes, String> {
    let mut bytes = vec![0; (to - from) as usize];
    file.seek(SeekFrom::Start(from)).and_then(|_| file.read_exact(&mut bytes)).map_err(|e| e.to_string())?;
    Ok(Bytes::from(bytes))
}

/// Indexes one file.
pub fn index(path: &Path) -> Result<(u64, FileIndex), String> {
    let mut file = File::open(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let length = file.metadata().map_err(|e| e.to_string())?.len();
    let mut indexer = FileIndexer::new(&path.file_name().unwrap_or_default().to_string_lossy(), length);
    loop {
        match indexer.step().map_err(|e| e.to_string())? {
            Step::Done(index) => return Ok((length, index)),
            Step::Need(range) => indexer.feed(range.start, read_range(&mut file, range.start, range.end)?),
        }
    }
}
