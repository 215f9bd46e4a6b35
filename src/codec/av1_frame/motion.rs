//! Global motion parameters (AV1 5.9.24, 7.3): how long they are depends on those of earlier frames.

use crate::bits::{self, BitReader};

// Types of motion.
const IDENTITY: u8 = 0;
const TRANSLATION: u8 = 1;
const ROTATION_ZOOM: u8 = 2;
const AFFINE: u8 = 3;

/// Bits behind the point of a parameter (`WARPEDMODEL_PREC_BITS`).
const PRECISION: u32 = 16;

/// Six parameters for each of seven reference frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GlobalMotion([[i32; 6]; 7]);

impl Default for GlobalMotion {
    fn default() -> GlobalMotion {
        GlobalMotion([[0, 0, 1 << PRECISION, 0, 0, 1 << PRECISION]; 7])
    }
}

impl GlobalMotion {
    /// Reads those of an inter frame, given those of its primary reference frame.
    pub fn read(
        r: &mut BitReader<'_>,
        previous: &GlobalMotion,
        high_precision: bool,
    ) -> Result<GlobalMotion, bits::Error> {
        let mut all = GlobalMotion::default();
        for (params, before) in all.0.iter_mut().zip(&previous.0) {
            let kind = if !r.flag()? {
                IDENTITY
            } else if r.flag()? {
                ROTATION_ZOOM
            } else if r.flag()? {
                TRANSLATION
            } else {
                AFFINE
            };
            let mut read = |index: usize, params: &mut [i32; 6]| -> Result<(), bits::Error> {
                params[index] = parameter(r, kind, index, before[index], high_precision)?;
                Ok(())
            };
            if kind >= ROTATION_ZOOM {
                read(2, params)?;
                read(3, params)?;
                if kind == AFFINE {
                    read(4, params)?;
                    read(5, params)?;
                } else {
                    params[4] = -params[3];
                    params[5] = params[2];
                }
            }
            if kind >= TRANSLATION {
                read(0, params)?;
                read(1, params)?;
            }
        }
        Ok(all)
    }
}

/// `read_global_param` (5.9.25).
fn parameter(
    r: &mut BitReader<'_>,
    kind: u8,
    index: usize,
    before: i32,
    high_precision: bool,
) -> Result<i32, bits::Error> {
    let (absolute_bits, precision_bits) = match (index, kind) {
        (0 | 1, TRANSLATION) => (9 - u32::from(!high_precision), 3 - u32::from(!high_precision)),
        (0 | 1, _) => (12, 6),
        _ => (12, 15),
    };
    let shift = PRECISION - precision_bits;
    let is_scale = index % 3 == 2;
    let (round, subtracted) = if is_scale { (1 << PRECISION, 1 << precision_bits) } else { (0, 0) };
    let most = 1i32 << absolute_bits;
    let near = (before >> shift) - subtracted;
    let value = signed_near(r, -most, most + 1, near)?;
    Ok((value << shift) + round)
}

/// `decode_signed_subexp_with_ref` (5.9.26).
fn signed_near(r: &mut BitReader<'_>, low: i32, high: i32, near: i32) -> Result<i32, bits::Error> {
    let (range, near) = (high - low, near - low);
    let value = subexp(r, range)?;
    let found =
        if near << 1 <= range { recentred(near, value) } else { range - 1 - recentred(range - 1 - near, value) };
    Ok(found + low)
}

/// `decode_subexp` (5.9.28).
fn subexp(r: &mut BitReader<'_>, symbols: i32) -> Result<i32, bits::Error> {
    let (mut step, mut base) = (0u32, 0i32);
    loop {
        let bits = if step > 0 { 3 + step - 1 } else { 3 };
        let size = 1i32 << bits;
        if symbols <= base + 3 * size {
            return Ok(non_symmetric(r, (symbols - base).max(1).unsigned_abs())?.cast_signed() + base);
        }
        if !r.flag()? {
            return Ok(r.bits(bits)?.cast_signed() + base);
        }
        step += 1;
        base += size;
    }
}

/// `ns(n)` (4.10.7).
pub(super) fn non_symmetric(r: &mut BitReader<'_>, n: u32) -> Result<u32, bits::Error> {
    let width = u32::BITS - n.leading_zeros();
    let short = (1u64 << width) - u64::from(n);
    let value = r.bits(width.saturating_sub(1))?;
    if u64::from(value) < short {
        return Ok(value);
    }
    let extra = r.bits(1)?;
    Ok(((u64::from(value) << 1) - short + u64::from(extra)) as u32)
}

/// `inverse_recenter` (5.9.29).
fn recentred(near: i32, value: i32) -> i32 {
    if value > 2 * near {
        value
    } else if value & 1 == 1 {
        near - ((value + 1) >> 1)
    } else {
        near + (value >> 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_no_round_range() {
        // n = 5: two bits for 0 to 2, three for 3 and 4.
        for (bits, value, used) in
            [(0b0000_0000, 0, 2), (0b0100_0000, 1, 2), (0b1000_0000, 2, 2), (0b1100_0000, 3, 3), (0b1110_0000, 4, 3)]
        {
            let data = [bits];
            let mut r = BitReader::new(&data);
            assert_eq!((non_symmetric(&mut r, 5), r.position()), (Ok(value), used));
        }
        assert_eq!(non_symmetric(&mut BitReader::new(&[]), 1), Ok(0));
    }

    #[test]
    fn frames_without_motion_cost_seven_bits() {
        let mut r = BitReader::new(&[0, 0]);
        let found = GlobalMotion::read(&mut r, &GlobalMotion::default(), true).unwrap();
        assert_eq!((found, r.position()), (GlobalMotion::default(), 7));
    }

    #[test]
    fn values_near_the_one_before() {
        assert_eq!([0, 1, 2, 3, 4, 9].map(|value| recentred(3, value)), [3, 2, 4, 1, 5, 9]);
    }
}
