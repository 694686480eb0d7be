//! The bytes of a target, read as what happens one thing after the other.

/// What is left of the bytes. Where they end, the script ends.
pub struct Script<'a>(pub &'a [u8]);

impl<'a> Script<'a> {
    pub fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes([self.byte()?, self.byte()?]))
    }

    pub fn u32(&mut self) -> Option<u32> {
        Some(u32::from(self.u16()?) << 16 | u32::from(self.u16()?))
    }

    /// As many as there are, `len` at most.
    pub fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// A length and as many bytes.
    pub fn block(&mut self) -> Option<&'a [u8]> {
        let len = usize::from(self.byte()?);
        Some(self.bytes(len))
    }

    /// Two bytes of length and as many bytes.
    pub fn long_block(&mut self) -> Option<&'a [u8]> {
        let len = usize::from(self.u16()?);
        Some(self.bytes(len))
    }
}
