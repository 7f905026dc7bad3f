//! Questions from outside, answered by a worker.

use futures_util::future::BoxFuture;
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use http_body_util::BodyExt as _;
use tokio::sync::Notify;

use super::*;
use crate::page::Page;

/// Answers at once.
struct Quick;

impl Page for Quick {
    fn methods(&self) -> HeaderValue {
        HeaderValue::from_static("GET, HEAD")
    }

    fn answer(&self, question: Question) -> BoxFuture<'_, Answer> {
        Box::pin(async move { Answer::text(question.uri.query().unwrap_or_default().to_owned()) })
    }
}

/// Answers when it is told to.
struct Slow(Arc<Notify>);

impl Page for Slow {
    fn answer(&self, _: Question) -> BoxFuture<'_, Answer> {
        Box::pin(async {
            self.0.notified().await;
            Answer::text("at last")
        })
    }
}

fn admin() -> (Admin, Arc<Notify>) {
    let go = Arc::new(Notify::new());
    let pages = Pages::default().with("/quick", Quick).with("/slow", Slow(Arc::clone(&go)));
    let (admin, worker) = Admin::new(pages);
    tokio::spawn(worker.run());
    (admin, go)
}

async fn get(admin: &Admin, uri: &'static str) -> (u16, String) {
    let response = admin.answer(Method::GET, Uri::from_static(uri)).await;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_page_answers_under_its_path_only() {
    let (admin, _) = admin();
    assert_eq!(get(&admin, "/quick?a=1").await, (200, "a=1".into()));
    assert_eq!(get(&admin, "/quick/").await, (404, "404 page not found\n".into()));
    assert!(admin.knows("/quick") && !admin.knows("/"));
}

#[tokio::test]
async fn a_private_page_is_not_for_everybody() {
    let (admin, worker) = Admin::new(Pages::default().with("/quick", Quick).with_private("/secret", Quick));
    tokio::spawn(worker.run());
    let public = admin.public();
    assert_eq!((get(&admin, "/secret").await.0, get(&admin, "/quick").await.0), (200, 200));
    assert_eq!((get(&public, "/secret").await.0, get(&public, "/quick").await.0), (404, 200));
}

#[tokio::test]
async fn another_method_is_told_which_ones_there_are() {
    let (admin, _) = admin();
    let refused = admin.answer(Method::POST, Uri::from_static("/quick")).await;
    assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(refused.headers()[ALLOW], "GET, HEAD");
    assert_eq!(refused.headers()[CONTENT_TYPE], "text/plain; charset=utf-8");
    let body = refused.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "Method Not Allowed\n");
}

#[tokio::test]
async fn a_slow_page_delays_no_other() {
    let (admin, go) = admin();
    let slow: Vec<_> = (0..2 * QUEUE)
        .map(|_| {
            tokio::spawn({
                let admin = admin.clone();
                async move { get(&admin, "/slow").await }
            })
        })
        .collect();
    assert_eq!(get(&admin, "/quick").await.0, 200);
    for asked in slow {
        // Who asks and who is told do not wait for each other in any order.
        while !asked.is_finished() {
            go.notify_waiters();
            tokio::task::yield_now().await;
        }
        assert_eq!(asked.await.unwrap().1, "at last");
    }
}

#[tokio::test]
async fn without_its_worker_it_says_so() {
    let (admin, worker) = Admin::new(Pages::default().with("/quick", Quick));
    drop(worker);
    assert_eq!(get(&admin, "/quick").await.0, 503);
}

#[tokio::test]
async fn a_connection_carries_the_pages() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let (admin, _) = admin();
    let (mut client, server) = tokio::io::duplex(1024);
    let serving = tokio::spawn(async move {
        admin.serve_connection(hyper_util::rt::TokioIo::new(server)).await;
    });
    client.write_all(b"GET /quick?x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nx"), "{answer}");
    serving.await.unwrap();
}
