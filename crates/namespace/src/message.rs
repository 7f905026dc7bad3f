//! What a message has to do with keys: those in a request enter the namespace, those in a response leave it.

use crate::prefix::Prefix;

/// A request that names keys.
pub trait Enter {
    /// Puts every key and every range under the prefix.
    fn enter(&mut self, prefix: &Prefix);
}

/// A response that shows keys.
pub trait Leave {
    /// Takes the prefix off every key, and takes out what does not have it.
    fn leave(&mut self, prefix: &Prefix);
}

impl<T: Enter> Enter for Option<T> {
    fn enter(&mut self, prefix: &Prefix) {
        if let Some(message) = self {
            message.enter(prefix);
        }
    }
}

/// An item of a stream of requests.
impl<T: Enter, E> Enter for Result<T, E> {
    fn enter(&mut self, prefix: &Prefix) {
        if let Ok(message) = self {
            message.enter(prefix);
        }
    }
}

impl<T: Leave> Leave for Option<T> {
    fn leave(&mut self, prefix: &Prefix) {
        if let Some(message) = self {
            message.leave(prefix);
        }
    }
}
