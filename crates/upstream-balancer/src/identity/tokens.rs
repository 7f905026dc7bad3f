//! When to authenticate: a pure machine.

use std::time::Duration;

use tokio::time::Instant;
use tonic::{Code, Status};

use super::Token;

/// etcd forgets a simple token five minutes after its last use, unless it was told otherwise.
const MAX_IDLE: Duration = Duration::from_secs(240);
/// Wrong credentials are tried again after so long, then after twice as long, and so on. etcd's answer costs it the
/// better part of a second of CPU.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(60);
/// A cluster that cannot be reached is expected back at any moment.
const UNREACHED_BACKOFF: Duration = Duration::from_millis(500);

/// What is known of the token.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    held: Held,
    failure: Option<Failure>,
}

#[derive(Debug, Default)]
enum Held {
    /// Nobody knows whether one is needed, or a new one is.
    #[default]
    Nothing,
    /// etcd has no authentication.
    NothingNeeded,
    Token {
        token: Token,
        used: Instant,
    },
}

#[derive(Debug)]
struct Failure {
    status: Status,
    until: Instant,
    backoff: Duration,
}

/// What to do before a request.
#[derive(Debug)]
pub(super) enum Next {
    /// Send it with this token, or without any.
    Go(Option<Token>),
    /// The last authentication failed for this reason, and it is too early for another.
    Refuse(Status),
    /// Authenticate first.
    Authenticate,
}

impl Tokens {
    pub(super) fn next(&mut self, now: Instant) -> Next {
        match &mut self.held {
            Held::Token { token, used } if now.duration_since(*used) < MAX_IDLE => {
                *used = now;
                Next::Go(Some(token.clone()))
            }
            Held::NothingNeeded => Next::Go(None),
            Held::Token { .. } | Held::Nothing => match &self.failure {
                Some(failure) if now < failure.until => Next::Refuse(failure.status.clone()),
                _ => Next::Authenticate,
            },
        }
    }

    /// The token, if there is one that etcd still knows.
    pub(super) fn held(&mut self, now: Instant) -> Option<Token> {
        match &self.held {
            Held::Token { .. } => match self.next(now) {
                Next::Go(token) => token,
                Next::Refuse(_) | Next::Authenticate => None,
            },
            Held::Nothing | Held::NothingNeeded => None,
        }
    }

    /// What was sent was refused. Nothing follows where it is no longer what would be sent now.
    pub(super) fn refused(&mut self, sent: Option<&Token>) {
        let is_held = match &self.held {
            Held::Token { token, .. } => sent == Some(token),
            Held::NothingNeeded => sent.is_none(),
            Held::Nothing => false,
        };
        if is_held {
            self.held = Held::Nothing;
        }
    }

    /// An authentication has ended: with a token, without one where none is needed, or not at all.
    pub(super) fn obtained(&mut self, now: Instant, obtained: Result<Option<Token>, Status>) {
        match obtained {
            Ok(token) => {
                self.held = token.map_or(Held::NothingNeeded, |token| Held::Token { token, used: now });
                self.failure = None;
            }
            Err(status) => {
                let is_unreached = matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded);
                let before = self.failure.as_ref().map(|failure| failure.backoff);
                let backoff = match before {
                    _ if is_unreached => UNREACHED_BACKOFF,
                    Some(before) => (before * 2).clamp(FIRST_BACKOFF, MAX_BACKOFF),
                    None => FIRST_BACKOFF,
                };
                self.failure = Some(Failure { status, until: now + backoff, backoff });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &'static str) -> Token {
        Token::from_static(text)
    }

    fn sent(tokens: &mut Tokens, now: Instant) -> Option<Token> {
        match tokens.next(now) {
            Next::Go(token) => token,
            other => panic!("{other:?}"),
        }
    }

    fn with(text: &'static str, now: Instant) -> Tokens {
        let mut tokens = Tokens::default();
        assert!(matches!(tokens.next(now), Next::Authenticate));
        tokens.obtained(now, Ok(Some(token(text))));
        tokens
    }

    #[test]
    fn a_token_is_used_until_it_was_idle_for_so_long_that_etcd_may_have_forgotten_it() {
        let mut now = Instant::now();
        let mut tokens = with("a", now);
        for _ in 0..10 {
            now += MAX_IDLE - Duration::from_secs(1);
            assert_eq!(sent(&mut tokens, now), Some(token("a")));
        }
        now += MAX_IDLE;
        assert_eq!(tokens.held(now), None);
        assert!(matches!(tokens.next(now), Next::Authenticate));
    }

    #[test]
    fn a_refused_token_is_replaced_and_a_late_refusal_of_the_last_one_is_passed_over() {
        let now = Instant::now();
        let mut tokens = with("a", now);
        tokens.refused(Some(&token("a")));
        assert!(matches!(tokens.next(now), Next::Authenticate));
        tokens.obtained(now, Ok(Some(token("b"))));
        tokens.refused(Some(&token("a")));
        tokens.refused(None);
        assert_eq!(sent(&mut tokens, now), Some(token("b")));
    }

    #[test]
    fn where_no_token_is_needed_none_is_asked_for_until_one_is_wanted() {
        let now = Instant::now();
        let mut tokens = Tokens::default();
        tokens.obtained(now, Ok(None));
        assert_eq!(sent(&mut tokens, now), None);
        tokens.refused(Some(&token("a")));
        assert_eq!(sent(&mut tokens, now), None);
        tokens.refused(None);
        assert!(matches!(tokens.next(now), Next::Authenticate));
    }

    #[test]
    fn wrong_credentials_are_tried_ever_more_rarely() {
        let mut now = Instant::now();
        let mut tokens = Tokens::default();
        let wrong =
            || Status::invalid_argument("etcdserver: authentication failed, invalid user ID or password");
        let mut pauses = Vec::new();
        for _ in 0..8 {
            tokens.obtained(now, Err(wrong()));
            let failed = now;
            while let Next::Refuse(status) = tokens.next(now) {
                assert_eq!(status.message(), wrong().message());
                now += Duration::from_millis(500);
            }
            pauses.push(now.duration_since(failed).as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        tokens.obtained(now, Ok(Some(token("a"))));
        assert_eq!(sent(&mut tokens, now), Some(token("a")));
    }

    #[test]
    fn a_cluster_that_is_away_is_asked_soon_again() {
        let now = Instant::now();
        let mut tokens = Tokens::default();
        for _ in 0..10 {
            tokens.obtained(now, Err(Status::unavailable("gone")));
            assert!(matches!(tokens.next(now), Next::Refuse(_)));
            assert!(matches!(tokens.next(now + UNREACHED_BACKOFF), Next::Authenticate));
        }
    }
}
