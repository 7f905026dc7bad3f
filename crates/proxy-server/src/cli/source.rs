//! The configuration when it is read again: what has changed, and what of that can take effect.

use super::{
    Environment, Refusal, config,
    invocation::Line,
    layers::{self, Given, Layered},
};
use crate::config::Config;

/// The flags whose values can change while the proxy runs. The rest needs a restart.
pub(super) const RELOADABLE: [&str; 6] =
    ["debug", "drain-delay", "drain-timeout", "endpoints", "log-level", "read-only"];

/// Where the configuration has come from, and the values that are in force.
#[derive(Debug)]
pub(crate) struct Source {
    line: Line,
    environment: Environment,
    in_force: Values,
}

type Values = Vec<(&'static str, Given)>;

/// The configuration as it is by now.
#[derive(Debug)]
pub(crate) struct Again {
    pub(crate) config: Box<Config>,
    /// The flags that have other values than those in force, and can have them at once.
    pub(crate) changed: Vec<&'static str>,
    /// The flags that have other values and need a restart for them.
    pub(crate) later: Vec<&'static str>,
    values: Values,
}

impl Source {
    pub(super) fn new(line: Line, environment: Environment, layered: &Layered) -> Self {
        Self { line, environment, in_force: values(layered) }
    }

    /// Reads everything again. The command line and the environment are those of the start: only files can have changed.
    ///
    /// # Errors
    /// All that is wrong.
    pub(crate) fn again(&self) -> Result<Again, Refusal> {
        let layered = layers::layer(&self.line.arguments, &self.line.typed, &self.environment);
        let config = config(&self.line, &layered, &self.environment)?;
        let values = values(&layered);
        let others = values.iter().filter(|value| !self.in_force.contains(value));
        let (changed, later) = others.map(|(name, _)| *name).partition(|name| RELOADABLE.contains(name));
        Ok(Again { config, changed, later, values })
    }

    /// From now on these flags have the values that `again` has for them.
    pub(crate) fn keep(&mut self, again: &Again, flags: &[&'static str]) {
        for (name, given) in again.values.iter().filter(|(name, _)| flags.contains(name)) {
            if let Some(old) = self.in_force.iter_mut().find(|(old, _)| old == name) {
                old.1 = given.clone();
            }
        }
    }
}

fn values(layered: &Layered) -> Values {
    layered.values().map(|(flag, given, _)| (flag.name, given)).collect()
}
