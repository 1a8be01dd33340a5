// Shows the copy buttons: without this script there is nothing they could do.
for (const button of document.querySelectorAll("button.copy")) {
  if (!navigator.clipboard) break;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const text = button.parentElement.querySelector("code").textContent;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
}

// On a narrow screen the list of calls stands above the text: folded, it is short enough to be passed over.
if (matchMedia("(max-width: 48rem)").matches) {
  for (const group of document.querySelectorAll("nav details")) group.open = false;
}
