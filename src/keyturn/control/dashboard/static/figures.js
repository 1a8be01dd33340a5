// Brings the figures and charts of an open page up to date, in place: focus, what is under the pointer and what is scrolled stay.
import { redraw } from "./charts.js";
import { refresh } from "./navigate.js";

const FIRST_MS = 5000;
const SPREAD_MS = 1000; // all pages are told at the same moment that something came in, and should not all ask at once
const SHARE = 20; // a node that takes long is asked less often

export function figuresOf(address) {
  const own = { address, everyMs: FIRST_MS, due: performance.now() + FIRST_MS, timer: 0, asking: null, stirred: false };
  return { stir: (afterS) => stir(own, afterS), rest: () => rest(own) };
}

// Something came in. The node says how often a page may ask: where many are open, each waits longer.
function stir(own, afterS) {
  if (afterS) own.everyMs = afterS * 1000;
  own.stirred = true;
  if (own.timer || own.asking) return;
  const wait = Math.max(0, own.due - performance.now());
  own.timer = setTimeout(() => renew(own), wait + Math.random() * SPREAD_MS);
}

// Nobody looks any more.
function rest(own) {
  clearTimeout(own.timer);
  own.asking?.abort();
  Object.assign(own, { timer: 0, asking: null, stirred: false });
}

async function renew(own) {
  const asking = (own.asking = new AbortController());
  const begun = performance.now();
  Object.assign(own, { timer: 0, stirred: false });
  try {
    const answer = await fetch(own.address, { signal: asking.signal, credentials: "same-origin" });
    const text = await answer.text();
    if (answer.ok && !answer.redirected && !asking.signal.aborted) put(new DOMParser().parseFromString(text, "text/html"));
  } catch {
    // The stream is down too then, and says so; when it is up again, the page is brought up to date.
  }
  if (own.asking !== asking) return;
  own.asking = null;
  own.due = begun + Math.max(own.everyMs, SHARE * (performance.now() - begun));
  if (own.stirred) stir(own);
}

function put(next) {
  const parts = [...next.querySelectorAll("[data-part]")].map((part) => [document.querySelector(`[data-part="${part.dataset.part}"]`), part]);
  if (parts.some(([old]) => !old)) {
    // The first request came in, and the page has other parts now. Whoever is about to go somewhere else goes there.
    if (!document.body.classList.contains("busy") && !document.querySelector("dialog[open]")) refresh();
    return;
  }
  const focused = document.activeElement;
  for (const [old, part] of parts) bring(old, part);
  if (focused?.isConnected && focused !== document.activeElement) focused.focus({ preventScroll: true });
}

// Makes an element what another one is, with as few changes as can be.
function bring(old, next) {
  if (old.nodeName !== next.nodeName) {
    old.replaceWith(document.adoptNode(next));
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== next.nodeValue) old.nodeValue = next.nodeValue;
    return;
  }
  if (old.matches("figure[data-chart]")) {
    redraw(old, next);
    return;
  }
  for (const name of new Set([...old.getAttributeNames(), ...next.getAttributeNames()])) {
    const value = next.getAttribute(name);
    if (value === null) old.removeAttribute(name);
    else if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  const [olds, nexts] = [[...old.childNodes], [...next.childNodes]];
  if (old.nodeName === "TBODY") bringRows(old, [...next.rows]);
  else if (olds.length === nexts.length) olds.forEach((child, place) => bring(child, nexts[place]));
  else old.replaceChildren(...nexts.map((child) => document.adoptNode(child)));
}

// A row is known by where its link leads: whoever is on it stays there when it moves.
function bringRows(old, rows) {
  const link = (row) => row.querySelector("a[href]")?.getAttribute("href");
  const known = new Map([...old.rows].map((row) => [link(row), row]));
  rows.forEach((row, place) => {
    const own = known.get(link(row));
    if (own) bring(own, row);
    const shown = own || document.adoptNode(row);
    if (old.rows[place] !== shown) old.insertBefore(shown, old.rows[place] || null);
  });
  while (old.rows.length > rows.length) old.lastElementChild.remove();
}
