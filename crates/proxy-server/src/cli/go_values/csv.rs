//! Comma lists with quotes, as pflag reads a list flag through Go's `encoding/csv`.

/// The values of the first line that is not empty. An empty text has none.
pub(crate) fn parse_csv(text: &str) -> Result<Vec<String>, String> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let start = text.trim_start_matches(['\n', '\r']);
    if start.is_empty() {
        return Err("EOF".to_owned());
    }
    let line = 1 + text.matches('\n').count() - start.matches('\n').count();
    Record { rest: start, line, column: 1 }.fields()
}

/// A reader in the middle of a record. Columns count bytes, as Go's do.
struct Record<'a> {
    rest: &'a str,
    line: usize,
    column: usize,
}

enum Follow {
    Field,
    End,
}

impl Record<'_> {
    fn fields(mut self) -> Result<Vec<String>, String> {
        let mut fields = Vec::new();
        loop {
            let (field, follow) = if self.rest.starts_with('"') { self.quoted()? } else { self.bare()? };
            fields.push(field);
            if matches!(follow, Follow::End) {
                return Ok(fields);
            }
        }
    }

    fn bare(&mut self) -> Result<(String, Follow), String> {
        let end = self.rest.find([',', '\n']).unwrap_or(self.rest.len());
        let field = self.rest.get(..end).unwrap_or_default().to_owned();
        if let Some(quote) = field.find('"') {
            self.column += quote;
            return Err(self.error("bare \" in non-quoted-field"));
        }
        self.skip(end);
        let follow = self.follow();
        let at_line_end = matches!(follow, Follow::End);
        Ok((if at_line_end { field.trim_end_matches('\r').to_owned() } else { field }, follow))
    }

    fn quoted(&mut self) -> Result<(String, Follow), String> {
        let mut field = String::new();
        self.skip(1);
        loop {
            let Some(end) = self.rest.find('"') else {
                self.skip(self.rest.len());
                return Err(self.error("extraneous or missing \" in quoted-field"));
            };
            field.push_str(self.rest.get(..end).unwrap_or_default());
            self.skip(end);
            match self.rest.as_bytes().get(1) {
                Some(b'"') => field.push('"'),
                None | Some(b',' | b'\n') => break,
                Some(_) => return Err(self.error("extraneous or missing \" in quoted-field")),
            }
            self.skip(2);
        }
        self.skip(1);
        Ok((field, self.follow()))
    }

    /// Steps over the comma when there is one: another field follows, be it empty.
    fn follow(&mut self) -> Follow {
        if self.rest.starts_with(',') {
            self.skip(1);
            Follow::Field
        } else {
            Follow::End
        }
    }

    fn skip(&mut self, bytes: usize) {
        let (skipped, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        match skipped.rfind('\n') {
            Some(at) => {
                self.line += skipped.matches('\n').count();
                self.column = skipped.len() - at;
            }
            None => self.column += skipped.len(),
        }
        self.rest = rest;
    }

    fn error(&self, reason: &str) -> String {
        format!("parse error on line {}, column {}: {reason}", self.line, self.column)
    }
}
