//! One registration as it stands in etcd, in the layout that `etcd grpc-proxy` writes and reads.

use serde_json::Value;

/// A proxy as it is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// The name of its host.
    pub name: String,
    /// Where clients reach it.
    pub address: String,
}

/// Larger values are no registrations.
const MAX_VALUE_BYTES: usize = 64 << 10;

/// What all keys under `prefix` begin with.
pub(crate) fn folder(prefix: &str) -> String {
    format!("{prefix}/")
}

/// The key of the proxy that is reached at `address`.
pub(crate) fn key(prefix: &str, address: &str) -> String {
    format!("{prefix}/{address}")
}

impl Proxy {
    /// The value of its key. The metadata is JSON within JSON, and the order of the fields is that of `etcd grpc-proxy`.
    pub(crate) fn to_value(&self) -> String {
        let metadata = format!("{{\"name\":{}}}", text(&self.name));
        format!("{{\"Op\":0,\"Addr\":{},\"Metadata\":{}}}", text(&self.address), text(&metadata))
    }

    /// # Errors
    /// Why the value is no registration.
    pub(crate) fn from_value(value: &[u8]) -> Result<Self, &'static str> {
        if value.len() > MAX_VALUE_BYTES {
            return Err("the value is too large");
        }
        let value: Value = serde_json::from_slice(value).map_err(|_| "the value is not JSON")?;
        let address = value.get("Addr").and_then(Value::as_str).unwrap_or_default();
        if address.is_empty() {
            return Err("the value has no Addr");
        }
        let metadata = value.get("Metadata").and_then(Value::as_str).ok_or("the Metadata is not text")?;
        let metadata: Value = serde_json::from_str(metadata).map_err(|_| "the Metadata is not JSON")?;
        let name = match metadata.as_object().ok_or("the Metadata is not an object")?.get("name") {
            None | Some(Value::Null) => String::new(),
            Some(name) => name.as_str().ok_or("the name is not text")?.to_owned(),
        };
        Ok(Self { name, address: address.to_owned() })
    }
}

/// A JSON text.
fn text(text: &str) -> Value {
    Value::from(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(name: &str, address: &str) -> Proxy {
        Proxy { name: name.to_owned(), address: address.to_owned() }
    }

    #[test]
    fn the_layout_is_that_of_the_existing_proxy() {
        let value = proxy("host-1", "127.0.0.1:23790").to_value();
        assert_eq!(value, r#"{"Op":0,"Addr":"127.0.0.1:23790","Metadata":"{\"name\":\"host-1\"}"}"#);
        assert_eq!(key("a/b", "127.0.0.1:23790"), "a/b/127.0.0.1:23790");
    }

    #[test]
    fn what_is_written_is_read_whatever_the_names() {
        for name in ["host", "", "a\"b\\c", "ümläut", "<&>"] {
            let proxy = proxy(name, "https://[::1]:1?a=\"b\"");
            assert_eq!(Proxy::from_value(proxy.to_value().as_bytes()), Ok(proxy));
        }
    }

    #[test]
    fn others_forms_of_the_same_are_read() {
        let expected = Ok(proxy("n", "a:1"));
        for value in [
            r#"{"Metadata":"{\"name\":\"n\",\"more\":1}","Addr":"a:1","Op":0,"Later":[]}"#,
            r#" { "Op" : 0 , "Addr" : "a:1" , "Metadata" : "{\u0022name\u0022:\"n\"}" } "#,
        ] {
            assert_eq!(Proxy::from_value(value.as_bytes()), expected, "{value}");
        }
        assert_eq!(Proxy::from_value(br#"{"Op":0,"Addr":"a:1","Metadata":"{}"}"#), Ok(proxy("", "a:1")));
    }

    #[test]
    fn what_is_no_registration_is_refused_with_a_reason() {
        let large = format!(r#"{{"Addr":"{}"}}"#, "a".repeat(MAX_VALUE_BYTES));
        let cases = [
            ("", "the value is not JSON"),
            ("\u{fffd}", "the value is not JSON"),
            (r#"{"Op":0"#, "the value is not JSON"),
            ("[]", "the value has no Addr"),
            (r#"{"Addr":5}"#, "the value has no Addr"),
            (r#"{"Addr":""}"#, "the value has no Addr"),
            (r#"{"Addr":"a:1"}"#, "the Metadata is not text"),
            (r#"{"Addr":"a:1","Metadata":{"name":"n"}}"#, "the Metadata is not text"),
            (r#"{"Addr":"a:1","Metadata":"n"}"#, "the Metadata is not JSON"),
            (r#"{"Addr":"a:1","Metadata":"5"}"#, "the Metadata is not an object"),
            (r#"{"Addr":"a:1","Metadata":"{\"name\":5}"}"#, "the name is not text"),
            (&large, "the value is too large"),
        ];
        for (value, reason) in cases {
            assert_eq!(Proxy::from_value(value.as_bytes()), Err(reason), "{value:.80}");
        }
        assert!(Proxy::from_value(b"\xff\xfe").is_err());
    }
}
