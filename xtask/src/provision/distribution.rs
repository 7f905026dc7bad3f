//! The distribution's own programs, unpacked under `target/` from Debian packages without being root.
//!
//! Debian 12 has 3.4, the oldest version that the proxy supports. Nothing is installed: apt is told to keep its
//! lists, cache and downloads under `target/apt`, and the machine's state is only read.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use super::{Etcd, make_whole};
use crate::Outcome;
use crate::command::{answer, run_quietly};
use crate::console::say;
use crate::workspace::{at, emptied, target};

const PACKAGES: [&str; 2] = ["etcd-server", "etcd-client"];

/// From `target/etcd/distribution`, where it is unpacked once.
pub(super) fn etcd() -> Outcome<Etcd> {
    let folder = target().join("etcd/distribution");
    let programs = folder.join("usr/bin");
    if let Ok(etcd) = Etcd::in_folder(&programs) {
        say(&format!("etcd {}: the distribution's, unpacked earlier", etcd.version));
        return Ok(etcd);
    }
    fetch(&PACKAGES, &folder)?;
    let etcd = Etcd::in_folder(&programs)?;
    say(&format!("etcd {}: the distribution's, unpacked in {}", etcd.version, folder.display()));
    Ok(etcd)
}

/// What starts a program from packages that are unpacked once under `target/packages`.
pub(super) fn program(name: &str, packages: &[&str]) -> Outcome<PathBuf> {
    let folder = target().join("packages").join(name);
    let find = || {
        let places = ["usr/bin", "usr/sbin"].map(|place| folder.join(place).join(name));
        places.into_iter().find(|program| program.is_file())
    };
    if find().is_none() {
        fs::create_dir_all(target().join("packages")).map_err(at(&folder))?;
        fetch(packages, &folder)?;
    }
    let program = find().ok_or_else(|| format!("there is no {} in {}", name, folder.display()))?;
    starter(&program, &folder).map_err(at(&folder))
}

/// Beside the folder, a script that starts the program with the libraries that were unpacked with it.
fn starter(program: &Path, folder: &Path) -> io::Result<PathBuf> {
    let libraries = fs::read_dir(folder.join("usr/lib")).into_iter().flatten().flatten();
    let libraries: Vec<String> = libraries
        .map(|entry| entry.path().display().to_string())
        .filter(|path| path.ends_with("-linux-gnu"))
        .collect();
    let script = format!(
        "#!/bin/sh\nexport LD_LIBRARY_PATH='{}'\nexec '{}' \"$@\"\n",
        libraries.join(":"),
        program.display()
    );
    let path = folder.with_extension("sh");
    let fresh = folder.with_extension("sh.fresh");
    fs::write(&fresh, script)?;
    fs::set_permissions(&fresh, fs::Permissions::from_mode(0o755))?;
    fs::rename(fresh, &path)?;
    Ok(path)
}

fn fetch(packages: &[&str], folder: &Path) -> Outcome {
    for program in ["apt-get", "dpkg-deb"] {
        if answer(Command::new(program).arg("--version")).is_none() {
            return Err(format!("there is no {program} to get the distribution's packages with"));
        }
    }
    say(&format!("getting the distribution's packages {} (nothing is installed)", packages.join(", ")));
    let files = download(packages)?;
    make_whole(folder, |partial| unpack(&files, partial))
}

/// With the machine's package lists if they serve, else with lists of our own.
fn download(packages: &[&str]) -> Outcome<Vec<PathBuf>> {
    let apt = Apt::prepare(target().join("apt"))?;
    if apt.download(Lists::Machine, packages).is_err() {
        say("this machine's package lists are empty or out of date; fetching our own (a minute)");
        apt.update();
        apt.download(Lists::Own, packages)
            .map_err(|error| format!("the packages cannot be downloaded: {error}"))?;
    }
    apt.downloaded()
}

fn unpack(packages: &[PathBuf], folder: &Path) -> Outcome {
    for package in packages {
        let mut dpkg = Command::new("dpkg-deb");
        dpkg.arg("--extract").arg(package).arg(folder);
        run_quietly(&mut dpkg, &target().join("apt/unpack.log"))?;
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Lists {
    Machine,
    Own,
}

/// apt with a state of its own.
struct Apt {
    folder: PathBuf,
}

impl Apt {
    fn prepare(folder: PathBuf) -> Outcome<Self> {
        for needed in ["lists/partial", "cache/archives/partial"] {
            let needed = folder.join(needed);
            fs::create_dir_all(&needed).map_err(at(&needed))?;
        }
        for (lists, name) in [(Lists::Machine, "machine.conf"), (Lists::Own, "own.conf")] {
            let file = folder.join(name);
            fs::write(&file, configuration(&folder, lists)).map_err(at(&file))?;
        }
        Ok(Self { folder })
    }

    /// One unreachable source among several is no reason to give up, so the download is what decides.
    fn update(&self) {
        let mut apt = self.apt_get(Lists::Own);
        apt.arg("update");
        if let Err(error) = run_quietly(&mut apt, &self.folder.join("update.log")) {
            say(&format!("going on although {error}"));
        }
    }

    /// Into an empty folder: what an attempt that failed has left may be of other versions.
    fn download(&self, lists: Lists, packages: &[&str]) -> Outcome {
        emptied(&self.folder.join("packages"))?;
        let mut apt = self.apt_get(lists);
        apt.arg("download").args(packages);
        run_quietly(&mut apt, &self.folder.join("download.log"))
    }

    /// `apt-get download` leaves its files in the folder it runs in.
    fn apt_get(&self, lists: Lists) -> Command {
        let configuration = match lists {
            Lists::Machine => "machine.conf",
            Lists::Own => "own.conf",
        };
        let mut command = Command::new("apt-get");
        command.arg("-c").arg(self.folder.join(configuration)).current_dir(self.folder.join("packages"));
        command
    }

    fn downloaded(&self) -> Outcome<Vec<PathBuf>> {
        let folder = self.folder.join("packages");
        let entries = fs::read_dir(&folder).map_err(at(&folder))?;
        let files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        Ok(files.into_iter().filter(|path| path.extension().is_some_and(|kind| kind == "deb")).collect())
    }
}

/// Read by apt after the machine's own settings. No translations: nobody reads descriptions here. The sandbox user of a root apt may not enter a checkout, and the
/// machine's hooks after an update are about its own lists.
fn configuration(folder: &Path, lists: Lists) -> String {
    let folder = folder.display();
    let mut text = format!(
        "Dir::Cache \"{folder}/cache\";\nAPT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\n\
         #clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n"
    );
    if matches!(lists, Lists::Own) {
        text.push_str(&format!("Dir::State::Lists \"{folder}/lists\";\n"));
    }
    text
}
