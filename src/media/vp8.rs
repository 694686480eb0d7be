//! VP8 in RTP (RFC 7741).
//!
//! Invariant: nothing read here reaches past the bytes it was given, whatever they are.

/// What the payload descriptor of a packet says (section 4.2), and what it describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload<'a> {
    /// The first packet of a frame.
    pub first: bool,
    /// Its part of the frame.
    pub data: &'a [u8],
}

/// Takes the payload descriptor off; `None` where it is malformed.
pub fn read(payload: &[u8]) -> Option<Payload<'_>> {
    let (&flags, mut rest) = payload.split_first()?;
    if flags & 0x80 != 0 {
        let (&extensions, tail) = rest.split_first()?;
        rest = tail;
        if extensions & 0x80 != 0 {
            // The picture id has 7 or 15 bits.
            let long = rest.first()? & 0x80 != 0;
            rest = rest.get(if long { 2 } else { 1 }..)?;
        }
        if extensions & 0x40 != 0 {
            rest = rest.get(1..)?;
        }
        if extensions & 0x30 != 0 {
            rest = rest.get(1..)?;
        }
    }
    // S is set, and the partition is the first.
    Some(Payload { first: flags & 0x17 == 0x10, data: rest })
}

/// The packets of a frame: descriptors without a picture id, parts of at most `most` bytes.
pub fn split(frame: &[u8], most: usize) -> impl Iterator<Item = Vec<u8>> + '_ {
    frame.chunks(most.max(2) - 1).enumerate().map(|(n, part)| {
        let descriptor = if n == 0 { 0x10 } else { 0 };
        [&[descriptor], part].concat()
    })
}

/// A frame that needs no other (RFC 6386 section 9.1).
pub fn is_key(frame: &[u8]) -> bool {
    frame.first().is_some_and(|tag| tag & 1 == 0)
}

/// Width and height of a key frame in pixels.
pub fn size(frame: &[u8]) -> Option<(u16, u16)> {
    if !is_key(frame) || frame.get(3..6)? != [0x9d, 0x01, 0x2a] {
        return None;
    }
    let pixels = |at: usize| Some(u16::from_le_bytes([*frame.get(at)?, *frame.get(at + 1)?]) & 0x3fff);
    Some((pixels(6)?, pixels(8)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_in_packets_is_the_frame_again() {
        let frame: Vec<u8> = (0..3000).map(|n| n as u8).collect();
        let packets: Vec<_> = split(&frame, 1200).collect();
        assert_eq!(packets.iter().map(Vec::len).collect::<Vec<_>>(), [1200, 1200, 603]);
        let read: Vec<_> = packets.iter().map(|packet| read(packet).unwrap()).collect();
        assert_eq!(read.iter().map(|it| it.first).collect::<Vec<_>>(), [true, false, false]);
        assert_eq!(read.iter().flat_map(|it| it.data.iter().copied()).collect::<Vec<_>>(), frame);
    }

    #[test]
    fn every_form_of_the_descriptor_is_taken_off() {
        for (payload, first) in [
            (vec![0x10, 7], true),
            (vec![0x00, 7], false),
            (vec![0x11, 7], false),
            (vec![0x90, 0x80, 0x12, 7], true),
            (vec![0x90, 0x80, 0x92, 0x34, 7], true),
            (vec![0x90, 0xf0, 0x92, 0x34, 1, 2, 7], true),
            (vec![0x80, 0x20, 1, 7], false),
        ] {
            assert_eq!(read(&payload), Some(Payload { first, data: &[7] }), "{payload:x?}");
        }
        for torn in [&[][..], &[0x90], &[0x90, 0x80], &[0x90, 0x80, 0x92], &[0x90, 0xf0, 1]] {
            assert_eq!(read(torn), None, "{torn:x?}");
        }
    }

    #[test]
    fn a_key_frame_tells_its_size_and_a_torn_one_does_not() {
        let black = include_bytes!("black-640x480.vp8");
        assert_eq!((is_key(black), size(black)), (true, Some((640, 480))));
        assert_eq!(size(&black[..9]), None);
        assert_eq!((is_key(&[]), is_key(&[1]), size(&[1, 0, 0, 0x9d, 1, 0x2a, 0, 0, 0, 0])), (false, false, None));
    }
}
