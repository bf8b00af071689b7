//! The frames of a message ring: one 8-byte word, then the payload, padded to 8 bytes.
//!
//! Low half: how many bytes of the message are left at the start of this frame. High half: how many of them are in this frame, and two marks. A message that
//! fits the ring is one frame; a larger one is a run of frames. A message whose writer gave up on it in the middle ends with a CUT frame.

pub(crate) const HEADER: u64 = 8;
const FIRST: u32 = 1 << 31;
const CUT: u32 = 1 << 30;

/// A frame's word, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Bytes of the message from this frame's start on.
    pub(crate) left: u64,
    /// Bytes of payload in this frame.
    pub(crate) fragment: u64,
    /// The message begins here.
    pub(crate) first: bool,
    /// The message ends here, though it was announced longer.
    pub(crate) cut: bool,
}

impl Frame {
    pub(crate) const CUT: Self = Self { left: 0, fragment: 0, first: false, cut: true };

    /// The ring space of a frame with this much payload.
    #[inline]
    pub(crate) fn space(fragment: u64) -> u64 {
        HEADER + fragment.next_multiple_of(8)
    }

    /// The word of a frame that is a message by itself.
    #[inline]
    pub(crate) fn whole(length: u64) -> u64 {
        length | ((length | u64::from(FIRST)) << 32)
    }

    /// The message's length, if the word at the start of `readable` bytes is that of a frame that is a message by itself.
    #[inline]
    pub(crate) fn length_of_whole(word: u64, readable: u64) -> Option<u64> {
        let length = word & 0xffff_ffff;
        (word == Self::whole(length) && length < u64::from(CUT) && Self::space(length) <= readable)
            .then_some(length)
    }

    /// A frame from the word at the start of `readable` bytes; `None` if no honest writer would have left it there.
    #[inline]
    pub(crate) fn from_word(word: u64, readable: u64) -> Option<Self> {
        let (left, high) = (u64::from(word as u32), (word >> 32) as u32);
        let frame = Self {
            left,
            fragment: u64::from(high & !(FIRST | CUT)),
            first: high & FIRST != 0,
            cut: high & CUT != 0,
        };
        let sound = if frame.cut {
            frame == Self::CUT
        } else {
            // Only a message's only frame may be empty.
            frame.fragment <= left && (frame.fragment > 0 || (left == 0 && frame.first))
        };
        (sound && Self::space(frame.fragment) <= readable).then_some(frame)
    }

    #[inline]
    pub(crate) fn word(self) -> u64 {
        let first = if self.first { FIRST } else { 0 };
        let cut = if self.cut { CUT } else { 0 };
        self.left | ((self.fragment | u64::from(first | cut)) << 32)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 20 } else { 500 }, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_frame_is_one_word(fragment in 1u64..1 << 30, more in 0u64..1 << 31, first: bool) {
            let frame = Frame { left: fragment + more, fragment, first, cut: false };
            prop_assert_eq!(Frame::from_word(frame.word(), Frame::space(fragment)), Some(frame));
            prop_assert_eq!(Frame::from_word(frame.word(), Frame::space(fragment) - 8), None);
        }

        #[test]
        fn any_word_is_refused_or_inside(word: u64, readable in (1u64..1 << 27).prop_map(|n| n * 8)) {
            if let Some(frame) = Frame::from_word(word, readable) {
                prop_assert!(Frame::space(frame.fragment) <= readable && frame.fragment <= frame.left);
            }
        }
    }

    #[test]
    fn a_whole_message_is_known_by_its_word() {
        for length in [0, 1, 64, 4096, u64::from(CUT) - 1] {
            let frame = Frame { left: length, fragment: length, first: true, cut: false };
            assert_eq!(Frame::whole(length), frame.word());
            assert_eq!(Frame::length_of_whole(frame.word(), Frame::space(length)), Some(length));
            assert_eq!(Frame::length_of_whole(frame.word(), Frame::space(length) - 8), None);
            for other in [
                Frame { left: length + 1, ..frame },
                Frame { first: false, ..frame },
                Frame { cut: true, ..frame },
                Frame::CUT,
            ] {
                assert_eq!(Frame::length_of_whole(other.word(), u64::MAX), None, "{other:?}");
            }
        }
    }

    #[test]
    fn the_empty_message_and_the_cut_are_frames() {
        let empty = Frame { left: 0, fragment: 0, first: true, cut: false };
        assert_eq!(Frame::from_word(empty.word(), 8), Some(empty));
        assert_eq!(Frame::from_word(Frame::CUT.word(), 8), Some(Frame::CUT));
        assert_eq!(Frame::from_word(0, 8), None);
        assert_eq!(Frame::from_word(empty.word(), 0), None);
    }
}
