//! The numbers of the process by name: those that are pushed by handles, and those that are read when asked for.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::{Counter, Gauge, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use crate::histogram::{Buckets, Histogram};
use crate::samples::{Samples, push_head};

/// What a number is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    #[default]
    Gauge,
    /// Observations by their size.
    Histogram,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        })
    }
}

/// What is known of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// The names of its labels, in order.
    pub labels: Vec<String>,
    /// What it counts.
    pub help: String,
}

type Read = Box<dyn Fn(&mut Samples<'_>) + Send + Sync>;

/// All names. It is a recorder of the `metrics` facade, so that whoever counts needs only the facade; who has atomics
/// of his own registers how to read them. A name is either pushed or read.
#[derive(Default)]
pub struct Registry(Mutex<BTreeMap<String, Family>>);

#[derive(Default)]
struct Family {
    kind: Kind,
    help: String,
    labels: &'static [&'static str],
    read: Option<Read>,
    /// By their labels as they are written, which are in the order of their names.
    pushed: BTreeMap<Vec<(String, String)>, Value>,
}

#[derive(Clone)]
enum Value {
    Counter(Arc<AtomicU64>),
    /// The bits of a floating-point number.
    Gauge(Arc<AtomicU64>),
    Histogram(Arc<Histogram>),
}

impl Registry {
    /// A counter without labels that is read from somewhere.
    pub fn counter(&self, name: &str, help: &str, read: impl Fn() -> u64 + Send + Sync + 'static) {
        self.read(name, Kind::Counter, help, &[], move |samples| samples.push(&[], read() as f64));
    }

    /// A gauge without labels that is read from somewhere.
    pub fn gauge(&self, name: &str, help: &str, read: impl Fn() -> f64 + Send + Sync + 'static) {
        self.read(name, Kind::Gauge, help, &[], move |samples| samples.push(&[], read()));
    }

    /// A name whose samples are written by `read` whenever somebody asks. The labels are in alphabetical order, as
    /// Go's library writes them.
    pub fn read(
        &self,
        name: &str,
        kind: Kind,
        help: &str,
        labels: &'static [&'static str],
        read: impl Fn(&mut Samples<'_>) + Send + Sync + 'static,
    ) {
        let mut families = self.families();
        let family = families.entry(name.to_owned()).or_default();
        (family.kind, family.help, family.labels) = (kind, help.to_owned(), labels);
        family.read = Some(Box::new(read));
    }

    /// The page, in the order of the names.
    pub fn render(&self) -> String {
        let mut page = String::new();
        for (name, family) in &*self.families() {
            push_head(&mut page, name, &family.kind.to_string(), &family.help);
            family.render(&mut page, name);
        }
        page
    }

    /// What is known of every name, in order.
    pub fn rows(&self) -> Vec<Row> {
        let families = self.families();
        let row = |(name, family): (&String, &Family)| Row {
            name: name.clone(),
            kind: family.kind,
            labels: family.label_names(),
            help: family.help.clone(),
        };
        families.iter().map(row).collect()
    }

    fn describe(&self, name: &KeyName, kind: Kind, help: SharedString) {
        let mut families = self.families();
        let family = families.entry(name.as_str().to_owned()).or_default();
        (family.kind, family.help) = (kind, help.into_owned());
    }

    /// The value behind a key; what is there already under another kind is replaced.
    fn push<T>(
        &self,
        key: &Key,
        kind: Kind,
        fresh: impl Fn(Arc<T>) -> Value,
        known: impl Fn(&Value) -> Option<Arc<T>>,
    ) -> Arc<T>
    where
        T: Default,
    {
        let mut labels: Vec<(String, String)> =
            key.labels().map(|label| (label.key().to_owned(), label.value().to_owned())).collect();
        labels.sort();
        let mut families = self.families();
        let family = families.entry(key.name().to_owned()).or_default();
        family.kind = kind;
        if let Some(value) = family.pushed.get(&labels).and_then(known) {
            return value;
        }
        let value = Arc::default();
        family.pushed.insert(labels, fresh(Arc::clone(&value)));
        value
    }

    /// Every change is one statement, so what a panicking thread left is whole.
    fn families(&self) -> MutexGuard<'_, BTreeMap<String, Family>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Family {
    fn render(&self, page: &mut String, name: &str) {
        if let Some(read) = &self.read {
            read(&mut Samples::new(page, name, self.labels));
        }
        for (labels, value) in &self.pushed {
            let values: Vec<&str> = labels.iter().map(|(_, value)| value.as_str()).collect();
            let names: Vec<&str> = labels.iter().map(|(name, _)| name.as_str()).collect();
            value.render(&mut Samples::new(page, name, &names), &values);
        }
    }

    fn label_names(&self) -> Vec<String> {
        let read = self.labels.iter().map(|name| (*name).to_owned());
        let pushed = self.pushed.keys().next().into_iter().flatten().map(|(name, _)| name.clone());
        read.chain(pushed).collect()
    }
}

impl Value {
    fn render(&self, samples: &mut Samples<'_>, labels: &[&str]) {
        match self {
            Self::Counter(count) => samples.push(labels, count.load(Ordering::Relaxed) as f64),
            Self::Gauge(bits) => samples.push(labels, f64::from_bits(bits.load(Ordering::Relaxed))),
            Self::Histogram(histogram) => {
                let mut buckets = Buckets::default();
                histogram.add_to(&mut buckets);
                samples.push_histogram(labels, &buckets);
            }
        }
    }
}

impl Recorder for Registry {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, help: SharedString) {
        self.describe(&name, Kind::Counter, help);
    }

    fn describe_gauge(&self, name: KeyName, _: Option<Unit>, help: SharedString) {
        self.describe(&name, Kind::Gauge, help);
    }

    fn describe_histogram(&self, name: KeyName, _: Option<Unit>, help: SharedString) {
        self.describe(&name, Kind::Histogram, help);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let known = |value: &Value| match value {
            Value::Counter(count) => Some(Arc::clone(count)),
            _ => None,
        };
        Counter::from_arc(self.push(key, Kind::Counter, Value::Counter, known))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        let known = |value: &Value| match value {
            Value::Gauge(bits) => Some(Arc::clone(bits)),
            _ => None,
        };
        Gauge::from_arc(self.push(key, Kind::Gauge, Value::Gauge, known))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> metrics::Histogram {
        let known = |value: &Value| match value {
            Value::Histogram(histogram) => Some(Arc::clone(histogram)),
            _ => None,
        };
        metrics::Histogram::from_arc(self.push(key, Kind::Histogram, Value::Histogram, known))
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.families().keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use metrics::{counter, describe_counter, gauge, histogram, with_local_recorder};

    use super::*;

    #[test]
    fn the_facade_pushes() {
        let registry = Registry::default();
        with_local_recorder(&registry, || {
            describe_counter!("calls_total", "Calls.");
            counter!("calls_total", "method" => "Put", "code" => "OK").increment(2);
            counter!("calls_total", "method" => "Put", "code" => "OK").increment(1);
            counter!("calls_total", "method" => "Get", "code" => "OK").absolute(7);
            gauge!("temperature").set(-1.5);
            histogram!("seconds").record(0.2);
        });
        let page = registry.render();
        let calls = "# HELP calls_total Calls.\n# TYPE calls_total counter\n\
            calls_total{code=\"OK\",method=\"Get\"} 7\ncalls_total{code=\"OK\",method=\"Put\"} 3\n";
        assert!(page.starts_with(calls), "{page}");
        assert!(page.contains("# TYPE temperature gauge\ntemperature -1.5\n"), "{page}");
        assert!(page.contains("seconds_bucket{le=\"0.1\"} 0\nseconds_bucket{le=\"0.25\"} 1\n"), "{page}");
        assert!(page.contains("seconds_bucket{le=\"+Inf\"} 1\nseconds_sum 0.2\nseconds_count 1\n"), "{page}");
    }

    #[test]
    fn what_is_registered_is_read_when_asked_for() {
        let registry = Registry::default();
        let source = Arc::new(AtomicU64::new(1));
        let read = Arc::clone(&source);
        registry.counter("reads_total", "Reads.", move || read.load(Ordering::Relaxed));
        registry.read("up", Kind::Gauge, "Members.", &["endpoint"], |samples| {
            samples.push(&["a:1"], 1.0);
            samples.push(&["b:1"], 0.0);
        });
        source.store(5, Ordering::Relaxed);
        let page = "# HELP reads_total Reads.\n# TYPE reads_total counter\nreads_total 5\n\
            # HELP up Members.\n# TYPE up gauge\nup{endpoint=\"a:1\"} 1\nup{endpoint=\"b:1\"} 0\n";
        assert_eq!(registry.render(), page);
    }

    #[test]
    fn rows_tell_names_kinds_and_labels() {
        let registry = Registry::default();
        registry.read("up", Kind::Gauge, "Members.", &["endpoint"], |_| {});
        with_local_recorder(&registry, || counter!("calls_total", "b" => "2", "a" => "1").increment(1));
        let rows: Vec<(String, Kind, Vec<String>)> =
            registry.rows().into_iter().map(|row| (row.name, row.kind, row.labels)).collect();
        let labels = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            rows,
            [
                ("calls_total".into(), Kind::Counter, labels(&["a", "b"])),
                ("up".into(), Kind::Gauge, labels(&["endpoint"]))
            ]
        );
    }
}
