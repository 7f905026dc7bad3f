//! How the next bytes of a direction get across: copied, or through a pipe that stays in the kernel.

/// Chunks that came full one after the other before the rest goes through a pipe.
const FULL: u8 = 2;
/// Less than this through a pipe costs more than a copy.
pub(crate) const LITTLE: usize = 8 * 1024;
/// Turns that moved little before the direction goes back to copying.
const SLACK: u8 = 4;

/// Decides by what came last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gait {
    /// Copies, and has just seen so many full chunks.
    Copy { full: u8 },
    /// Splices, and has just moved little so many times.
    Splice { little: u8 },
    /// Copies for good: there are no pipes here.
    Walk,
}

impl Gait {
    pub(crate) fn new(can_splice: bool) -> Self {
        if can_splice { Self::Copy { full: 0 } } else { Self::Walk }
    }

    pub(crate) fn splices(self) -> bool {
        matches!(self, Self::Splice { .. })
    }

    /// A chunk was read, full or not.
    #[must_use]
    pub(crate) fn copied(self, is_full: bool) -> Self {
        match self {
            Self::Copy { full } if is_full && full.saturating_add(1) >= FULL => Self::Splice { little: 0 },
            Self::Copy { full } if is_full => Self::Copy { full: full.saturating_add(1) },
            Self::Copy { .. } => Self::Copy { full: 0 },
            // There was no pipe to be had; the next turn asks again.
            other => other,
        }
    }

    /// So many bytes went through a pipe.
    #[must_use]
    pub(crate) fn spliced(self, bytes: usize) -> Self {
        match self {
            Self::Splice { .. } if bytes >= LITTLE => Self::Splice { little: 0 },
            Self::Splice { little } if little.saturating_add(1) >= SLACK => Self::Copy { full: 0 },
            Self::Splice { little } => Self::Splice { little: little.saturating_add(1) },
            other => other,
        }
    }

    /// The system does not splice these two.
    #[must_use]
    pub(crate) fn refused(self) -> Self {
        Self::Walk
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bulk_is_spliced_after_two_full_chunks() {
        let gait = Gait::new(true).copied(true);
        assert!(!gait.splices());
        assert!(gait.copied(true).splices());
        assert!(!gait.copied(false).copied(true).splices());
    }

    #[test]
    fn a_few_small_turns_are_forgiven() {
        let mut gait = Gait::Splice { little: 0 };
        for _ in 0..3 {
            gait = gait.spliced(LITTLE - 1);
        }
        assert!(gait.splices());
        assert_eq!(gait.spliced(LITTLE), Gait::Splice { little: 0 });
        assert_eq!(gait.spliced(LITTLE - 1), Gait::Copy { full: 0 });
    }

    #[test]
    fn want_of_a_pipe_changes_nothing() {
        let gait = Gait::Splice { little: 2 };
        assert_eq!(gait.copied(true), gait);
        assert_eq!(gait.copied(false), gait);
    }

    #[test]
    fn without_pipes_everything_is_copied_for_good() {
        assert!(!Gait::new(false).copied(true).copied(true).splices());
        assert!(!Gait::Splice { little: 0 }.refused().copied(true).copied(true).splices());
    }
}
