//! What everything that takes part in a measurement has used, at one moment and between two.

use std::time::{Duration, Instant};

use crate::Result;
use crate::process::CpuTime;
use crate::target::Target;

/// CPU times at one moment.
pub(crate) struct Usage {
    at: Instant,
    proxy: Option<CpuTime>,
    etcd: CpuTime,
    load: CpuTime,
}

/// What was used between two moments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    pub(crate) elapsed: Duration,
    pub(crate) proxy: Option<Duration>,
    pub(crate) etcd: Duration,
    /// The generator's own.
    pub(crate) load: Duration,
}

impl Usage {
    pub(crate) fn now(target: &Target) -> Result<Self> {
        Ok(Self {
            at: Instant::now(),
            proxy: target.proxy.map(CpuTime::of).transpose()?,
            etcd: CpuTime::of(target.etcd)?,
            load: CpuTime::of(std::process::id())?,
        })
    }

    pub(crate) fn since(&self, earlier: &Self) -> Spent {
        let proxy = self.proxy.as_ref().zip(earlier.proxy.as_ref());
        Spent {
            elapsed: self.at - earlier.at,
            proxy: proxy.map(|(now, before)| now.since(before)),
            etcd: self.etcd.since(&earlier.etcd),
            load: self.load.since(&earlier.load),
        }
    }
}
