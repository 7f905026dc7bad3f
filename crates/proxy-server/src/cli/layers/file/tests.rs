//! Both formats by the same cases, and what each of them can get wrong.

use super::*;

fn entry(key: &str, given: Given, line: usize) -> Entry {
    Entry { key: key.to_owned(), given, line }
}

fn one(key: &str, text: &str, line: usize) -> Entry {
    entry(key, Given::One(text.to_owned()), line)
}

fn many(key: &str, texts: &[&str], line: usize) -> Entry {
    entry(key, Given::Many(texts.iter().map(|text| (*text).to_owned()).collect()), line)
}

fn faults(content: Content) -> Vec<String> {
    content.faults.into_iter().map(|Fault { line, reason }| format!("{line}: {reason}")).collect()
}

#[test]
fn values_are_taken_as_they_are_written() {
    let toml = r#"
# a comment
listen-addr = ":1"
endpoints = ["a:1", 'b:2']
debug = true
resolver-ttl = 0x10
cache-max-age = "1m30s"
namespace = ""
"#;
    let yaml = r#"
# a comment
listen-addr: ":1"
endpoints: [a:1, 'b:2']
debug: true
resolver-ttl: 0x10
cache-max-age: 1m30s
namespace: ""
"#;
    let entries = vec![
        one("listen-addr", ":1", 3),
        many("endpoints", &["a:1", "b:2"], 4),
        one("debug", "true", 5),
        one("resolver-ttl", "0x10", 6),
        one("cache-max-age", "1m30s", 7),
        one("namespace", "", 8),
    ];
    assert_eq!(toml::read(toml), Content { entries, faults: vec![] });
    assert_eq!(yaml::read(yaml), toml::read(toml));
}

#[test]
fn a_word_of_yaml_stays_a_word_and_a_list_may_take_lines() {
    let text = "---\nwatch-coalescing: off\nendpoints:\n  - https://a:1\n  - unix:/b\n...\n";
    let entries = vec![one("watch-coalescing", "off", 2), many("endpoints", &["https://a:1", "unix:/b"], 3)];
    assert_eq!(yaml::read(text), Content { entries, faults: vec![] });
}

#[test]
fn nothing_is_a_configuration_too() {
    for text in ["", "\n", "# only a comment\n"] {
        assert_eq!(toml::read(text), Content::default(), "{text:?}");
        assert_eq!(yaml::read(text), Content::default(), "{text:?}");
    }
    assert_eq!(yaml::read("---\n"), Content::default());
    assert_eq!(yaml::read("{}"), Content::default());
}

#[test]
fn what_is_nested_is_refused_and_the_rest_is_read() {
    let toml = toml::read("debug = true\n[tls]\ncert = 'a'\n");
    assert_eq!(toml.entries, [one("debug", "true", 1)]);
    assert_eq!(faults(toml), ["2: tls takes a value or a list of values"]);
    let yaml = yaml::read("tls:\n  cert: a\n  more: [[x]]\ndebug: true\nendpoints: [a, [b]]\n");
    assert_eq!(yaml.entries, [one("debug", "true", 4)]);
    let refused =
        ["1: tls takes a value or a list of values", "5: endpoints takes a value or a list of values"];
    assert_eq!(faults(yaml), refused);
}

#[test]
fn a_key_that_is_there_twice_is_refused() {
    let said = faults(yaml::read("debug: true\nkey: a\ndebug: false\n"));
    assert_eq!(said, ["3: debug is there twice, first in line 1"]);
    let said = faults(toml::read("debug = true\ndebug = false\n"));
    assert!(said.len() == 1 && said[0].starts_with("2: "), "{said:?}");
}

#[test]
fn yaml_that_is_no_table_of_names_is_refused_in_one_line() {
    for text in ["just words", "- a\n- b", "*alias"] {
        assert_eq!(faults(yaml::read(text)).len(), 1, "{text}");
    }
    for (text, wanted) in [
        ("debug:\n", "1: debug has no value; \"\" is an empty one"),
        ("endpoints: [~]\n", "1: endpoints has no value; \"\" is an empty one"),
        ("? [a]\n: b\n", "1: a key must be the name of a flag"),
        ("debug: &x true\n", "1: anchors and tags are not taken here"),
        ("debug: !!bool true\n", "1: anchors and tags are not taken here"),
        ("a: 1\n---\nb: 2\n", "2: there is more than one document"),
    ] {
        assert_eq!(faults(yaml::read(text)), [wanted], "{text}");
    }
}

#[test]
fn what_cannot_be_parsed_is_said_with_its_line() {
    let said = faults(toml::read("debug = true\nresolver-ttl = \nnamespace = 'x\n"));
    assert!(said.len() >= 2 && said[0].starts_with("2: ") && said[1].starts_with("3: "), "{said:?}");
    let broken = toml::read("debug = true\nendpoints = ['a', [[[[\n");
    assert_eq!(broken.entries, [one("debug", "true", 1)], "half a list is none");
    assert!(broken.faults.len() <= 3, "{broken:?}");
    let deep = toml::read(&format!("endpoints = {}", "[".repeat(10_000)));
    assert!(deep.entries.is_empty() && deep.faults.len() <= 3, "{:?}", deep.faults);
    let said = faults(yaml::read("debug: true\nendpoints: [a\nkey: b\n"));
    assert!(said.len() == 1 && !said[0].starts_with("1: "), "{said:?}");
}

/// Whatever stands in a file, reading it ends well: nothing panics, nothing loops.
fn fuzz_reader(name: &str, reader: Reader, seeds: &[&[u8]]) {
    let words: Vec<&str> =
        names().chain(["true", "[", "]", "{", "}", ": ", " = ", "\n", "- ", "&a ", "*a", "!!str "]).collect();
    fuzz::fuzz(name, seeds, &words, |bytes| {
        let Content { entries, faults } = reader(&String::from_utf8_lossy(bytes));
        // Names and values are the input's own; how a sentence ends is not.
        let end = |fault: &Fault| fault.reason.rsplit(' ').take(3).collect::<Vec<_>>().join(" ");
        format!("{} {:?}", entries.len().min(8), faults.first().map(end))
    });
}

#[test]
fn fuzz_toml() {
    fuzz_reader(
        "config-toml",
        toml::read,
        &[b"debug = true\nendpoints = ['a', \"b\"]\n", b"[t]\na.b = 1979-05-27\n"],
    );
}

#[test]
fn fuzz_yaml() {
    fuzz_reader(
        "config-yaml",
        yaml::read,
        &[b"debug: true\nendpoints: [a, 'b']\n", b"a: |\n  b\nc: &d {e: *d}\n- f\n"],
    );
}
