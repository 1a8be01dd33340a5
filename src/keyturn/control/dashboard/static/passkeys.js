// Passkeys: has the browser make one, or sign a challenge with one, and sends what comes of it as an ordinary form.
import { say } from "./toasts.js";

export function start(page) {
  for (const form of page.querySelectorAll("form[data-passkey]")) {
    if (!window.PublicKeyCredential?.parseRequestOptionsFromJSON) {
      form.querySelector("[data-passkey-missing]")?.removeAttribute("hidden");
      continue;
    }
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      if (form.elements.credential.value) return;
      event.preventDefault();
      event.stopPropagation();
      ask(form);
    });
  }
}

async function ask(form) {
  const making = form.dataset.passkey === "create";
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const answer = await fetch(form.dataset.options, { headers: { accept: "application/json" }, credentials: "same-origin" });
    if (!answer.ok) throw new Error(String(answer.status));
    const { ticket, options } = await answer.json();
    const credential = making
      ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
      : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
    form.elements.ticket.value = ticket;
    form.elements.credential.value = JSON.stringify(credential.toJSON());
    button.disabled = false;
    form.requestSubmit();
    form.elements.credential.value = "";
  } catch (error) {
    const known = error.name === "InvalidStateError" ? "This device has a passkey for you already" : "";
    say(known || "No passkey was used; try again, or go on another way", "failed");
  } finally {
    button.disabled = false;
  }
}
