//! What is wrong is said once, however often it is tried.

use tonic::Status;
use tracing::{debug, warn};

/// Reasons that are remembered; what is new beyond them is worth no more than a line for debugging.
const MAX_REASONS: usize = 16;

/// The reasons that were logged since all was well.
#[derive(Debug, Default)]
pub(crate) struct Complaint(Vec<String>);

impl Complaint {
    /// Logs `trouble` with the reason, unless that is known already.
    pub(crate) fn of(&mut self, trouble: &str, status: &Status) {
        let reason = status.message();
        if self.is_new(reason) {
            warn!(reason, "{trouble}");
        } else {
            debug!(reason, "{trouble}");
        }
    }

    /// All is well again.
    pub(crate) fn is_over(&mut self) {
        self.0.clear();
    }

    fn is_new(&mut self, reason: &str) -> bool {
        let is_new = self.0.len() < MAX_REASONS && !self.0.iter().any(|known| known == reason);
        if is_new {
            self.0.push(reason.to_owned());
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_new_once_until_all_is_well() {
        let mut complaint = Complaint::default();
        let new: Vec<bool> = ["a", "b", "a", "b", "a"].map(|reason| complaint.is_new(reason)).into();
        assert_eq!(new, [true, true, false, false, false]);
        complaint.is_over();
        assert!(complaint.is_new("a"));
        assert!((0..100).filter(|n| complaint.is_new(&n.to_string())).count() < MAX_REASONS);
    }
}
