//! YAML: `endpoints: [a:1, b:2]`. Values are taken as they are written, so `on` is a word and not a truth value.
//!
//! Aliases and tags are refused: nothing here is large or nested enough to need them.

use std::borrow::Cow;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use super::{Content, Entry, Given};

/// Everything up to the first thing that is no YAML, and everything that is wrong.
pub(super) fn read(text: &str) -> Content {
    let mut reader = Reader { parser: Parser::new_from_str(text), content: Content::default() };
    if let Err(error) = reader.stream() {
        let line = error.marker().line();
        reader.content.fault(line, error.info());
    }
    reader.content
}

struct Reader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    content: Content,
}

type Step<'a> = Option<(Event<'a>, usize)>;

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Step<'a>, ScanError> {
        let Some(next) = self.parser.next_event() else { return Ok(None) };
        let (event, Span { start, .. }) = next?;
        Ok(Some((event, start.line())))
    }

    fn stream(&mut self) -> Result<(), ScanError> {
        let mut documents = 0;
        while let Some((event, line)) = self.next()? {
            match event {
                Event::DocumentStart(_) => {
                    documents += 1;
                    if documents > 1 {
                        self.content.fault(line, "there is more than one document");
                        return Ok(());
                    }
                }
                Event::MappingStart(anchor, tag) => {
                    self.plain(line, anchor, tag.is_some());
                    self.mapping()?;
                }
                Event::Scalar(text, style, ..) if is_null(&text, style) => {}
                Event::Scalar(..) | Event::SequenceStart(..) | Event::Alias(_) => {
                    self.content
                        .fault(line, "names of flags with their values are expected, as in `debug: true`");
                    return Ok(());
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn mapping(&mut self) -> Result<(), ScanError> {
        while let Some((event, line)) = self.next()? {
            let key = match event {
                Event::MappingEnd => return Ok(()),
                Event::Scalar(text, _, anchor, tag) => {
                    self.plain(line, anchor, tag.is_some());
                    text.into_owned()
                }
                other => {
                    self.content.fault(line, "a key must be the name of a flag");
                    self.skip(other)?;
                    String::new()
                }
            };
            let given = self.value(&key, line)?;
            let first = self.content.entries.iter().find(|entry| entry.key == key).map(|entry| entry.line);
            match (given, first) {
                (_, Some(first)) => {
                    self.content.fault(line, format!("{key} is there twice, first in line {first}"));
                }
                (Some(given), None) if !key.is_empty() => {
                    self.content.entries.push(Entry { key, given, line });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// None where it is told what is wrong.
    fn value(&mut self, key: &str, line: usize) -> Result<Option<Given>, ScanError> {
        let Some((event, at)) = self.next()? else { return Ok(None) };
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.plain(at, anchor, tag.is_some());
                Ok(self.text(key, text, style, at).map(Given::One))
            }
            Event::SequenceStart(anchor, tag) => {
                self.plain(at, anchor, tag.is_some());
                self.sequence(key)
            }
            other => {
                self.content.fault(line, format!("{key} takes a value or a list of values"));
                self.skip(other)?;
                Ok(None)
            }
        }
    }

    fn sequence(&mut self, key: &str) -> Result<Option<Given>, ScanError> {
        let mut texts = Some(Vec::new());
        while let Some((event, line)) = self.next()? {
            let text = match event {
                Event::SequenceEnd => break,
                Event::Scalar(text, style, anchor, tag) => {
                    self.plain(line, anchor, tag.is_some());
                    self.text(key, text, style, line)
                }
                other => {
                    self.content.fault(line, format!("{key} takes a value or a list of values"));
                    self.skip(other)?;
                    None
                }
            };
            match (text, &mut texts) {
                (Some(text), Some(texts)) => texts.push(text),
                _ => texts = None,
            }
        }
        Ok(texts.map(Given::Many))
    }

    fn text(&mut self, key: &str, text: Cow<'a, str>, style: ScalarStyle, line: usize) -> Option<String> {
        if is_null(&text, style) {
            self.content.fault(line, format!("{key} has no value; \"\" is an empty one"));
            return None;
        }
        Some(text.into_owned())
    }

    fn plain(&mut self, line: usize, anchor: usize, has_tag: bool) {
        if anchor != 0 || has_tag {
            self.content.fault(line, "anchors and tags are not taken here");
        }
    }

    /// Reads to the end of what has begun.
    fn skip(&mut self, begun: Event<'_>) -> Result<(), ScanError> {
        let mut depth = depth_of(&begun);
        while depth > 0 {
            let Some((event, _)) = self.next()? else { return Ok(()) };
            depth += depth_of(&event);
        }
        Ok(())
    }
}

fn depth_of(event: &Event<'_>) -> isize {
    match event {
        Event::SequenceStart(..) | Event::MappingStart(..) => 1,
        Event::SequenceEnd | Event::MappingEnd => -1,
        _ => 0,
    }
}

fn is_null(text: &str, style: ScalarStyle) -> bool {
    style == ScalarStyle::Plain && matches!(text, "" | "~" | "null" | "Null" | "NULL")
}
