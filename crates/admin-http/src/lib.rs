//! The pages by which operators, orchestrators and Prometheus look at a server: health, readiness, metrics.
//!
//! ```text
//!  a server's own connection ─┐                       ┌─▶ Health, Readiness ─▶ Check ─┐
//!                             ├─▶ Admin ══queue══▶ Worker ─▶ FetchedPage ─────────────┼─▶ Flight ─▶ the work
//!  Admin::serve_connection ───┘                       └─▶ MetricsPage ─▶ Registry ────┘
//! ```
//!
//! What holds:
//! - [`Admin`] only asks; the [`Worker`] answers, on the runtime that runs it. A page that is slow or large delays
//!   no thread but that one.
//! - What many ask at the same time is done once: a storm of scrapes costs what one scrape costs, and whatever lies
//!   behind a page is asked at a bounded rate.
//! - The [`Registry`] keeps numbers, never samples. Its memory depends on the names and labels in it, not on traffic.
//! - Bodies, codes and formats are etcd's: `/health`, `/livez` and `/readyz` with `?verbose` and `?exclude=`.
//!
//! What this room refuses: it knows nothing of etcd's API, of flags or of what is healthy; it is told.
//!
//! Read in this order: `answer`, `page`, `admin` (who asks, who answers); `flight`, `check`, `health`, `readiness`,
//! `fetched`; then `registry`, `samples`, `histogram`, `process` (the numbers).

mod admin;
mod answer;
mod check;
mod connection;
mod fetched;
mod flight;
mod health;
mod histogram;
mod metrics_page;
mod page;
mod process;
mod readiness;
mod registry;
mod samples;
mod status;

pub use admin::{Admin, Worker};
pub use answer::{Answer, AnswerBody};
pub use check::Check;
pub use fetched::{Fetched, FetchedPage};
pub use health::Health;
pub use histogram::{Buckets, Histogram};
pub use metrics_page::MetricsPage;
pub use page::{Page, Pages, Question};
pub use process::{cpu_seconds, register_process, resident_bytes};
pub use readiness::Readiness;
pub use registry::{Kind, Registry, Row};
pub use samples::Samples;
pub use status::{
    Cell, Column, Fact, Report, Sampler, Section, StatusPage, Table, Tone, Trails, Trend, Unit,
};
