//! Keys that change from period to period, all made of one content key: whoever has that makes each of them, and
//! none of them tells anything of another.
//!
//! The key of a period is half of the SHA-256 of the content key and the identifiers of both. So every node makes the
//! same, nothing has to be stored, and key delivery finds the content key by the identifier that a player asks with:
//! it begins as that of the content key does, and its end tells the period.

use zeroize::Zeroizing;

use super::vectors::hash;
use crate::cipher::{ContentKey, KeyId};

/// Bytes that an identifier shares with that of its content key.
const SHARED: usize = 10;
/// The most periods of a content key.
pub const MAX_PERIODS: u32 = (1 << 24) - 1;

/// The identifier of the key of period `number`, from 0; of later ones than there can be, the last one's.
pub fn period_key_id(base: KeyId, number: u32) -> KeyId {
    let number = number.min(MAX_PERIODS - 1) + 1;
    // Content keys whose identifiers were counted are told apart by three bytes of a digest.
    let digest = hash(b"headwater period id 1", &[&base.0, &number.to_be_bytes()]);
    let own = digest.iter().take(3).chain(number.to_be_bytes().iter().skip(1)).copied().collect::<Vec<u8>>();
    let mut id = base.0;
    id.iter_mut().skip(SHARED).zip(own).for_each(|(byte, own)| *byte ^= own);
    KeyId(id)
}

/// The period whose key `id` names, of a content key with the identifier `base`; `None` if it is no such key.
pub fn period_of(base: KeyId, id: KeyId) -> Option<u32> {
    let number = base.0.iter().zip(&id.0).skip(13).fold(0u32, |number, (a, b)| number << 8 | u32::from(a ^ b));
    number.checked_sub(1).filter(|number| period_key_id(base, *number) == id)
}

/// Between which identifiers that of the content key lies whose period's key `id` may be.
pub fn base_range(id: KeyId) -> (KeyId, KeyId) {
    let (mut first, mut last) = (id.0, id.0);
    first[SHARED..].fill(0);
    last[SHARED..].fill(0xff);
    (KeyId(first), KeyId(last))
}

/// The key of the period with the identifier `id`, of [`period_key_id`].
pub fn period_key(content_key: &ContentKey, base: KeyId, id: KeyId) -> ContentKey {
    let digest = Zeroizing::new(hash(b"headwater period key 1", &[content_key.expose(), &base.0, &id.0]));
    let mut key = Zeroizing::new([0; 16]);
    key.copy_from_slice(&digest[..16]);
    ContentKey::new(*key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    const BASE: KeyId = KeyId(0x1111_2222_3333_4444_5555_6666_77ff_fffeu128.to_be_bytes());

    #[test]
    fn periods_are_found_by_their_keys() {
        let mut seen = HashSet::from([BASE]);
        let key = ContentKey::new([7; 16]);
        let mut keys = HashSet::from([*key.expose()]);
        for number in (0..2000).chain([MAX_PERIODS - 1]) {
            let id = period_key_id(BASE, number);
            assert!(seen.insert(id), "{number}");
            assert_eq!(period_of(BASE, id), Some(number));
            let (first, last) = base_range(id);
            assert!(first <= BASE && BASE <= last);
            assert!(keys.insert(*period_key(&key, BASE, id).expose()));
        }
        assert_eq!(period_key_id(BASE, u32::MAX), period_key_id(BASE, MAX_PERIODS - 1));
        assert_eq!((period_of(BASE, BASE), period_of(BASE, KeyId([0; 16]))), (None, None));
    }

    #[test]
    fn keys_do_not_change_between_versions() {
        let id = period_key_id(BASE, 5);
        assert!(id.to_string().starts_with("11112222-3333-4444-5555-") && id.0[13..] == [0xff, 0xff, 0xf8]);
        let (key, other) = (ContentKey::new([1; 16]), ContentKey::new([2; 16]));
        assert_ne!(period_key(&key, BASE, id).expose(), period_key(&other, BASE, id).expose());
        assert_eq!(period_key(&key, BASE, id).expose(), period_key(&key, BASE, id).expose());
    }
}
