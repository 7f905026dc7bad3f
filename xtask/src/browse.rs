//! `cargo xtask browse`: the status page of a proxy under load, in a headless Chromium, as a person would see it.
//!
//! Without JavaScript everything has to be there; with it the page has to refresh itself, and the browser must have
//! nothing to complain of. `--write` keeps the pictures under `docs/status`.

mod chromium;
mod load;

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use self::chromium::{Chromium, Look};
use self::load::Load;
use crate::cargo::Profile;
use crate::console::say;
use crate::demo::cluster::{
    endpoints, free_address, members, start_member, start_proxy, wait_until_healthy, wait_until_serving,
};
use crate::demo::kept::Kept;
use crate::provision::{self, Etcd};
use crate::workspace::{at, emptied, root, target};
use crate::{Outcome, proxy};

const PATH: &str = "/proxy/status";
/// Long enough for lines with some shape.
const LOADED: Duration = Duration::from_secs(45);
/// Every section has one of these.
const HEADINGS: [&str; 8] = [
    "Members",
    "Watches",
    "Linearizable reads",
    "Serializable reads",
    "Leases",
    "Certificates",
    "Clients",
    "Configuration",
];

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let writes = match arguments {
        [] => false,
        [flag] if flag == "--write" => true,
        _ => return Err("usage: cargo xtask browse [--write]".to_owned()),
    };
    let chromium = Chromium::find()?;
    let etcd = provision::newest()?;
    let proxy = proxy::binary(Profile::Dev)?;
    let folder = target().join("browse");
    emptied(&folder)?;
    let pictures = if writes { root().join("docs/status") } else { folder.clone() };
    fs::create_dir_all(&pictures).map_err(at(&pictures))?;
    visit(&chromium, &etcd, &proxy, &folder, &pictures)?;
    say(&format!("browse: the page is as it should be; pictures are in {}", pictures.display()));
    Ok(())
}

fn visit(chromium: &Chromium, etcd: &Etcd, proxy: &Path, folder: &Path, pictures: &Path) -> Outcome {
    let members = members()?;
    say(&format!("browse: starting three members of etcd {} and a proxy", etcd.version));
    let mut servers = Vec::new();
    for member in members {
        servers.push(start_member(etcd, member, &members, folder)?);
    }
    wait_until_healthy(etcd, &members, folder, || servers.iter_mut().try_for_each(Kept::check))?;
    let (address, pages) = (free_address()?, free_address()?);
    let flags = [format!("--metrics-addr=http://{pages}"), "--balancer=least-in-flight".to_owned()];
    let mut proxy = start_proxy(proxy, &address, &members, folder, &flags)?;
    wait_until_serving(|| proxy.check().map(|()| proxy.output()))?;
    say(&format!("browse: load on {} for {} s", endpoints(&members), LOADED.as_secs()));
    let load = Load::start(&etcd.folder.join("etcdctl"), &address, folder)?;
    std::thread::sleep(LOADED);
    proxy.check()?;
    let url = format!("http://{pages}{PATH}");
    look_without_scripts(chromium, &pages, folder)?;
    look_with_scripts(chromium, &url)?;
    for look in [Look::LIGHT, Look::DARK, Look::NARROW] {
        chromium.picture(&url, look, &pictures.join(format!("{}.png", look.name)))?;
    }
    drop(load);
    Ok(())
}

/// A browser that is told to run no scripts cannot be asked what it shows, so the page comes from a file without its
/// script.
fn look_without_scripts(chromium: &Chromium, pages: &str, folder: &Path) -> Outcome {
    let page = fetch(pages).map_err(|error| format!("the page cannot be fetched: {error}"))?;
    let (page, _) = page.split_once("<script").ok_or("the page has no script")?;
    let file = folder.join("still.html");
    fs::write(&file, page).map_err(at(&file))?;
    let still = chromium.page(&format!("file://{}", file.display()))?;
    for heading in HEADINGS {
        expect(still.document.contains(&format!("<h2>{heading}</h2>")), &format!("no section {heading}"))?;
    }
    expect(still.document.contains("<path class=\"line\""), "no lines of the last minutes")?;
    expect(still.document.contains("/registry/pods/*"), "the widest range is not shown")?;
    expect(still.complaints.is_empty(), &format!("the browser complains:\n{}", still.complaints.join("\n")))
}

fn fetch(pages: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(pages)?;
    write!(stream, "GET {PATH} HTTP/1.0\r\nHost: {pages}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}

fn look_with_scripts(chromium: &Chromium, url: &str) -> Outcome {
    let live = chromium.page(url)?;
    expect(live.document.contains("data-refreshed"), "the page has not refreshed itself")?;
    expect(live.complaints.is_empty(), &format!("the browser complains:\n{}", live.complaints.join("\n")))
}

fn expect(holds: bool, otherwise: &str) -> Outcome {
    if holds { Ok(()) } else { Err(format!("browse: {otherwise}")) }
}
