// Presses the button of a form that somebody has sent before, and that had to wait until they had shown that it is them.
export function start(page) {
  page.querySelector("form[data-send]")?.requestSubmit();
}
