//! A `WatchResponse` read as cheaply as can be: its head, and of each event what is checked.

use super::wire::{Field, Fields, Malformed};

/// The fields of a response that are not events.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) watch_id: i64,
    pub(crate) created: bool,
    pub(crate) canceled: bool,
    pub(crate) compact_revision: i64,
    pub(crate) cancel_reason: String,
}

/// What is checked of an event.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Event<'data> {
    /// 0 is a put.
    pub(crate) kind: u64,
    pub(crate) key: &'data [u8],
    pub(crate) revision: i64,
    pub(crate) value: &'data [u8],
}

impl Head {
    pub(crate) fn of(message: &[u8]) -> Result<Self, Malformed> {
        let mut head = Self::default();
        for field in Fields::of(message) {
            match field? {
                Field::Number(2, id) => head.watch_id = id.cast_signed(),
                Field::Number(3, created) => head.created = created != 0,
                Field::Number(4, canceled) => head.canceled = canceled != 0,
                Field::Number(5, revision) => head.compact_revision = revision.cast_signed(),
                Field::Bytes(6, reason) => head.cancel_reason = String::from_utf8_lossy(reason).into_owned(),
                _ => {}
            }
        }
        Ok(head)
    }
}

/// The events of a response.
pub(crate) fn events(message: &[u8]) -> impl Iterator<Item = Result<Event<'_>, Malformed>> {
    Fields::of(message).filter_map(|field| match field {
        Ok(Field::Bytes(11, event)) => Some(Event::of(event)),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    })
}

impl<'data> Event<'data> {
    fn of(message: &'data [u8]) -> Result<Self, Malformed> {
        let mut event = Self::default();
        for field in Fields::of(message) {
            match field? {
                Field::Number(1, kind) => event.kind = kind,
                Field::Bytes(2, pair) => event.pair(pair)?,
                _ => {}
            }
        }
        Ok(event)
    }

    fn pair(&mut self, message: &'data [u8]) -> Result<(), Malformed> {
        for field in Fields::of(message) {
            match field? {
                Field::Bytes(1, key) => self.key = key,
                Field::Number(3, revision) => self.revision = revision.cast_signed(),
                Field::Bytes(5, value) => self.value = value,
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use proto_gen::etcdserverpb::{ResponseHeader, WatchResponse};
    use proto_gen::mvccpb;

    use super::*;

    fn event(revision: i64, value: &'static [u8]) -> mvccpb::Event {
        let kv = mvccpb::KeyValue {
            key: b"key".as_slice().into(),
            create_revision: 3,
            mod_revision: revision,
            version: 9,
            value: value.into(),
            lease: 0,
        };
        mvccpb::Event { kv: Some(kv), ..Default::default() }
    }

    #[test]
    fn it_agrees_with_the_full_decoder() {
        let response = WatchResponse {
            header: Some(ResponseHeader { revision: 1 << 40, ..Default::default() }),
            watch_id: 300,
            canceled: true,
            cancel_reason: "because".to_owned(),
            compact_revision: 5,
            events: vec![event(7, b"one"), event(8, b"two")],
            ..Default::default()
        };
        let message = response.encode_to_vec();
        let head = Head::of(&message).unwrap();
        assert_eq!((head.watch_id, head.created, head.canceled), (300, false, true));
        assert_eq!((head.compact_revision, head.cancel_reason.as_str()), (5, "because"));
        let events: Vec<Event<'_>> = events(&message).map(Result::unwrap).collect();
        assert_eq!(
            events,
            [
                Event { kind: 0, key: b"key", revision: 7, value: b"one" },
                Event { kind: 0, key: b"key", revision: 8, value: b"two" },
            ]
        );
    }

    #[test]
    fn a_negative_watch_id_is_read() {
        let response = WatchResponse { watch_id: -1, created: true, ..Default::default() };
        let head = Head::of(&response.encode_to_vec()).unwrap();
        assert_eq!((head.watch_id, head.created), (-1, true));
    }

    #[test]
    fn a_malformed_event_is_an_error() {
        assert!(events(&[0x5a, 2, 0x12, 9]).any(|event| event.is_err()));
    }
}
