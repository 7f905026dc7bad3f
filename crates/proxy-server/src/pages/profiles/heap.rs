//! `/debug/pprof/heap`: who holds memory, by jemalloc's account of about one allocation for each half megabyte. Names
//! are in the profile, so whoever reads it needs no binary.

use admin_http::{Answer, Page, Question};
use futures_util::future::BoxFuture;
use http::StatusCode;

use super::apart::Turns;

const NO_ACCOUNT: &str = "no heap profile: jemalloc keeps no account in this process. It can be told to at the start: \
                          _RJEM_MALLOC_CONF=prof:true";

/// One at a time, because jemalloc writes each to a file first.
#[derive(Debug, Default)]
pub(super) struct HeapProfile {
    turns: Turns,
}

/// From here on jemalloc keeps account, where it can.
pub(super) fn begin() {
    let control = jemalloc_pprof::PROF_CTL.as_ref();
    // Nobody else asks for it at the start.
    let Some(mut control) = control.and_then(|control| control.try_lock().ok()) else { return };
    if let Err(error) = control.activate() {
        tracing::warn!(%error, "no heap profile: jemalloc does not begin to keep account");
    }
}

impl Page for HeapProfile {
    fn answer(&self, question: Question) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            if question.query("seconds").next().is_some() {
                let no_span =
                    "a heap profile is of one moment: take two, and compare them with go tool pprof -base";
                return Answer::error(StatusCode::BAD_REQUEST, no_span);
            }
            if jemalloc_pprof::PROF_CTL.is_none() {
                return Answer::error(StatusCode::NOT_FOUND, NO_ACCOUNT);
            }
            self.turns.answer(take).await
        })
    }
}

/// A gzipped profile.
fn take() -> Result<Vec<u8>, String> {
    let control = jemalloc_pprof::PROF_CTL.as_ref().ok_or(NO_ACCOUNT)?;
    control.blocking_lock().dump_pprof().map_err(|error| format!("{error:#}"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hint::black_box;
    use std::io::Read as _;

    use flate2::read::GzDecoder;
    use http::{Method, Uri};
    use pprof::protos::{Message as _, Profile};
    use proto_gen::etcdserverpb::{RequestOp, TxnRequest, request_op::Request};

    use super::*;

    const PIECES: usize = 64;
    const PIECE_BYTES: usize = 1 << 20;

    async fn get(uri: &'static str) -> Answer {
        HeapProfile::default().answer(Question { method: Method::GET, uri: Uri::from_static(uri) }).await
    }

    #[inline(never)]
    fn holder_of_memory() -> Vec<Vec<u8>> {
        (0..PIECES).map(|_| black_box(vec![1; PIECE_BYTES])).collect()
    }

    /// The bytes that are held by those who were called by this function.
    fn held_below(profile: &Profile, name: &str) -> i64 {
        let text = |index: i64| profile.string_table.get(index as usize).map_or("", String::as_str);
        let functions = profile.function.iter().filter(|function| text(function.name).contains(name));
        let functions: HashSet<u64> = functions.map(|function| function.id).collect();
        let locations = profile.location.iter();
        let locations =
            locations.filter(|at| at.line.iter().any(|line| functions.contains(&line.function_id)));
        let locations: HashSet<u64> = locations.map(|location| location.id).collect();
        let samples = profile.sample.iter();
        let samples = samples.filter(|sample| sample.location_id.iter().any(|id| locations.contains(id)));
        samples.filter_map(|sample| sample.value.first()).sum()
    }

    #[tokio::test]
    async fn a_profile_names_who_holds_memory() {
        begin();
        // Where another test is about to begin it, that was left to it.
        if let Some(control) = jemalloc_pprof::PROF_CTL.as_ref() {
            drop(control.lock().await);
        }
        let held = holder_of_memory();
        let answer = get("/debug/pprof/heap").await;
        assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
        let mut bytes = Vec::new();
        GzDecoder::new(answer.body.as_ref()).read_to_end(&mut bytes).unwrap();
        let profile = Profile::decode(bytes.as_slice()).unwrap();
        let [kind] = &profile.sample_type[..] else { panic!("{:?}", profile.sample_type) };
        let text = |index: i64| profile.string_table[index as usize].as_str();
        assert_eq!((text(kind.ty), text(kind.unit)), ("inuse_space", "bytes"));
        let all = (PIECES * PIECE_BYTES) as i64;
        let found = held_below(&profile, "holder_of_memory");
        // It is a sample, so not to the byte.
        assert!((all / 2..all * 2).contains(&found), "{found} of {all}");
        drop(held);
    }

    #[tokio::test]
    async fn a_span_of_time_is_refused_in_words() {
        assert_eq!(get("/debug/pprof/heap?seconds=5").await.status, StatusCode::BAD_REQUEST);
    }

    /// Some who read profiles take that limit from the library which reads clients' messages as well.
    #[test]
    fn messages_have_a_greatest_depth_in_this_build_too() {
        let around = |inner| TxnRequest {
            success: vec![RequestOp { request: Some(Request::RequestTxn(inner)) }],
            ..TxnRequest::default()
        };
        let deep = (0..200).fold(TxnRequest::default(), |inner, _| around(inner));
        let refusal = <TxnRequest as prost::Message>::decode(prost::Message::encode_to_vec(&deep).as_slice());
        assert!(refusal.unwrap_err().to_string().contains("recursion limit"));
    }
}
