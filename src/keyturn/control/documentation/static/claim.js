// Sends what stands behind the # of the address when the button is pressed, and never before: programs that look at
// links in mails and chats must not use them up.
const button = document.getElementById("claim");
const message = document.getElementById("message");
const token = location.hash.slice(1);

const EXPLAINED = {
  CONFLICT: "This link was used before. If that was not you, tell whoever sent it at once: somebody else has the key.",
  RESOURCE_NOT_FOUND: "There is no such link, or its time is over. Ask for a new one.",
};

function ended(text) {
  button.hidden = true;
  document.getElementById("about").hidden = true;
  message.textContent = text;
}

function show(answer) {
  // Whoever uses this browser next finds no token in its history.
  history.replaceState(null, "", location.pathname);
  ended("");
  document.getElementById("name").textContent = answer.data.name;
  document.getElementById("key").textContent = answer.key;
  document.getElementById("shown").hidden = false;
}

async function claim() {
  button.disabled = true;
  message.textContent = "";
  try {
    const response = await fetch("/api/v1/claims", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token }),
      credentials: "omit",
      cache: "no-store",
    });
    const answer = await response.json();
    if (response.ok) show(answer);
    else if (answer.error.code in EXPLAINED) ended(EXPLAINED[answer.error.code]);
    else retry(answer.error.message);
  } catch {
    retry("No answer came. Try again; if the link was used by then, its answer is lost: ask for a new link.");
  }
}

function retry(text) {
  message.textContent = text;
  button.disabled = false;
}

if (/^[0-9A-Za-z]{32}$/.test(token)) {
  button.disabled = false;
  button.addEventListener("click", claim);
} else {
  ended("This address holds no link to a key. Open the link as it was sent to you, with everything behind the #.");
}

const copy = document.getElementById("copy");
copy.hidden = !navigator.clipboard;
copy.addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(document.getElementById("key").textContent);
    copy.textContent = "Copied";
  } catch {
    copy.textContent = "Not allowed";
  }
  setTimeout(() => { copy.textContent = "Copy"; }, 1500);
});
