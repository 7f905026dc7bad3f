//! The fields of an encoded message, found without decoding it.

/// The bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer is no message of etcd's API")]
pub(crate) struct Malformed;

/// A value as it is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Number(u64),
    /// Where it begins, and where what comes behind it does.
    Bytes {
        from: usize,
        to: usize,
    },
}

/// The fields of a message, or of what is left of it, in the order of the wire.
pub(crate) struct WireFields<'a> {
    message: &'a [u8],
    at: usize,
    to: usize,
}

impl<'a> WireFields<'a> {
    /// Those between two places in `message`.
    pub(crate) fn new(message: &'a [u8], at: usize, to: usize) -> Self {
        Self { message, at, to }
    }

    /// The first field of this number, and the place behind it.
    pub(crate) fn first(mut self, number: u32) -> Result<Option<(Value, usize)>, Malformed> {
        while let Some((found, value)) = self.next()? {
            if found == number {
                return Ok(Some((value, self.at)));
            }
        }
        Ok(None)
    }

    /// The last field of this number, which is the one that counts, and the place behind it.
    pub(crate) fn last(mut self, number: u32) -> Result<Option<(Value, usize)>, Malformed> {
        let mut last = None;
        while let Some((found, value)) = self.next()? {
            if found == number {
                last = Some((value, self.at));
            }
        }
        Ok(last)
    }

    fn next(&mut self) -> Result<Option<(u32, Value)>, Malformed> {
        if self.at >= self.to {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).map_err(|_| Malformed)?;
        let value = match tag & 7 {
            0 => Value::Number(self.varint()?),
            1 => self.bytes(8)?,
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
                self.bytes(length)?
            }
            5 => self.bytes(4)?,
            _ => return Err(Malformed),
        };
        Ok(Some((number, value)))
    }

    fn bytes(&mut self, length: usize) -> Result<Value, Malformed> {
        let from = self.at;
        let to = from.checked_add(length).filter(|to| *to <= self.to).ok_or(Malformed)?;
        self.at = to;
        Ok(Value::Bytes { from, to })
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let bytes = self.message.get(self.at..self.to).unwrap_or_default();
        let mut value = 0;
        for (index, byte) in bytes.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                self.at += index + 1;
                return Ok(value);
            }
        }
        Err(Malformed)
    }
}
