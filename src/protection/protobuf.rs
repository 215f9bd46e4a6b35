//! The wire format of Protocol Buffers, read field by field ("Encoding", protobuf.dev): Widevine speaks it.

/// A field of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Field<'a> {
    /// A number.
    Number(u32, u64),
    /// Bytes, a text or a message.
    Bytes(u32, &'a [u8]),
    /// Of fixed width; nobody here wants those.
    Fixed,
}

/// The fields of a message in their order; an error where it breaks off or has groups.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

/// What is no message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Broken;

impl<'a> Fields<'a> {
    fn varint(&mut self) -> Result<u64, Broken> {
        let mut value = 0u64;
        for at in 0..10u32 {
            let (byte, rest) = self.0.split_first().ok_or(Broken)?;
            self.0 = rest;
            let bits = u64::from(byte & 0x7f);
            if at == 9 && bits > 1 {
                return Err(Broken);
            }
            value |= bits << (7 * at);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Broken)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Broken> {
        let length = usize::try_from(length).map_err(|_| Broken)?;
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Broken)?;
        self.0 = rest;
        Ok(taken)
    }

    fn field(&mut self) -> Result<Field<'a>, Broken> {
        let key = self.varint()?;
        let number = u32::try_from(key >> 3).ok().filter(|number| *number > 0).ok_or(Broken)?;
        match key & 7 {
            0 => Ok(Field::Number(number, self.varint()?)),
            1 => self.take(8).map(|_| Field::Fixed),
            2 => {
                let length = self.varint()?;
                Ok(Field::Bytes(number, self.take(length)?))
            }
            5 => self.take(4).map(|_| Field::Fixed),
            _ => Err(Broken),
        }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            // Nothing can be said of what is behind a break.
            self.0 = &[];
        }
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read() {
        let message = [0x08, 0x96, 0x01, 0x12, 2, b'h', b'i', 0x1d, 1, 2, 3, 4, 0x21, 0, 0, 0, 0, 0, 0, 0, 0];
        let fields: Result<Vec<Field<'_>>, Broken> = Fields(&message).collect();
        assert_eq!(fields.unwrap(), [Field::Number(1, 150), Field::Bytes(2, b"hi"), Field::Fixed, Field::Fixed]);
        for broken in [
            &[0x08][..],
            &[0x12, 3, 0, 0],
            &[0x00, 0],
            &[0x0b],
            &[0x80; 11],
            &[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
        ] {
            assert_eq!(Fields(broken).collect::<Result<Vec<_>, _>>(), Err(Broken), "{broken:?}");
        }
    }
}
