//! What is wrong, collected until everything was looked at.

use super::{Refusal, help, hint, invocation::Line, layers::Layered};

/// The lines of all refusals that were noted.
#[derive(Debug, Default)]
pub(super) struct Problems {
    lines: Vec<String>,
    /// Flags of whose values nothing can be said, because they could not be read.
    unread: Vec<String>,
    /// Whether the command line itself is wrong.
    has_syntax: bool,
}

impl Problems {
    /// What could not be read.
    pub(super) fn of_reading(line: &Line, layered: &Layered) -> Self {
        let wrong = &line.typed.wrong;
        let lines = wrong.iter().map(|wrong| format!("Error: {}", wrong.line));
        let typed = wrong.iter().filter_map(|wrong| wrong.flag.clone());
        Self {
            lines: lines.chain(layered.wrong.iter().cloned()).collect(),
            unread: typed.chain(layered.unread.iter().map(|name| (*name).to_owned())).collect(),
            has_syntax: !wrong.is_empty(),
        }
    }

    /// Remembers what is wrong, and hands back what was given.
    pub(super) fn note<T>(&mut self, result: Result<T, Refusal>) -> Result<T, Refusal> {
        for line in result.as_ref().err().into_iter().flat_map(|refusal| &refusal.lines) {
            let is_known =
                self.lines.contains(line) || self.unread.iter().any(|flag| line.contains(flag.as_str()));
            if !is_known {
                self.lines.push(line.clone());
            }
        }
        result
    }

    /// Refuses everything that was noted.
    pub(super) fn refuse(self) -> Result<(), Refusal> {
        let hint = self.has_syntax.then(|| hint(help::PROGRAM));
        Refusal::all(self.lines.into_iter().chain(hint).collect())
    }
}
