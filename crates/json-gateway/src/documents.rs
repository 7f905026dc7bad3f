//! Cuts what a client sends into JSON values, however it comes in pieces.

use bytes::{Buf as _, Bytes, BytesMut};

/// JSON values one after the other, with or without white space in between.
#[derive(Debug)]
pub(crate) struct Documents {
    buffer: BytesMut,
    /// How much of `buffer` has been looked at.
    seen: usize,
    /// How many brackets are open; none is between values.
    depth: usize,
    place: Place,
    max_bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Outside,
    InString,
    BehindBackslash,
}

/// A value is larger than it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

impl Documents {
    /// None of the values may be larger than `max_bytes`.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self { buffer: BytesMut::new(), seen: 0, depth: 0, place: Place::Outside, max_bytes }
    }

    /// How large a value may be.
    pub(crate) fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Takes in what has come.
    pub(crate) fn push(&mut self, data: &[u8]) {
        self.buffer.extend_from_slice(data);
    }

    /// The next value, once it is complete. What is neither an object nor an array is given as far as it has come: no
    /// message is written so.
    ///
    /// # Errors
    /// When what has come of it is too large already.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>, TooLarge> {
        if self.seen == 0 {
            let blank = self.buffer.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            self.buffer.advance(blank);
        }
        let mut complete = false;
        while !complete && let Some(byte) = self.buffer.get(self.seen).copied() {
            complete = match self.place {
                Place::Outside => self.outside(byte),
                Place::InString => self.in_string(),
                Place::BehindBackslash => {
                    self.place = Place::InString;
                    self.seen += 1;
                    false
                }
            };
        }
        if self.seen > self.max_bytes {
            return Err(TooLarge);
        }
        let end = if complete { std::mem::take(&mut self.seen) } else { return Ok(None) };
        Ok(Some(self.buffer.split_to(end).freeze()))
    }

    /// What is left when no more will come: the beginning of a value.
    pub(crate) fn rest(&mut self) -> Option<Bytes> {
        let rest = self.buffer.split().freeze();
        (!rest.is_empty()).then_some(rest)
    }

    /// Whether a value ends with this byte.
    fn outside(&mut self, byte: u8) -> bool {
        self.seen += 1;
        match byte {
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' if self.depth > 0 => self.depth -= 1,
            b'"' if self.depth > 0 => self.place = Place::InString,
            _ if self.depth == 0 => self.seen = self.buffer.len(),
            _ => {}
        }
        self.depth == 0
    }

    /// Goes to the end of the string, or of what has come of it.
    fn in_string(&mut self) -> bool {
        let ahead = self.buffer.get(self.seen..).unwrap_or_default();
        let Some(at) = memchr::memchr2(b'"', b'\\', ahead) else {
            self.seen = self.buffer.len();
            return false;
        };
        self.place = if ahead.get(at) == Some(&b'"') { Place::Outside } else { Place::BehindBackslash };
        self.seen += at + 1;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(pieces: &[&str]) -> (Vec<String>, Option<String>) {
        let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        let mut documents = Documents::new(1000);
        let mut values = Vec::new();
        for piece in pieces {
            documents.push(piece.as_bytes());
            while let Some(value) = documents.next().unwrap() {
                values.push(text(value));
            }
        }
        (values, documents.rest().map(text))
    }

    #[test]
    fn values_are_found_wherever_the_pieces_end() {
        let text = " {\"a\":\"}\\\"{\\\\\"}\n\n[{}] {\"b\":{\"c\":[]}}\t{\"d\"";
        let values = ["{\"a\":\"}\\\"{\\\\\"}", "[{}]", "{\"b\":{\"c\":[]}}"];
        let rest = Some("{\"d\"".to_owned());
        let whole = cut(&[text]);
        assert_eq!(whole, (values.map(str::to_owned).to_vec(), rest));
        for at in 0..text.len() {
            let (head, tail) = text.split_at(at);
            assert_eq!(cut(&[head, tail]), whole, "cut at {at}");
        }
        let letters: Vec<&str> = text.split("").collect();
        assert_eq!(cut(&letters), whole);
    }

    #[test]
    fn white_space_is_no_value() {
        assert_eq!(cut(&["", " \n", "\t"]), (vec![], None));
    }

    #[test]
    fn what_is_no_message_is_given_as_it_came() {
        for text in ["null", "7", "\"x\"", "nonsense", "}", "]"] {
            assert_eq!(cut(&[text]), (vec![text.to_owned()], None));
        }
    }

    #[test]
    fn a_value_is_refused_once_it_is_too_large_and_not_before() {
        let value = |bytes: usize| format!("{{\"{}\"}}", "x".repeat(bytes - 4));
        let next = |text: &str| {
            let mut documents = Documents::new(100);
            documents.push(text.as_bytes());
            documents.next()
        };
        assert_eq!(next(&value(100)).unwrap().unwrap().len(), 100);
        assert_eq!(next(&value(101)), Err(TooLarge));
        assert_eq!(next(&value(200)[..100]), Ok(None));
        assert_eq!(next(&value(200)[..101]), Err(TooLarge));
        // The limit is for each value.
        let mut documents = Documents::new(100);
        documents.push(value(90).repeat(5).as_bytes());
        for _ in 0..5 {
            assert_eq!(documents.next().unwrap().unwrap().len(), 90);
        }
        assert_eq!(documents.next(), Ok(None));
    }

    #[test]
    fn endless_white_space_is_not_kept() {
        let mut documents = Documents::new(100);
        for _ in 0..1000 {
            documents.push(&[b' '; 1000]);
            assert_eq!(documents.next(), Ok(None));
        }
        assert_eq!(documents.rest(), None);
    }
}
