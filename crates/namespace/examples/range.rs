//! Shows what etcd is asked when a tenant asks for a range:
//! `cargo run -p namespace --example range -- ns/ key [range-end | --from-key]`.

use bytes::Bytes;
use namespace::Prefix;

fn main() {
    let mut arguments = std::env::args().skip(1).map(Bytes::from);
    let prefix = Prefix::new(arguments.next().unwrap_or_else(|| Bytes::from_static(b"ns/")));
    let mut key = arguments.next().unwrap_or_else(|| Bytes::from_static(b"key"));
    let mut range_end = arguments.next().unwrap_or_default();
    if range_end == "--from-key" {
        range_end = Bytes::from_static(b"\0");
    }
    println!("the tenant asks for  key {key:?}, range_end {range_end:?}");
    prefix.enter_range(&mut key, &mut range_end);
    println!("etcd is asked for    key {key:?}, range_end {range_end:?}");
    if prefix.leave_key(&mut key) {
        println!("and answers with     key {key:?}, as the tenant sees it");
    }
}
