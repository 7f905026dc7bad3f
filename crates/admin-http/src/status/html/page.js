"use strict";
(() => {
  const PERIOD = 2000;
  const stale = document.getElementById("stale");
  let last = new Date();
  let times = 0;

  // What has not changed stays as it is, so that a selection or an unfolded list survives.
  const show = (next) => {
    const unfolded = [...document.querySelectorAll("details[open]")].map((details) => details.id);
    for (const id of unfolded) next.getElementById(id)?.setAttribute("open", "");
    const parts = (page) => [...page.querySelectorAll("[data-part]")];
    const known = new Map(parts(document).map((part) => [part.id, part]));
    const same = known.size === parts(next).length && parts(next).every((part) => known.has(part.id));
    if (!same) {
      document.querySelector("main").replaceWith(next.querySelector("main"));
      return;
    }
    for (const part of parts(next)) {
      const shown = known.get(part.id);
      if (shown.innerHTML !== part.innerHTML) shown.replaceChildren(...part.childNodes);
    }
  };

  const refresh = async () => {
    try {
      const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(10000) });
      if (!answer.ok) throw new Error(answer.status);
      const page = await answer.text();
      // What is shown alone: its style is here already, and a browser would complain of another nonce.
      const body = page.slice(page.indexOf("<body>"), page.indexOf("</main>"));
      show(new DOMParser().parseFromString(body, "text/html"));
      last = new Date();
      stale.hidden = true;
      document.documentElement.dataset.refreshed = ++times;
    } catch {
      stale.textContent = `No answer since ${last.toLocaleTimeString()}`;
      stale.hidden = false;
    }
  };

  const next = async () => {
    if (!document.hidden) await refresh();
    setTimeout(next, PERIOD);
  };
  setTimeout(next, PERIOD);
})();
