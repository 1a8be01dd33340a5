// Tells the page what happens without asking: counters, alerts and new requests, over one stream. It rests while nobody looks.
import { onPage, refresh } from "./navigate.js";
import { relative } from "./times.js";

const MOST_ROWS = 100;
const MOST_HELD = 50;
const LONG = 9; // letters of a figure that do not fit its tile, as parts.html has it
const FIRST_WAIT_MS = 2000;
const LONGEST_WAIT_MS = 60000;

export function start() {
  onPage(watch);
}

function watch() {
  const element = document.querySelector("[data-live]");
  if (!element) return undefined;
  const page = { element, source: null, timer: 0, wait: FIRST_WAIT_MS, paused: false, held: [], hidden: false, spend: null };
  if (element.dataset.liveFigures) follow(page);
  const visibility = () => {
    if (document.hidden) {
      page.hidden = true;
      close(page);
      show("idle", "paused");
    } else if (page.hidden) {
      page.hidden = false;
      if (element.querySelector("[data-live-rows]") && !page.paused) refresh();
      else open(page);
    }
  };
  document.addEventListener("visibilitychange", visibility);
  element.querySelector("[data-live-pause]")?.addEventListener("click", () => pause(page));
  if (document.hidden) visibility();
  else open(page);
  return () => {
    document.removeEventListener("visibilitychange", visibility);
    close(page);
  };
}

async function follow(page) {
  const { figuresOf } = await import("./figures.js");
  page.figures = figuresOf(page.element.dataset.liveFigures);
  if (page.spend !== null) page.figures.stir();
}

function open(page) {
  close(page);
  const source = (page.source = new EventSource(page.element.dataset.live));
  source.onopen = () => say(page);
  source.onerror = () => {
    show("bad", "offline");
    if (source.readyState === EventSource.CLOSED) again(page);
  };
  source.addEventListener("counters", (event) => {
    page.wait = FIRST_WAIT_MS; // a stream that only begins and ends is none
    counters(page, JSON.parse(event.data));
  });
  source.addEventListener("alerts", (event) => alerts(JSON.parse(event.data)));
  source.addEventListener("requests", (event) => take(page, JSON.parse(event.data)));
  source.addEventListener("end", () => {
    show("bad", "offline");
    again(page);
  });
}

function close(page) {
  clearTimeout(page.timer);
  page.source?.close();
  page.source = null;
  page.spend = null; // what comes in meanwhile is not told
  page.figures?.rest();
}

// Comes again, each time later, with some chance in it so that not all pages come at once.
function again(page) {
  close(page);
  page.timer = setTimeout(() => open(page), page.wait * (0.5 + Math.random()));
  page.wait = Math.min(LONGEST_WAIT_MS, page.wait * 2);
}

function say(page) {
  if (page.paused) show("idle", "paused");
  else show("good", "live");
}

function show(kind, text) {
  const dot = document.querySelector("[data-live-dot]");
  if (!dot) return;
  dot.hidden = false;
  dot.className = `status ${kind}`;
  dot.querySelector("[data-live-state]").textContent = text;
}

function counters(page, figures) {
  if (figures.spend !== page.spend || figures.requests !== "0" || figures.tokens !== "0") page.figures?.stir(figures.figures_after_s);
  page.spend = figures.spend;
  for (const value of document.querySelectorAll("[data-live-value]")) {
    value.textContent = figures[value.dataset.liveValue] || "–";
    value.classList.toggle("long", value.textContent.length > LONG);
  }
  const rate = document.querySelector("[data-live-rate]");
  if (rate) rate.textContent = `${figures.requests} requests a second`;
}

function alerts({ open: count }) {
  const link = document.querySelector('.side nav a[href="/dashboard/alerts"]');
  if (!link) return;
  let badge = link.querySelector(".badge");
  if (!badge) link.append((badge = Object.assign(document.createElement("span"), { className: "badge warn" })));
  badge.textContent = count > 99 ? "99+" : String(count);
  badge.setAttribute("aria-label", `${count} open`);
  badge.hidden = !count;
}

function pause(page) {
  page.paused = !page.paused;
  const button = page.element.querySelector("[data-live-pause]");
  button.setAttribute("aria-pressed", String(page.paused));
  say(page);
  if (!page.paused) for (const row of page.held.splice(0)) add(page, row);
  label(page);
}

function label(page) {
  const text = page.element.querySelector("[data-live-pause] span");
  if (text) text.textContent = page.paused ? `Go on${page.held.length ? ` (${page.held.length} new)` : ""}` : "Pause";
}

function take(page, { rows }) {
  for (const row of rows.filter((one) => wanted(page.element.dataset, one))) {
    if (page.paused) {
      page.held.push(row);
      if (page.held.length > MOST_HELD) page.held.shift();
    } else add(page, row);
  }
  label(page);
}

function wanted({ liveKey, liveModel, liveStatus }, row) {
  if (liveKey && row.key_id !== liveKey) return false;
  if (liveModel && row.model !== liveModel) return false;
  if (!liveStatus) return true;
  if (liveStatus === "refused") return row.refused;
  return liveStatus.endsWith("xx") ? row.status.length === 3 && row.status[0] === liveStatus[0] : row.status === liveStatus;
}

// Everything becomes text: nothing that came with a request is ever read as markup.
function add(page, row) {
  const body = page.element.querySelector("[data-live-rows]");
  if (!body || body.querySelector(`[data-request="${CSS.escape(row.id)}"]`)) return;
  const line = page.element.querySelector("[data-live-template]").content.firstElementChild.cloneNode(true);
  line.dataset.request = row.id;
  line.className = "fresh";
  const cell = (name) => line.querySelector(`[data-cell="${name}"]`);
  for (const name of ["status", "why", "model", "tokens", "cost", "took", "address", "key"]) cell(name).textContent = row[name];
  cell("model").title = row.model;
  cell("id").href = `/dashboard/requests/${encodeURIComponent(row.id)}`;
  cell("kind").classList.add(row.kind);
  Object.assign(cell("at"), { dateTime: row.at, title: row.exact, textContent: relative(new Date(row.at)) });
  if (row.key_id) cell("key").href = `/dashboard/keys/${encodeURIComponent(row.key_id)}`;
  cell("key").title = row.key;
  body.prepend(line);
  while (body.rows.length > MOST_ROWS) body.lastElementChild.remove();
  page.element.querySelector("[data-live-empty]")?.remove();
}
