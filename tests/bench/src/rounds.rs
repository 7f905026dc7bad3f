//! Interleaving: every round measures every workload on every system, in an order that turns, so that no system always
//! comes first and a slow spell of the machine meets all of them.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::Result;
use crate::arguments::Run;
use crate::statistics::{figure, median, range};
use crate::suite::{Figures, Metric, Suite, Workload};
use crate::target::{System, Systems, Target};

/// All that was measured of one workload.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) workload: Workload,
    pub(crate) rounds: Vec<Round>,
}

pub(crate) type Round = BTreeMap<System, Figures>;

impl Row {
    /// One figure of one system, round by round.
    pub(crate) fn values(&self, system: System, metric: &str) -> Vec<f64> {
        self.rounds.iter().filter_map(|round| value(round, system, metric)).collect()
    }

    pub(crate) fn median(&self, system: System, metric: &str) -> Option<f64> {
        median(&self.values(system, metric))
    }

    pub(crate) fn range(&self, system: System, metric: &str) -> Option<(f64, f64)> {
        range(&self.values(system, metric))
    }

    /// This proxy's figure over that of `against`, both of the same round, round by round.
    pub(crate) fn ratios(&self, metric: &str, against: System) -> Vec<f64> {
        let of_round = |round| {
            let base = value(round, against, metric).filter(|base| *base > 0.0)?;
            Some(value(round, System::Ours, metric)? / base)
        };
        self.rounds.iter().filter_map(of_round).collect()
    }

    /// The median of the rounds' ratios, not the ratio of medians: what slows one round slows both of its sides.
    pub(crate) fn ratio(&self, metric: &str, against: System) -> Option<f64> {
        median(&self.ratios(metric, against))
    }
}

fn value(round: &Round, system: System, metric: &str) -> Option<f64> {
    round.get(&system)?.get(metric).copied()
}

/// What is about to happen and how long it takes.
pub(crate) fn announcement(suite: &impl Suite, workloads: &[Workload], run: &Run) -> String {
    let round: f64 = workloads.iter().map(|workload| suite.length(workload, run.pace).as_secs_f64()).sum();
    let length = round * (run.rounds * System::all().len()) as f64;
    format!(
        "suite {}: {} workloads on {} systems, {} rounds: about {} minutes",
        suite.name(),
        workloads.len(),
        System::all().len(),
        run.rounds,
        figure(length / 60.0)
    )
}

pub(crate) async fn run<S: Suite>(suite: &S, workloads: &[Workload], run: &Run) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> =
        workloads.iter().map(|workload| Row { workload: workload.clone(), rounds: Vec::new() }).collect();
    let systems = if suite.fresh() { None } else { Some(started(suite, run, System::all()).await?) };
    for round in 0..run.rounds {
        if let Some(systems) = &systems {
            suite.before_round(systems.etcd()).await?;
        }
        for (place, row) in rows.iter_mut().enumerate() {
            let measured = one_round(suite, &row.workload, systems.as_ref(), run, round + place).await?;
            eprintln!("{}", progress(suite, round + 1, run.rounds, &row.workload, &measured));
            row.rounds.push(measured);
        }
    }
    Ok(rows)
}

async fn started<S: Suite>(suite: &S, run: &Run, which: &[System]) -> Result<Systems> {
    let systems = Systems::start(run, which, suite.proxy_flags()).await?;
    suite.prepare(systems.etcd()).await?;
    Ok(systems)
}

/// On `systems`, or, where there are none, on ones that were started for this measurement and nothing else.
async fn one_round<S: Suite>(
    suite: &S,
    workload: &Workload,
    systems: Option<&Systems>,
    run: &Run,
    turn: usize,
) -> Result<Round> {
    let mut round = Round::new();
    for system in turned(System::all(), turn) {
        let figures = match systems {
            Some(systems) => measured(suite, workload, &systems.target(system), run).await?,
            None => {
                let fresh = started(suite, run, &[system]).await?;
                measured(suite, workload, &fresh.target(system), run).await?
            }
        };
        round.insert(system, figures);
        // Lets what the last load left behind (closing connections, collecting garbage) end outside the next one.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(round)
}

async fn measured(suite: &impl Suite, workload: &Workload, target: &Target, run: &Run) -> Result<Figures> {
    let named = |error| format!("{} on {}: {error}", workload.name, target.system.title()).into();
    suite.measure(workload, target, run.pace).await.map_err(named)
}

/// The same things in another order every turn; six turns of three things go through all their orders, so that none
/// always comes after the same other one.
fn turned<T: Copy>(things: &[T], turn: usize) -> Vec<T> {
    let mut things = things.to_vec();
    let by = turn.checked_rem(things.len()).unwrap_or(0);
    things.rotate_left(by);
    if !turn.is_multiple_of(2) {
        things.reverse();
    }
    things
}

/// The suite's first figure that the workload has, of every system, on one line.
fn progress(
    suite: &impl Suite,
    round: usize,
    rounds: usize,
    workload: &Workload,
    measured: &Round,
) -> String {
    let mut line = format!("round {round}/{rounds}  {:<16}", workload.name);
    let had = |metric: &&Metric| measured.values().any(|figures| figures.contains_key(metric.key));
    let Some(metric) = suite.metrics().iter().find(had) else { return line };
    for (system, figures) in measured {
        if let Some(value) = figures.get(metric.key) {
            line.push_str(&format!("  {} {} {}", system.title(), figure(*value), metric.unit));
        }
    }
    line
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A row with one figure, `calls`, from (direct, theirs, ours) of each round.
    pub(crate) fn row(name: &str, rounds: &[(f64, f64, f64)]) -> Row {
        let round = |(direct, theirs, ours): &(f64, f64, f64)| {
            System::all()
                .iter()
                .copied()
                .zip([direct, theirs, ours])
                .map(|(system, value)| (system, Figures::from([("calls", *value)])))
                .collect()
        };
        Row { workload: Workload { name: name.to_owned() }, rounds: rounds.iter().map(round).collect() }
    }

    #[test]
    fn ratios_pair_the_figures_of_one_round() {
        // The third round ran at half the speed; the ratio of medians would be 11/20.
        let row = row("x@1", &[(0.0, 20.0, 10.0), (0.0, 22.0, 11.0), (0.0, 10.0, 30.0)]);
        assert_eq!(row.ratio("calls", System::Theirs), Some(0.5));
        assert_eq!(row.median(System::Theirs, "calls"), Some(20.0));
        assert_eq!(row.range(System::Ours, "calls"), Some((10.0, 30.0)));
    }

    #[test]
    fn a_ratio_to_nothing_is_no_ratio() {
        let row = row("x@1", &[(0.0, 0.0, 1.0)]);
        assert_eq!(row.ratio("calls", System::Theirs), None);
        assert_eq!(row.ratio("unknown", System::Direct), None);
    }

    #[test]
    fn six_turns_are_the_six_orders_of_three() {
        let orders: BTreeSet<Vec<u8>> = (0..6).map(|turn| turned(&[1, 2, 3], turn)).collect();
        assert_eq!(orders.len(), 6);
        assert_eq!(turned(&[1, 2, 3], 0), [1, 2, 3]);
        assert_eq!(turned(&[1, 2, 3], 6), [1, 2, 3]);
    }
}
