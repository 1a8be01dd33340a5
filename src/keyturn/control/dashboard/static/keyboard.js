// Shortcuts: / searches, g and a letter goes to a page, n begins something new, ? shows them all.
import { visit } from "./navigate.js";

const WAIT_MS = 1200;

export function start() {
  let going = 0;
  document.addEventListener("keydown", (event) => {
    if (event.metaKey || event.ctrlKey || event.altKey || document.querySelector("dialog[open]")) return;
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "Escape") {
      typing?.blur();
      return;
    }
    if (typing) return;
    if (Date.now() - going < WAIT_MS) {
      going = 0;
      const link = document.querySelector(`[data-shortcut="${CSS.escape(event.key)}"]`);
      if (link) {
        event.preventDefault();
        visit(link.href);
      }
      return;
    }
    const first = { "/": "[data-search], form.filters[method=get] :is(input:not([type=hidden]), select)", n: "[data-new]" }[event.key];
    if (event.key === "g") going = Date.now();
    else if (event.key === "?") help();
    else if (first) {
      const target = document.querySelector(first);
      if (!target) return;
      event.preventDefault();
      if (target.href) target.click();
      else target.focus();
    }
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-help]")) help();
  });
}

function help() {
  const rows = [["/", "Search"], ["n", "New"], ["Esc", "Leave a field, close what is open"], ["?", "This list"]];
  for (const link of document.querySelectorAll("[data-shortcut]")) rows.push([`g ${link.dataset.shortcut}`, (link.querySelector("span") || link).textContent.trim()]);
  const dialog = document.createElement("dialog");
  const title = Object.assign(document.createElement("h2"), { textContent: "Keyboard shortcuts" });
  const list = Object.assign(document.createElement("dl"), { className: "facts" });
  for (const [keys, what] of rows) {
    const name = document.createElement("dt");
    for (const key of keys.split(" ")) name.append(Object.assign(document.createElement("kbd"), { textContent: key }), " ");
    list.append(name, Object.assign(document.createElement("dd"), { textContent: what }));
  }
  const form = Object.assign(document.createElement("form"), { method: "dialog", className: "row end" });
  form.append(Object.assign(document.createElement("button"), { className: "button", textContent: "Close" }));
  dialog.append(title, list, form);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
