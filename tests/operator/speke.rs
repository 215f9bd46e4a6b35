//! `headwater keys speke` against a key service that the test starts, written to the specification in another language.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::site::{Site, fixture};

/// A running key service.
struct Service {
    child: Child,
    port: u16,
}

impl Service {
    /// Starts one; `None`, with the reason printed, where Python or its library is missing.
    fn start() -> Option<Service> {
        let known = Command::new("python3").args(["-c", "import cryptography"]).stderr(Stdio::null()).status();
        if !known.is_ok_and(|status| status.success()) {
            println!("skipped: python3 with the library cryptography is not there");
            return None;
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/operator/speke_server.py");
        let mut child = Command::new("python3").arg(script).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Some(Service { child, port: line.trim().parse().unwrap() })
    }

    /// Settings that name it as often as there are paths, each by its path; their file.
    fn settings(&self, site: &Site, paths: &[&str], encrypted: bool) -> String {
        let mut text = String::new();
        for path in paths {
            text += &format!(
                "[[key_service]]\nname = \"{path}\"\nurl = \"http://127.0.0.1:{}/{path}\"\nencrypted = {encrypted}\n\
                 widevine_licences = \"https://licences.example/widevine\"\nheader = \"Authorization\"\n\
                 secret_command = [\"printf\", \"Bearer s3cret\\n\"]\n",
                self.port
            );
        }
        let file = site.path("speke.toml");
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The key that the service gives for an identifier.
fn key_of(id: &str) -> Vec<u8> {
    Sha256::digest(format!("key of {id}"))[..16].to_vec()
}

#[test]
fn a_film_goes_out_under_a_key_of_the_service() {
    let Some(service) = Service::start() else { return };
    for (encrypted, scheme) in [(true, "cenc"), (false, "cbcs")] {
        // Chains have headers of 4.3, whatever is set.
        let site = Site::new().with("HEADWATER_ORIGIN__PLAYREADY_HEADER", "4.1");
        let film = fixture("films/no-edit-list");
        let film = film.to_str().unwrap();
        let file = service.settings(&site, &["right"], encrypted);
        let published = site.publish(Path::new(film));
        let out = site.done(&["keys", "speke", film, "--with", scheme, "--config", &file]);
        let key = out.split("Its key is ").nth(1).unwrap()[..36].to_owned();
        assert!(out.contains("PlayReady: licences from https://licences.example/playready?a=1&b=2"), "{out}");
        assert!(out.contains("Widevine: licences from https://licences.example/widevine"), "{out}");
        assert_eq!(out.contains(&format!("FairPlay: licences from skd://licences.example/{key}")), scheme == "cbcs");

        // The catalogue has the service's key, as another reads it.
        let document = site.done(&["keys", "export", &key]);
        assert!(document.contains(&format!("<pskc:PlainValue>{}<", STANDARD.encode(key_of(&key)))), "{document}");

        // Players are told of it, and of where its licences are; the key itself they do not get here.
        let server = site.serve(&[]);
        let base = published[0].rsplit_once('/').unwrap().0;
        let (status, mpd) = server.get(&format!("{base}/manifest(format=mpd-time-cmaf)"));
        let mpd = String::from_utf8(mpd).unwrap();
        assert_eq!(status, 200, "{mpd}");
        assert!(mpd.contains(&format!("default_KID=\"{key}\"")) && mpd.contains("https://licences.example/widevine"));
        let (status, body) = server.get(&format!("/?kid={key}"));
        assert!(status >= 400 && body != key_of(&key), "{status}");

        // What the manifest says is decoded.
        let saved = site.path("film.mpd");
        std::fs::write(&saved, &mpd).unwrap();
        let told = site.done(&["inspect", saved.to_str().unwrap()]);
        let version = if scheme == "cbcs" { "header 4.3.0.0, AESCBC" } else { "header 4.1.0.0, AESCTR" };
        assert!(told.contains(&format!("PlayReady (mspr:pro), {version}, key {key}")), "{told}");
        assert!(told.contains("LA_URL https://licences.example/playready?a=1&b=2"), "{told}");
        assert!(told.contains(&format!("Widevine (pssh), key {key}")), "{told}");
        // A film is protected once.
        let again = site.run(&["keys", "speke", film, "--config", &file]);
        assert!(again.code != 0 && again.err.contains("has a delivery policy already"), "{}", again.err);
    }
}

#[test]
fn services_that_answer_anything_else_change_nothing() {
    let Some(service) = Service::start() else { return };
    let site = Site::new();
    let film = fixture("films/no-edit-list");
    let film = film.to_str().unwrap();
    site.publish(Path::new(film));
    let file = service.settings(&site, &["refused", "old-version", "other-key", "no-pssh", "html"], true);
    let refused = |arguments: &[&str]| {
        let done = site.run(&[&["keys", "speke", film, "--config", &file][..], arguments].concat());
        assert_ne!(done.code, 0, "{}", done.out);
        assert!(!done.err.contains("s3cret"), "{}", done.err);
        done.err
    };
    for (name, expected) in [
        ("refused", "it answers with status 403: this content is not yours"),
        ("old-version", "it speaks version \"1.0\" of SPEKE"),
        ("other-key", "it has no key"),
        ("no-pssh", "it has no PSSH"),
        ("html", "no CPIX document"),
        ("unknown", "name a key service with --service"),
    ] {
        let told = refused(&["--service", name]);
        assert!(told.contains(expected), "{name}: {told}");
    }
    assert!(refused(&[]).contains("name a key service with --service (refused, old-version"));
    // Without its credential it says who we are not.
    let open = file.replace("speke.toml", "open.toml");
    let text = std::fs::read_to_string(&file).unwrap().replace("Bearer s3cret", "Bearer wrong");
    std::fs::write(&open, text).unwrap();
    let done = site.run(&["keys", "speke", film, "--service", "html", "--config", &open]);
    assert!(done.err.contains("status 400: who are you?"), "{}", done.err);
    // The film can still be protected: nothing was left behind.
    site.done(&["protect", film]);
}
