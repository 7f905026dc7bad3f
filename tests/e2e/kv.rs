//! KV.
use e2e::{Pair, Shape};
use proto_gen::etcdserverpb::PutRequest;
#[tokio::test]
async fn kv_answers_are_equal() {
    let pair = Pair::start(Shape::three()).await;
    pair.compare(async |seen, side| {
        let put = PutRequest { key: "a".into(), value: "b".into(), ..Default::default() };
        seen.answer("put", side.client.kv().put(put).await);
    })
    .await;
}
