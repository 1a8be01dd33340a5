// Buttons that copy a text.
import { say } from "./toasts.js";

export function start() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    try {
      await write(button.dataset.copy);
      button.classList.add("done");
      setTimeout(() => button.classList.remove("done"), 1500);
      say("Copied");
    } catch {
      say("The browser does not let this page copy; select the text instead", "failed");
    }
  });
}

// A page that came over plain HTTP from another machine has no clipboard; a selection still can be copied.
async function write(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = Object.assign(document.createElement("textarea"), { value: text, className: "unseen" });
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("refused");
  return undefined;
}
