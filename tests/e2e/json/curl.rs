//! The commands of etcd's documentation, with the real curl.

use std::process::Stdio;

use e2e::{Pair, Shape, Side, Transcript, soon};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

/// Runs curl to its end, and gives the code and the body.
async fn curl(side: &Side<'_>, path: &str, body: &str, more: &[&str]) -> (String, Value) {
    let url = format!("http://{}{path}", side.address);
    let mut command = Command::new("curl");
    command.args(["-s", "-L", "-w", "\n%{http_code}", &url, "-X", "POST", "-d", body]).args(more);
    let output = soon(path, command.kill_on_drop(true).output()).await.expect("curl");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let (body, code) = text.rsplit_once('\n').expect("a code");
    (code.to_owned(), serde_json::from_str(body).expect("JSON"))
}

/// Records what curl shows, but for what the two sides never share.
async fn show(seen: &mut Transcript, side: &Side<'_>, path: &str, body: &str, more: &[&str]) -> Value {
    let (code, json) = curl(side, path, body, more).await;
    let mut shown = json.clone();
    if let Some(fields) = shown.as_object_mut() {
        // Said by one generation only.
        fields.remove("error");
        let has_header = fields.remove("header").is_some_and(|header| header["revision"].is_string());
        fields.insert("header with a revision".to_owned(), has_header.into());
        if let Some(token) = fields.get("token").and_then(Value::as_str) {
            seen.name(token, "token");
        }
    }
    let code = if code == "412" { "400" } else { &code };
    seen.text(&format!("{path} {body}"), &format!("{code} {shown:#}"));
    json
}

#[tokio::test]
async fn the_documentations_commands_work_as_on_etcd() {
    let pair = Pair::start(Shape::single().flag("--bcrypt-cost=4")).await;
    pair.compare(keys).await;
    pair.compare(watch).await;
    pair.compare(transactions).await;
    pair.compare(authentication).await;
}

async fn keys(seen: &mut Transcript, side: &Side<'_>) {
    show(seen, side, "/v3/kv/put", r#"{"key": "Zm9v", "value": "YmFy"}"#, &[]).await;
    show(seen, side, "/v3/kv/range", r#"{"key": "Zm9v"}"#, &[]).await;
    show(seen, side, "/v3/kv/range", r#"{"key": "Zm9v", "range_end": "Zm9w"}"#, &[]).await;
    show(seen, side, "/v3/kv/range", r#"{"key": "Zm9v"}"#, &["-H", "Content-Type: application/json"]).await;
}

async fn watch(seen: &mut Transcript, side: &Side<'_>) {
    let url = format!("http://{}/v3/watch", side.address);
    let mut command = Command::new("curl");
    command.args(["-s", "-N", &url, "-X", "POST", "-d", r#"{"create_request": {"key":"Zm9v"} }"#]);
    let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("curl");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let created = soon("created", lines.next_line()).await.expect("a line").expect("a line");
    let created: Value = serde_json::from_str(&created).expect("JSON");
    seen.note("created", &created["result"]["created"]);
    show(seen, side, "/v3/kv/put", r#"{"key": "Zm9v", "value": "YmFy"}"#, &[]).await;
    let event = soon("an event", lines.next_line()).await.expect("a line").expect("a line");
    let event: Value = serde_json::from_str(&event).expect("JSON");
    seen.note("event", &event["result"]["events"]);
}

async fn transactions(seen: &mut Transcript, side: &Side<'_>) {
    for body in [
        r#"{"compare":[{"target":"CREATE","key":"Zm9v","createRevision":"2"}],"success":[{"requestPut":{"key":"Zm9v","value":"YmFy"}}]}"#,
        r#"{"compare":[{"version":"3","result":"EQUAL","target":"VERSION","key":"Zm9v"}],"success":[{"requestRange":{"key":"Zm9v"}}]}"#,
    ] {
        let json = show(seen, side, "/v3/kv/txn", body, &[]).await;
        assert_eq!(json["succeeded"], true, "{json}");
    }
}

async fn authentication(seen: &mut Transcript, side: &Side<'_>) {
    for (path, body) in [
        ("/v3/auth/user/add", r#"{"name": "root", "password": "pass"}"#),
        ("/v3/auth/role/add", r#"{"name": "root"}"#),
        ("/v3/auth/user/grant", r#"{"user": "root", "role": "root"}"#),
        ("/v3/auth/enable", "{}"),
    ] {
        show(seen, side, path, body, &[]).await;
    }
    let json =
        show(seen, side, "/v3/auth/authenticate", r#"{"name": "root", "password": "pass"}"#, &[]).await;
    let token = format!("Authorization: {}", json["token"].as_str().expect("a token"));
    let put = r#"{"key": "Zm9v", "value": "YmFy"}"#;
    let json = show(seen, side, "/v3/kv/put", put, &["-H", &token]).await;
    assert!(json["header"]["revision"].is_string(), "{json}");
    show(seen, side, "/v3/kv/put", put, &["-H", "Authorization: wrong.1"]).await;
    show(seen, side, "/v3/kv/put", put, &[]).await;
    show(seen, side, "/v3/kv/range", r#"{"key": "Zm9v"}"#, &["-H", &token]).await;
}
