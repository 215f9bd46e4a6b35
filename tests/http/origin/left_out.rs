//! What a format does not send of a film is said in its manifest's answer.

use super::site::{Site, TAGS, copy, fixture, manifest};

const HEADER: &str = "x-headwater-left-out";

/// Formats that carry any codec.
fn carries_all(tag: &str) -> bool {
    matches!(tag, "mpd-time-csf" | "mpd-time-cmaf" | "m3u8-cmaf")
}

#[tokio::test]
async fn manifests_name_the_tracks_that_they_do_not_list() {
    let site = Site::start().await;
    let film = site.publish(&fixture("mixed-codecs")).await;
    let unread = r#""film_old.mp4";track=1;codec="mp4v";why=codec"#;
    for tag in TAGS {
        let path = film.at(&manifest("film.ism", tag));
        let answer = site.ok(&path).await;
        let said = answer.header(HEADER);
        let av1 = said.contains(r#""film_90.mp4";track=1;codec="av01."#) && said.contains(";why=format");
        assert_eq!(av1, !carries_all(tag), "{tag}: {said}");
        assert!(said.ends_with(unread), "{tag}: {said}");
        assert!(answer.header("access-control-expose-headers").contains(HEADER));
        assert_eq!(answer.text().contains("av01."), carries_all(tag), "{tag}");
        // The same on 304, which stands for the answer, and nothing on what is listed.
        let again = site.ask("GET", &path, &[("If-None-Match", answer.header("etag"))]).await;
        assert_eq!((again.status, again.header(HEADER)), (304, said));
    }
    let whole = site.publish(&fixture("av1")).await;
    for tag in TAGS.into_iter().filter(|tag| carries_all(tag)) {
        assert_eq!(site.ok(&whole.at(&manifest("film.ism", tag))).await.header(HEADER), "", "{tag}");
    }
}

#[tokio::test]
async fn a_track_that_a_format_cannot_carry_has_no_objects_in_it() {
    let site = Site::start().await;
    let film = site.publish(&fixture("mixed-codecs")).await;
    let dash = site.ok(&film.at(&manifest("film.ism", "mpd-time-cmaf"))).await.text();
    let level = dash.split("codecs=\"av01").nth(1).unwrap().split("QualityLevels(").nth(1).unwrap();
    let bitrate = level.split(')').next().unwrap();
    for (object, status) in [
        ("Fragments(video=i,format=mpd-time-cmaf)".to_owned(), 200),
        ("Fragments(video=0,format=m3u8-cmaf)".to_owned(), 200),
        ("Fragments(video=0)".to_owned(), 415),
        ("Fragments(video=0,format=m3u8-aapl)".to_owned(), 415),
        ("Manifest(video,format=m3u8-aapl)".to_owned(), 415),
    ] {
        let answer = site.get(&film.at(&format!("film.ism/QualityLevels({bitrate})/{object}"))).await;
        let code = if status == 200 { "" } else { "MPE_VIDEO_ENCODING_NOT_SUPPORTED" };
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{object}");
    }
}

#[tokio::test]
async fn when_nothing_is_left_it_is_the_references_415() {
    let site = Site::start().await;
    // Pictures alone that transport streams and Smooth have no place for.
    let folder = site.root.path().join("av1");
    copy(&fixture("mixed-codecs"), &folder);
    for other in ["film.ism", "film_144.mp4", "film_old.mp4"] {
        std::fs::remove_file(folder.join(other)).unwrap();
    }
    let film = site.publish(&folder).await;
    for tag in TAGS {
        let answer = site.get(&film.at(&manifest("av1.ism", tag))).await;
        let expected = if carries_all(tag) { (200, "") } else { (415, "MPE_VIDEO_ENCODING_NOT_SUPPORTED") };
        assert_eq!((answer.status, answer.code().as_str()), expected, "{tag}: {}", answer.text());
        assert!(carries_all(tag) || answer.text().contains("av01.0."), "{}", answer.text());
    }
    // And what no codec reads.
    let folder = site.root.path().join("old");
    copy(&fixture("mixed-codecs"), &folder);
    for other in ["film.ism", "film_144.mp4", "film_90.mp4"] {
        std::fs::remove_file(folder.join(other)).unwrap();
    }
    let film = site.publish(&folder).await;
    for tag in TAGS {
        let answer = site.get(&film.at(&manifest("old.ism", tag))).await;
        assert_eq!((answer.status, answer.code().as_str()), (415, "MPE_MEDIA_TYPE_NOT_SUPPORTED"), "{tag}");
        assert!(answer.text().contains("film_old.mp4: track 1") && answer.text().contains("mp4v"), "{}", answer.text());
    }
}
