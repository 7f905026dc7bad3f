//! Protobuf fields read in place: nothing is copied, what is not asked for is skipped.

/// One field's number and content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field<'data> {
    Number(u32, u64),
    Bytes(u32, &'data [u8]),
}

/// The fields of one message, in order. A malformed message ends in an `Err`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'data> {
    rest: &'data [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

impl<'data> Fields<'data> {
    pub(crate) fn of(message: &'data [u8]) -> Self {
        Self { rest: message }
    }

    fn field(&mut self) -> Option<Field<'data>> {
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).ok()?;
        match tag & 7 {
            0 => Some(Field::Number(number, self.varint()?)),
            1 => Some(Field::Bytes(number, self.take(8)?)),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Some(Field::Bytes(number, self.take(length)?))
            }
            5 => Some(Field::Bytes(number, self.take(4)?)),
            _ => None,
        }
    }

    fn take(&mut self, length: usize) -> Option<&'data [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}

impl<'data> Iterator for Fields<'data> {
    type Item = Result<Field<'data>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.rest = &[];
        }
        Some(field.ok_or(Malformed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(message: &[u8]) -> Vec<Result<Field<'_>, Malformed>> {
        Fields::of(message).collect()
    }

    #[test]
    fn every_wire_type_is_read() {
        let message = [0x08, 0xac, 0x02, 0x12, 2, b'h', b'i', 0x1d, 1, 2, 3, 4, 0x21, 1, 2, 3, 4, 5, 6, 7, 8];
        let expected = [
            Ok(Field::Number(1, 300)),
            Ok(Field::Bytes(2, b"hi")),
            Ok(Field::Bytes(3, &[1, 2, 3, 4])),
            Ok(Field::Bytes(4, &[1, 2, 3, 4, 5, 6, 7, 8])),
        ];
        assert_eq!(fields(&message), expected);
    }

    #[test]
    fn what_is_cut_short_or_unknown_is_malformed_and_ends() {
        for message in [&[0x08][..], &[0x12, 3, b'h'], &[0x0b], &[0xff; 12]] {
            assert_eq!(fields(message), [Err(Malformed)], "{message:?}");
        }
    }
}
