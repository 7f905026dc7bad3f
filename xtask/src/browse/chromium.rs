//! A Chromium without a window, found on this machine.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Outcome;
use crate::command::answer;
use crate::console::say;
use crate::workspace::at;

/// Names the browser to use.
const VARIABLE: &str = "CHROMIUM";
const NAMES: [&str; 4] = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"];
/// Milliseconds of the page's own clock that go by before it is read: a few refreshes.
const BUDGET: u32 = 9000;

/// A browser that runs.
#[derive(Debug)]
pub(super) struct Chromium(PathBuf);

/// How the page is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) name: &'static str,
    size: &'static str,
    is_dark: bool,
}

/// What became of the page.
#[derive(Debug)]
pub(super) struct Visited {
    pub(super) document: String,
    /// What the browser's console says.
    pub(super) complaints: Vec<String>,
}

impl Look {
    pub(super) const LIGHT: Self = Self { name: "light", size: "1280,1750", is_dark: false };
    pub(super) const DARK: Self = Self { name: "dark", size: "1280,1750", is_dark: true };
    pub(super) const NARROW: Self = Self { name: "narrow", size: "420,1750", is_dark: false };
}

impl Chromium {
    pub(super) fn find() -> Outcome<Self> {
        let named = env::var_os(VARIABLE).map(PathBuf::from);
        let candidates = named.into_iter().chain(NAMES.map(PathBuf::from));
        for candidate in candidates {
            if let Some(version) = answer(Command::new(&candidate).arg("--version")) {
                say(&format!("browse: {}", version.trim()));
                return Ok(Self(candidate));
            }
        }
        Err(format!(
            "there is no Chromium on this machine (looked for {}).\n\
             Install Debian's package chromium-headless-shell or chromium, or set {VARIABLE} to the program.",
            NAMES.join(", ")
        ))
    }

    /// The page after a while.
    pub(super) fn page(&self, url: &str) -> Outcome<Visited> {
        let mut command = self.command();
        command
            .args(["--dump-dom", "--enable-logging=stderr"])
            .arg(format!("--virtual-time-budget={BUDGET}"));
        let output = command.arg(url).output().map_err(at(&self.0))?;
        if !output.status.success() {
            return Err(format!("{} failed on {url}: {}", self.0.display(), output.status));
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let complaints = said.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect();
        Ok(Visited { document: String::from_utf8_lossy(&output.stdout).into_owned(), complaints })
    }

    pub(super) fn picture(&self, url: &str, look: Look, file: &Path) -> Outcome {
        let mut command = self.command();
        command.arg("--hide-scrollbars").arg(format!("--window-size={}", look.size));
        command.arg(format!("--screenshot={}", file.display()));
        if look.is_dark {
            command.arg("--blink-settings=preferredColorScheme=0");
        }
        let status = command.arg(url).stderr(Stdio::null()).status().map_err(at(&self.0))?;
        if status.success() && file.is_file() {
            Ok(())
        } else {
            Err(format!("{} made no picture of {url}: {status}", self.0.display()))
        }
    }

    /// The pages come from this machine: a sandbox, which root cannot have, would protect nobody.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.0);
        command.args(["--headless", "--no-sandbox", "--disable-gpu"]).stdin(Stdio::null());
        command
    }
}
