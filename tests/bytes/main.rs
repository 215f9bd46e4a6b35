//! Every format of every film, parsed from its manifest as a player does and decoded by ffmpeg, must be
//! the source: each picture and each sample, in order, at its time.

#[path = "../support/mod.rs"]
mod support;

mod compare;
mod exceptions;
mod film;
mod judge;
mod long;
mod random;
mod rates;
mod smooth_client;

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Instant;

/// Judges the films of `folders`, two at a time, prints a table and fails with everything that is wrong.
fn judge(folders: Vec<PathBuf>) {
    let only = std::env::var("HEADWATER_FILM").ok();
    let folders = folders.into_iter().filter(|f| only.as_ref().is_none_or(|o| f.ends_with(o)));
    judge_all(folders.collect(), |folder: PathBuf| film::judge(&folder));
}

/// Judges all of `films` with `judge_one`, two at a time.
fn judge_all<T: Send>(films: Vec<T>, judge_one: impl Fn(T) -> film::Judged + Sync) {
    let began = Instant::now();
    let (work, done) = (Mutex::new(films.into_iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let next = work.lock().expect("no panic").next();
                    let Some(film) = next else { break };
                    let judged = judge_one(film);
                    judged.wrong.iter().for_each(|w| println!("{}: {w}", judged.name));
                    done.lock().expect("no panic").push(judged);
                }
            });
        }
    });
    let mut judged = done.into_inner().expect("no panic");
    judged.sort_by(|a, b| a.name.cmp(&b.name));
    // Skew in ticks: of 10 MHz in fragmented MP4, of 90 kHz in transport streams; "-" without both kinds.
    const SKEWS: [(&str, &str); 5] = [
        ("smooth", "smooth"),
        ("mpd-time-csf", "csf"),
        ("mpd-time-cmaf", "cmaf"),
        ("m3u8-aapl", "ts"),
        ("m3u8-aapl-v3", "ts v3"),
    ];
    let heads = SKEWS.map(|(_, head)| format!("{head:>6}")).join(" ");
    println!("{:34} {:>7} {:>8} {:>9} {:>10} {heads}", "film", "streams", "segments", "pictures", "samples");
    for film in &judged {
        match &film.skipped {
            Some(reason) => println!("{:34} skipped: {reason}", film.name),
            None => {
                let skews = SKEWS.map(|(tag, _)| film.skews.get(tag).map_or("-".to_owned(), i64::to_string));
                let skews = skews.map(|skew| format!("{skew:>6}")).join(" ");
                println!(
                    "{:34} {:>7} {:>8} {:>9} {:>10} {skews}",
                    film.name, film.streams, film.segments, film.pictures, film.samples
                );
            }
        }
        film.excepted.iter().for_each(|e| println!("    excepted: {e}"));
    }
    println!("{} films in {:.0?}", judged.len(), began.elapsed());
    let wrong: Vec<String> =
        judged.iter().flat_map(|f| f.wrong.iter().map(move |w| format!("{}: {w}", f.name))).collect();
    assert!(wrong.is_empty(), "{} things are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_repositorys_films_are_sent_as_they_are_stored() {
    judge(support::fixtures());
}

#[test]
fn random_films_are_sent_as_they_are_stored() {
    if std::env::var_os("HEADWATER_FILM").is_some() {
        return;
    }
    let (seeds, keep) = random::seeds();
    let scratch = tempfile::tempdir().expect("a folder for temporary files");
    let folder = if keep { random::kept() } else { scratch.path().to_owned() };
    println!("seeds {seeds:?}, HEADWATER_SEED=N judges one alone; films in {}", folder.display());
    judge_all(seeds, |seed| random::judge(seed, &folder));
}

#[test]
fn a_film_of_a_day_is_sent_as_it_is_stored() {
    if std::env::var_os("HEADWATER_FILM").is_none() {
        long::judge();
    }
}

#[test]
fn real_films_are_sent_as_they_are_stored() {
    match support::shared_media() {
        Ok(folders) => judge(folders),
        Err(reason) => println!("skipped: {reason}"),
    }
}
