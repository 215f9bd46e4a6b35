//! Decoded output against the decoded source.

use crate::judge::{Base, Pictures, Sound, near};

/// What a comparison found: times of the first picture or sample, source's and output's.
#[derive(Clone, Copy, Debug)]
pub struct Met {
    pub source: (i64, Base),
    pub output: (i64, Base),
    pub count: usize,
}

/// Every picture of the source in the same order, with the same contents, at the same time, `shift`
/// seconds later. What the output has before zero (a source's edit list leaves it out) is passed over.
pub fn pictures(source: &Pictures, output: &Pictures, shift: i64) -> Result<Met, String> {
    let zero = shift * output.base.1 / output.base.0;
    let first = source.pictures.first().map_or(0, |p| p.pts);
    let before = output
        .pictures
        .iter()
        .take_while(|p| p.pts < zero && first >= 0 && !near(p.pts - zero, output.base, first, source.base, 1));
    let shown = &output.pictures[before.count()..];
    for (frame, (want, have)) in source.pictures.iter().zip(shown).enumerate() {
        if want.hash != have.hash {
            let elsewhere = source.pictures.iter().position(|p| p.hash == have.hash);
            return Err(format!(
                "frame {frame} is {} instead of {}, frame {elsewhere:?} of the source",
                have.hash, want.hash
            ));
        }
        if !near(want.pts, source.base, have.pts - zero, output.base, 1) {
            return Err(format!(
                "frame {frame} is at {} × {:?} instead of {} × {:?} s",
                have.pts - zero,
                output.base,
                want.pts,
                source.base
            ));
        }
    }
    if source.pictures.len() != shown.len() {
        return Err(format!("{} pictures instead of {}", shown.len(), source.pictures.len()));
    }
    Ok(Met { source: (first, source.base), output: (shown[0].pts - zero, output.base), count: shown.len() })
}

/// The same samples at the same times, `shift` seconds later. What the output has before the source's
/// first sample is priming, and must lie before zero.
pub fn sound(source: &Sound, output: &Sound, shift: i64, packets: usize) -> Result<Met, String> {
    if (source.rate, source.frame) != (output.rate, output.frame) {
        return Err(format!(
            "{} samples/s of {} bytes instead of {} of {}",
            output.rate, output.frame, source.rate, source.frame
        ));
    }
    if output.packets.len() != packets {
        return Err(format!("{} audio frames instead of {packets}", output.packets.len()));
    }
    let zero = shift * output.rate;
    let lead = source.first - (output.first - zero);
    if lead > 1 && source.first > 1 {
        return Err(format!("sound begins at sample {} instead of {}", output.first - zero, source.first));
    }
    // The time of the first sample may be one off by rounding; its place in the stream is exact.
    let found = [lead, lead - 1, lead + 1].into_iter().filter(|l| *l >= 0).find(|lead| {
        let from = *lead as usize * source.frame;
        let have = &output.pcm[from.min(output.pcm.len())..];
        have.len() >= source.pcm.len().min(4096) && have[..4096.min(have.len())] == source.pcm[..4096.min(have.len())]
    });
    let Some(lead) = found else {
        return Err(format!(
            "the first samples differ; sound begins at sample {} and the source's at {}",
            output.first - zero,
            source.first
        ));
    };
    let have = &output.pcm[lead as usize * source.frame..];
    if have.len() != source.pcm.len() {
        let samples = |pcm: &[u8]| pcm.len() / source.frame;
        return Err(format!("{} samples instead of {}", samples(have), samples(&source.pcm)));
    }
    if let Some(at) = have.iter().zip(&source.pcm).position(|(a, b)| a != b) {
        return Err(format!("sample {} differs", at / source.frame));
    }
    let gaps: Vec<(i64, i64)> = output.gaps.iter().map(|(at, gap)| (at - lead, *gap)).collect();
    let same = |(a, b): (&(i64, i64), &(i64, i64))| a.0 == b.0 && (a.1 - b.1).abs() <= 1;
    if gaps.len() != source.gaps.len() || !gaps.iter().zip(&source.gaps).all(same) {
        return Err(format!("gaps {gaps:?} in the sound instead of {:?}", source.gaps));
    }
    // The same packets, counted from the end: the source's edit list may have left some out at the start.
    // In transport streams only the first frame of a PES packet has a time of its own: the stream's first is.
    let common = source.packets.len().min(output.packets.len());
    let (want, have) =
        (&source.packets[source.packets.len() - common..], &output.packets[output.packets.len() - common..]);
    let zero = shift * output.packet_base.1 / output.packet_base.0;
    let timed = if shift == 0 { common } else { 1 };
    for (frame, (want, have)) in want.iter().zip(have).enumerate().take(timed) {
        if !near(*want, source.packet_base, have - zero, output.packet_base, 1) {
            return Err(format!(
                "audio frame {frame} of {common} is at {} × {:?} instead of {want} × {:?} s",
                have - zero,
                output.packet_base,
                source.packet_base
            ));
        }
    }
    let (want, have) = (want[0], have[0]);
    Ok(Met {
        source: (want, source.packet_base),
        output: (have - zero, output.packet_base),
        count: source.pcm.len() / source.frame,
    })
}

/// (First picture − first sound) minus the source's, in ticks of `scale`, rounded away from zero.
pub fn skew(picture: &Met, sound: &Met, scale: i64) -> i64 {
    // Exact: a/b − c/d − (e/f − g/h) in units of 1/scale, as one fraction.
    let sum = [(picture.output, 1), (sound.output, -1), (picture.source, -1), (sound.source, 1)];
    let denominator: i128 = sum.iter().map(|((_, base), _)| *base).fold(1, |l, (_, d)| lcm(l, i128::from(d)));
    let numerator: i128 = sum
        .iter()
        .map(|((t, (n, d)), sign)| i128::from(*t) * i128::from(*n) * (denominator / i128::from(*d)) * sign)
        .sum();
    let scaled = numerator * i128::from(scale);
    (scaled.signum() * ((scaled.abs() + denominator - 1) / denominator)) as i64
}

fn lcm(a: i128, b: i128) -> i128 {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    a / x * b
}
