//! A checksum against accidents: cut files, flipped bits, lost blocks. Not against malice, which owner and mode keep out.
//!
//! A cryptographic digest would cost half the time of a status query and notice nothing more.
//!
//! Invariants: a change within one aligned group of eight bytes is always noticed, since every step is a bijection both
//! of what came before and of the group; any other change is missed once in 2^64 times. Stores on disks hold these
//! values, so that the function never changes.

const START: u64 = 0x243f_6a88_85a3_08d3;
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// Returns the checksum of `parts`, each with its length.
pub(super) fn of(parts: &[&[u8]]) -> u64 {
    parts.iter().fold(START, |sum, part| {
        let (groups, rest) = part.as_chunks::<8>();
        let sum = groups.iter().fold(step(sum, part.len() as u64), |sum, group| step(sum, u64::from_le_bytes(*group)));
        let last = rest.iter().rev().fold(0, |last, byte| last << 8 | u64::from(*byte));
        step(sum, last)
    })
}

const fn step(sum: u64, group: u64) -> u64 {
    // Multiplying by an odd number and mixing high bits into low ones can both be undone.
    let product = (sum ^ group).wrapping_mul(FACTOR);
    product ^ (product >> 32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stored_checksums_stay_valid() {
        assert_eq!(of(&[]), START);
        assert_eq!(of(&[b"requests", b"", b"{\"id\":\"req-1\"}"]), 0xfad7_6274_42e6_9873);
    }

    #[test]
    fn the_same_bytes_in_other_parts_differ() {
        let sums = [of(&[b"ab", b"c"]), of(&[b"a", b"bc"]), of(&[b"abc"]), of(&[b"abc", b""]), of(&[b"abc\0"])];
        assert!(sums.iter().enumerate().all(|(at, sum)| !sums[..at].contains(sum)), "{sums:?}");
    }

    proptest! {
        #[test]
        fn a_flipped_bit_and_a_cut_are_noticed(
            bytes in proptest::collection::vec(any::<u8>(), 1..200), at in any::<prop::sample::Index>(), bit in 0_u8..8
        ) {
            let mut flipped = bytes.clone();
            flipped[at.index(bytes.len())] ^= 1 << bit;
            prop_assert_ne!(of(&[&bytes]), of(&[&flipped]));
            prop_assert_ne!(of(&[&bytes]), of(&[&bytes[..at.index(bytes.len())]]));
        }
    }
}
