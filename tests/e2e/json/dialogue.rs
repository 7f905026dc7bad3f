//! One side's answers, so that two gateways can be compared: field by field where it is an answer, by its code where it
//! is a refusal, and by etcd's own words where they are etcd's.

use std::cell::RefCell;
use std::collections::BTreeSet;

use e2e::environment::etcd_version;
use e2e::{JsonAnswer, JsonConnection, Side, Transcript};
use http::Method;
use serde_json::Value;

/// Values that two clusters never share.
const IDENTITIES: [&str; 3] = ["cluster_id", "member_id", "raft_term"];

/// Whether etcd's gateway is that of the second generation (etcd 3.6 and newer).
pub(super) fn is_second_generation() -> bool {
    etcd_version() >= (3, 6)
}

/// A conversation with one side.
pub(super) struct Dialogue<'a> {
    pub(super) seen: &'a mut Transcript,
    pub(super) connection: JsonConnection,
    asked: &'a RefCell<BTreeSet<String>>,
}

impl<'a> Dialogue<'a> {
    pub(super) async fn with(
        seen: &'a mut Transcript,
        side: &Side<'_>,
        asked: &'a RefCell<BTreeSet<String>>,
    ) -> Self {
        Self { seen, connection: JsonConnection::connect(&side.address).await, asked }
    }

    /// Posts, and records the whole answer.
    pub(super) async fn say(&mut self, path: &str, body: &str) -> Value {
        let answer = self.ask(Method::POST, path, body).await;
        self.seen.text(&format!("{path} {body}: type"), &content_type(&answer));
        let mut json = answer.json();
        let given = json.clone();
        simplify(&mut json);
        self.seen.text(&format!("{path} {body}"), &format!("{} {json:#}", code(&answer)));
        given
    }

    /// Posts, and records the code, and the words where they are etcd's.
    pub(super) async fn refused(&mut self, path: &str, body: &str) {
        self.refused_by(Method::POST, path, body).await;
    }

    pub(super) async fn refused_by(&mut self, method: Method, path: &str, body: impl Into<Vec<u8>>) {
        let body = body.into();
        let shown = String::from_utf8_lossy(&body).into_owned();
        let answer = self.ask(method.clone(), path, body).await;
        let json: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let message = json["message"].as_str().unwrap_or_default();
        // The older generation answers unknown paths and methods with a text.
        let number = if json.is_object() { json["code"].clone() } else { Value::Null };
        let number = if answer.status == 404 || answer.status == 405 || answer.status == 501 {
            Value::Null
        } else {
            number
        };
        let words = if message.starts_with("etcdserver") { message } else { "" };
        let seen = format!("{} {number} {words}", code(&answer));
        self.seen.text(&format!("{method} {path} {shown}"), &seen);
    }

    /// Posts, and records the code and the names of the fields: their values are each side's own.
    pub(super) async fn names(&mut self, path: &str, body: &str) -> Value {
        let answer = self.ask(Method::POST, path, body).await;
        let json = answer.json();
        let names = json.as_object().map(|fields| fields.keys().cloned().collect::<BTreeSet<_>>());
        self.seen.text(&format!("{path} {body}"), &format!("{} {names:?}", code(&answer)));
        json
    }

    /// Posts to a route whose answer goes on, and records so many lines.
    pub(super) async fn lines(&mut self, path: &str, body: &str, lines: usize) {
        self.note_route(path);
        let mut stream = self.connection.open(path, body.to_owned()).await;
        self.seen.text(&format!("{path} {body}: code"), &stream.status.to_string());
        for line in 0..lines {
            let mut json = stream.line().await.unwrap_or_default();
            simplify(&mut json);
            self.seen.text(&format!("{path} {body}: line {line}"), &format!("{json:#}"));
        }
    }

    /// Posts to a route whose answer ends by itself, and records all of it.
    pub(super) async fn stream(&mut self, path: &str, body: &str) {
        let answer = self.ask(Method::POST, path, body).await;
        self.seen.text(&format!("{path} {body}: code"), &code(&answer).to_string());
        for line in answer.body.lines() {
            let mut json = serde_json::from_str(line).expect("JSON on every line");
            simplify(&mut json);
            self.seen.text(&format!("{path} {body}: line"), &format!("{json:#}"));
        }
    }

    async fn ask(&mut self, method: Method, path: &str, body: impl Into<Vec<u8>>) -> JsonAnswer {
        self.note_route(path);
        self.connection.ask(method, path, body.into()).await
    }

    fn note_route(&self, path: &str) {
        self.asked.borrow_mut().insert(path.to_owned());
    }
}

fn content_type(answer: &JsonAnswer) -> String {
    format!("{:?} {:?}", answer.headers.get("content-type"), answer.headers.get("grpc-metadata-content-type"))
}

/// The first generation has other codes for a failed precondition and for a method that is not allowed.
fn code(answer: &JsonAnswer) -> u16 {
    match answer.status {
        412 => 400,
        405 => 501,
        code => code,
    }
}

/// Takes out what two clusters never share, and what one generation says and the other does not.
fn simplify(json: &mut Value) {
    match json {
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                if IDENTITIES.contains(&name.as_str()) {
                    assert!(value.is_string(), "{name} is a number in quotes: {value}");
                    *value = "<set>".into();
                }
                simplify(value);
            }
            if let (Some(code), Some(message)) =
                (fields.get("code").or(fields.get("grpc_code")).cloned(), fields.get("message").cloned())
            {
                fields.retain(|_, _| false);
                fields.extend([("code".to_owned(), code), ("message".to_owned(), message)]);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(simplify),
        _ => {}
    }
}
