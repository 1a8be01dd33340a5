// Links and forms change the page's content without loading it anew. What can't be done so is left to the browser.
import { say } from "./toasts.js";

const UNREACHED = "The node could not be reached; nothing was lost. Try again.";
const UNANSWERED = "The node could not be reached or did not answer. What you sent may have been done: look first, then try again.";
const REFUSED = "The node did not take this, and nothing was changed.";
const pageTasks = [];
const places = new Map(); // how far down each entry of the history was left
let entry = 0;
let shown = "";
let ahead = false; // the history leads to a page that has not come yet: the address is its own already
let underWay = null;
let opening = false;

// Runs a task for the page that is shown, and for each that follows. It may return what ends it.
export function onPage(task) {
  pageTasks.push({ task, end: task(document) });
}

export function start() {
  document.addEventListener("click", clicked);
  document.addEventListener("submit", submitted);
  remember();
  window.addEventListener("popstate", wentThroughHistory);
  // Only a page that is loaded anew is left to the browser: it looks for the place before the content is there.
  window.addEventListener("pageshow", () => (history.scrollRestoration = "manual"));
  window.addEventListener("pagehide", () => (history.scrollRestoration = "auto"));
  // What lies below the opened menu of a narrow window is out of reach, by keyboard, too; toggle and beforetoggle don't bubble.
  document.addEventListener("beforetoggle", (event) => event.target.id === "pages" && menu(event.newState === "open"), true);
  document.addEventListener("toggle", (event) => event.target.id === "pages" && event.newState === "open" && event.target.querySelector("nav a").focus(), true);
  // In a wide window the menu stands beside the content and keeps nothing out of reach. As wide as base.css has it.
  matchMedia("(max-width: 56rem)").addEventListener("change", () => document.querySelector("#pages:popover-open")?.hidePopover());
}

export function visit(url, { push = true, place = 0 } = {}) {
  return load(new Request(url, { headers: { accept: "text/html" } }), { push, place });
}

// Fetches this page again and shows it, at the same place.
export function refresh() {
  return load(new Request(location.href, { headers: { accept: "text/html" } }), { push: false, keepPlace: true });
}

function menu(open) {
  for (const below of document.querySelectorAll(".skip, .column")) below.inert = open;
}

function here() {
  return location.pathname + location.search;
}

// Notes which page is shown, and gives its entry of the history a number to be found by.
function remember() {
  shown = here();
  ahead = false;
  if (history.state?.entry === undefined) history.replaceState({ entry: Math.random() }, "");
  entry = history.state.entry;
}

function wentThroughHistory() {
  if (here() === shown) {
    if (!ahead) return; // only another place of this page
    underWay?.abort(); // back at the page that is still shown: the other must not take its place
    entry = history.state?.entry;
    ahead = false;
    return;
  }
  if (!ahead) places.set(entry, scrollY);
  ahead = true;
  entry = history.state?.entry;
  visit(location.href, { push: false, place: places.get(entry) || 0 });
}

function ours(url) {
  return url.origin === location.origin && (url.pathname === "/dashboard" || url.pathname.startsWith("/dashboard/"));
}

function clicked(event) {
  const link = event.target.closest("a[href]");
  if (!link || event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  if (link.target || link.hasAttribute("download") || link.closest("[data-plain]")) return;
  const url = new URL(link.href);
  if (!ours(url) || (url.hash && url.pathname === location.pathname && url.search === location.search)) return;
  event.preventDefault();
  if (link.hasAttribute("data-dialog")) openDialog(url.href);
  else visit(url.href);
}

function submitted(event) {
  const form = event.target;
  if (event.defaultPrevented || form.hasAttribute("data-plain") || form.method === "dialog") return;
  const question = form.dataset.confirm;
  if (question && !form.hasAttribute("data-confirmed")) {
    event.preventDefault();
    ask(question, event.submitter?.textContent.trim() || "Go on").then((yes) => {
      if (!yes) return;
      form.setAttribute("data-confirmed", "");
      form.requestSubmit(event.submitter || undefined);
      form.removeAttribute("data-confirmed");
    });
    return;
  }
  const url = new URL(event.submitter?.getAttribute("formaction") || form.getAttribute("action"), location.href);
  if (!ours(url)) return;
  event.preventDefault();
  const fields = new URLSearchParams(new FormData(form, event.submitter || undefined));
  if (form.method === "get") {
    url.search = fields.toString();
    visit(url.href);
    return;
  }
  const request = new Request(url, {
    method: "POST",
    headers: { accept: "text/html", "content-type": "application/x-www-form-urlencoded" },
    body: fields.toString(),
  });
  load(request, { form });
}

async function load(request, { push = true, keepPlace = false, place = 0, form = null } = {}) {
  underWay?.abort();
  const own = (underWay = new AbortController());
  document.body.classList.add("busy");
  const buttons = form ? [...form.querySelectorAll("button:not(:disabled)")] : [];
  for (const button of buttons) button.disabled = true;
  try {
    const answer = await fetch(request, { signal: own.signal, credentials: "same-origin" });
    const url = new URL(answer.url);
    const type = answer.headers.get("content-type") || "";
    if (answer.ok && !(ours(url) && type.startsWith("text/html"))) {
      location.assign(answer.url);
      return;
    }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!page.querySelector('meta[name="csrf"]')) {
      failed(request, answer); // Not a page of the dashboard: of the node, or of a proxy before it.
      return;
    }
    const problem = request.method === "POST" && page.querySelector("[data-problem]");
    if (problem) {
      say(problem.dataset.problem, "failed");
      return;
    }
    const samePage = url.pathname + url.search === here();
    const keeps = keepPlace || (request.method === "POST" && samePage && answer.ok);
    if (push && !samePage && !ahead) places.set(entry, scrollY);
    show(page, { place: keeps ? scrollY : place, keeps });
    if (push && !samePage && !(request.method === "POST" && answer.status >= 400)) history.pushState(null, "", answer.url);
    remember();
  } catch (error) {
    if (error.name === "AbortError") return;
    failed(request);
  } finally {
    if (underWay === own) underWay = null;
    document.body.classList.remove("busy");
    for (const button of buttons) button.disabled = false;
  }
}

// Says no more than is known: that a form did nothing is told by a refusal only, and by none of a page that it has led to.
function failed(request, answer) {
  const sent = request.method === "POST";
  const refused = answer?.status >= 400 && answer.status < 500 && !(sent && answer.redirected);
  if (ahead && !sent) location.reload(); // the address is not that of what is shown any more
  else if (refused) say(REFUSED, "failed");
  else say(sent ? UNANSWERED : UNREACHED, "failed");
}

function show(next, { place, keeps }) {
  for (const one of pageTasks) one.end?.();
  document.querySelector("dialog[open]")?.close();
  const focused = document.activeElement?.id;
  document.title = next.title;
  const token = next.querySelector('meta[name="csrf"]');
  document.querySelector('meta[name="csrf"]')?.replaceWith(document.adoptNode(token));
  for (const sheet of next.querySelectorAll('link[rel="stylesheet"]')) {
    if (!document.querySelector(`link[href="${sheet.getAttribute("href")}"]`)) document.head.append(document.adoptNode(sheet));
  }
  const toasts = document.querySelector(".toasts");
  document.body.className = next.body.className;
  document.body.replaceChildren(...[...next.body.childNodes].map((node) => document.adoptNode(node)));
  if (toasts?.querySelector("[data-toast]") && !document.querySelector("[data-toast]")) {
    document.querySelector(".toasts")?.replaceWith(toasts);
  }
  scrollTo(0, place);
  const target = (keeps && focused && document.getElementById(focused)) || document.querySelector("[aria-invalid]") || document.querySelector("[autofocus]");
  (target || document.getElementById("content"))?.focus({ preventScroll: true });
  document.dispatchEvent(new CustomEvent("keyturn:page"));
  for (const one of pageTasks) one.end = one.task(document);
}

// Shows the content of a page in a dialog above this one. Its forms lead on as they would there.
async function openDialog(url) {
  if (opening) return;
  opening = true;
  try {
    const answer = await fetch(url, { headers: { accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const content = page.querySelector("[data-dialog-content]");
    if (answer.ok && content) showDialog(page, content);
    else visit(url);
  } catch {
    say(UNREACHED, "failed");
  } finally {
    opening = false;
  }
}

function showDialog(page, content) {
  const dialog = document.createElement("dialog");
  const title = document.createElement("h2");
  title.id = "dialog-title";
  title.textContent = page.querySelector("h1")?.textContent || "";
  dialog.setAttribute("aria-labelledby", title.id);
  dialog.append(title, ...[...content.childNodes].map((node) => document.adoptNode(node)));
  for (const link of dialog.querySelectorAll("[data-cancel]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      dialog.close();
    });
  }
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

// Asks before something that can't be taken back.
export function ask(question, action) {
  return new Promise((resolve) => {
    const dialog = document.createElement("dialog");
    const text = document.createElement("p");
    text.textContent = question;
    const form = document.createElement("form");
    form.method = "dialog";
    form.className = "row end";
    const no = Object.assign(document.createElement("button"), { className: "button", textContent: "Cancel", value: "" });
    const yes = Object.assign(document.createElement("button"), { className: "button danger primary", textContent: action, value: "yes" });
    form.append(no, yes);
    dialog.append(text, form);
    dialog.addEventListener("close", () => {
      resolve(dialog.returnValue === "yes");
      dialog.remove();
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
