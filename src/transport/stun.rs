//! Attributes of a STUN message where it lies.
//! Invariant: nothing is found behind MESSAGE-INTEGRITY, for nobody vouches for it.

use rtc_stun::attributes::{ATTR_MESSAGE_INTEGRITY, AttrType};
use std::ops::Range;

pub(super) const HEADER_LEN: usize = 20;

/// Where the first attribute of a kind has its value.
pub(super) fn find_range(datagram: &[u8], wanted: AttrType) -> Option<Range<usize>> {
    let mut at = HEADER_LEN;
    while let Some(header) = datagram.get(at..at + 4) {
        let len = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let value = at + 4..at + 4 + len;
        let kind = u16::from_be_bytes([header[0], header[1]]);
        if kind == wanted.0 {
            return datagram.get(value.clone()).map(|_| value);
        }
        if kind == ATTR_MESSAGE_INTEGRITY.0 {
            return None; // nobody vouches for what follows
        }
        at += 4 + len.next_multiple_of(4);
    }
    None
}
