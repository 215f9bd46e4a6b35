//! Tokens, challenges, keys on their way and what protection systems are told, damaged at random: the same damage in
//! every run. `HEADWATER_ROUNDS` damages each seed more often.

use super::corpus;
use super::dice::Dice;
use super::judge::Judge;

const TARGETS: [&str; 9] =
    ["playready_header", "pssh", "licence_challenge", "swt", "jwt", "token_template", "cpix", "sas", "verify"];

/// What is put in anywhere: numbers at the ends of fields, and words of the formats.
const WORDS: [&[u8]; 20] = [
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
    b"\x7f\xff\xff\xff",
    b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
    b"\x12\x10",
    b"pssh",
    b"18446744073709551615",
    b"-1",
    b"1e400",
    b"%00",
    b"%",
    b"&",
    b"=",
    b".",
    b"\"",
    b"<KID>AAAA</KID>",
    b"<a xmlns=\"x\">",
    b"&#x0;",
    b"<!DOCTYPE a>",
    b"\xff\xfe",
];

#[test]
fn damaged_secrets_and_signalling() {
    let rounds = std::env::var("HEADWATER_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(250);
    let mut judge = Judge::new("damaged");
    let mut dice = Dice(7);
    for target in TARGETS {
        for (name, seed) in corpus(target) {
            for round in 0..rounds {
                let mut data = seed.clone();
                for _ in 0..=dice.below(4) {
                    damage(&mut data, &mut dice);
                }
                judge.case(&format!("{name} {round}"), target, &data);
            }
        }
    }
    judge.finish();
}

fn damage(data: &mut Vec<u8>, dice: &mut Dice) {
    let at = dice.below(data.len());
    let to = (at + 1 + dice.below(40)).min(data.len());
    match dice.below(7) {
        0 if !data.is_empty() => data[at] ^= 1 << dice.below(8),
        1 if !data.is_empty() => data[at] = dice.below(256) as u8,
        2 => data.truncate(at),
        3 => drop(data.drain(at.min(to)..to)),
        4 => {
            let copy = data[at.min(to)..to].to_vec();
            let place = dice.below(data.len());
            drop(data.splice(place..place, copy));
        }
        5 => {
            let word = WORDS[dice.below(WORDS.len())];
            drop(data.splice(at..at, word.iter().copied()));
        }
        // In the place of as many bytes.
        _ => {
            let word = WORDS[dice.below(WORDS.len())];
            let end = (at + word.len()).min(data.len());
            drop(data.splice(at.min(end)..end, word.iter().copied()));
        }
    }
}
