// What was done, said once. Each goes by itself, unless somebody is about to undo it.
const SHOWN_MS = 7000;

export function start() {
  document.addEventListener("click", (event) => event.target.closest("[data-dismiss]")?.closest("[data-toast]")?.remove());
  document.addEventListener("keyturn:page", arm);
  arm();
}

export function say(text, kind = "done") {
  const toast = document.createElement("div");
  toast.className = `toast ${kind}`;
  toast.dataset.toast = "";
  toast.append(Object.assign(document.createElement("span"), { textContent: text }));
  toast.setAttribute("role", "status");
  // What stands behind an open dialog is neither seen well nor read out.
  (document.querySelector("dialog[open]") || document.querySelector(".toasts"))?.append(toast);
  arm();
}

function arm() {
  for (const toast of document.querySelectorAll("[data-toast]:not([data-armed])")) {
    toast.dataset.armed = "";
    const go = () => (toast.matches(":hover, :focus-within") ? setTimeout(go, SHOWN_MS) : toast.remove());
    setTimeout(go, SHOWN_MS);
  }
}
