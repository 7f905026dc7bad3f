//! As much of a `Cargo.toml` as the house rules need: sections, keys and values, read by hand.

/// One `key = value`, with the section it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) section: String,
    pub(crate) key: String,
    pub(crate) value: String,
    /// Counted from 1.
    pub(crate) line: usize,
}

/// A dependency as a member's manifest states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Whether it says `workspace = true` or gives a path.
    pub(crate) is_inherited: bool,
    pub(crate) line: usize,
}

/// A manifest's entries in order.
#[derive(Debug)]
pub(crate) struct Manifest {
    entries: Vec<Entry>,
}

impl Manifest {
    pub(crate) fn parse(text: &str) -> Self {
        let mut entries: Vec<Entry> = Vec::new();
        let mut section = String::new();
        let mut lines = text.lines().zip(1..);
        while let Some((line, number)) = lines.next() {
            let line = without_comment(line);
            if let Some(header) = header_of(line) {
                section = header;
            } else if let Some((key, value)) = line.split_once('=') {
                let mut value = value.trim().to_owned();
                while is_open(&value) {
                    let Some((more, _)) = lines.next() else { break };
                    value.push_str(without_comment(more));
                }
                let key = key.trim().replace('"', "");
                entries.push(Entry { section: section.clone(), key, value, line: number });
            }
        }
        Self { entries }
    }

    /// The value of a key, without quotes.
    pub(crate) fn value(&self, section: &str, key: &str) -> Option<&str> {
        let entry = self.entries.iter().find(|entry| entry.section == section && entry.key == key)?;
        Some(entry.value.trim_matches('"'))
    }

    pub(crate) fn has_section(&self, section: &str) -> bool {
        self.entries.iter().any(|entry| entry.section == section)
    }

    /// Of all kinds: normal, for tests, for building, for one target.
    pub(crate) fn dependencies(&self) -> Vec<Dependency> {
        let mut dependencies: Vec<Dependency> = Vec::new();
        for entry in &self.entries {
            let Some(dependency) = dependency_of(entry) else { continue };
            // `[dependencies.name]` has an entry a line; one of them that inherits is enough.
            match dependencies.iter_mut().find(|known| is_table_of(entry, &known.name)) {
                Some(known) => known.is_inherited |= dependency.is_inherited,
                None => dependencies.push(dependency),
            }
        }
        dependencies
    }
}

fn dependency_of(entry: &Entry) -> Option<Dependency> {
    let (name, is_inherited) = if is_dependencies(&entry.section) {
        let (name, field) = entry.key.split_once('.').unwrap_or((&entry.key, ""));
        (name, inherits(field, &entry.value) || is_inline_inherited(&entry.value))
    } else {
        let (section, name) = entry.section.rsplit_once('.')?;
        if !is_dependencies(section) {
            return None;
        }
        (name, inherits(&entry.key, &entry.value))
    };
    Some(Dependency { name: name.to_owned(), is_inherited, line: entry.line })
}

fn is_table_of(entry: &Entry, name: &str) -> bool {
    entry.section.rsplit_once('.').is_some_and(|(section, last)| is_dependencies(section) && last == name)
}

fn is_dependencies(section: &str) -> bool {
    const KINDS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];
    let kind = section.rsplit_once('.').map_or(section, |(_, kind)| kind);
    KINDS.contains(&kind) && (section == kind || section.starts_with("target."))
}

fn inherits(field: &str, value: &str) -> bool {
    field == "path" || (field == "workspace" && value == "true")
}

fn is_inline_inherited(value: &str) -> bool {
    let fields = value.trim_start_matches('{').trim_end_matches('}').split(',');
    fields
        .filter_map(|field| field.split_once('='))
        .any(|(field, value)| inherits(field.trim(), value.trim()))
}

fn header_of(line: &str) -> Option<String> {
    let inner = line.trim().strip_prefix('[')?.strip_suffix(']')?;
    let inner = inner.trim_start_matches('[').trim_end_matches(']');
    Some(inner.trim().replace('"', ""))
}

/// Whether an array or table goes on in the next line.
fn is_open(value: &str) -> bool {
    let count = |wanted: &[char]| unquoted(value).filter(|(_, c)| wanted.contains(c)).count();
    count(&['[', '{']) > count(&[']', '}'])
}

fn without_comment(line: &str) -> &str {
    let end = unquoted(line).find(|(_, c)| *c == '#').map_or(line.len(), |(position, _)| position);
    line.get(..end).unwrap_or(line)
}

/// The characters outside of double quotes, with their positions.
fn unquoted(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut in_quotes = false;
    text.char_indices().filter(move |(_, c)| {
        if *c == '"' {
            in_quotes = !in_quotes;
        }
        !in_quotes
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(manifest: &str, inherited: bool) -> Vec<String> {
        let all = Manifest::parse(manifest).dependencies();
        all.into_iter().filter(|found| found.is_inherited == inherited).map(|found| found.name).collect()
    }

    #[test]
    fn every_way_to_inherit_is_known() {
        let manifest = r#"
            [dependencies]
            dotted.workspace = true   # with a comment
            inline = { workspace = true, features = ["a", "b"] }
            many = { workspace = true, features = [
                "a",
            ] }
            near = { path = "../near" }
            [dev-dependencies.table]
            features = ["x"]
            workspace = true
            [target.'cfg(unix)'.build-dependencies]
            targeted.workspace = true
        "#;
        assert_eq!(names(manifest, true), ["dotted", "inline", "many", "near", "table", "targeted"]);
        assert!(names(manifest, false).is_empty());
    }

    #[test]
    fn a_version_of_its_own_is_not_inherited() {
        let manifest = "[dependencies]\na = \"1\"\nb = { version = \"2\", features = [\"workspace\"] }\n[dependencies.c]\nversion = \"3\"\n";
        assert_eq!(names(manifest, false), ["a", "b", "c"]);
    }

    #[test]
    fn other_sections_hold_no_dependencies() {
        let manifest = "[package]\nname = \"x\"\n[features]\nd = []\n[lints]\nworkspace = true\n";
        assert!(Manifest::parse(manifest).dependencies().is_empty());
    }

    #[test]
    fn values_lose_their_quotes_and_comments() {
        let manifest = Manifest::parse("[package]\nname = \"a#b\" # a comment\n");
        assert_eq!(manifest.value("package", "name"), Some("a#b"));
        assert_eq!(manifest.value("package", "version"), None);
    }
}
