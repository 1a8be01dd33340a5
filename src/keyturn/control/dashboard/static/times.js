// Keeps relative times true while a page is open.
const UNITS = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60]];
const EVERY_MS = 30000;

export function start() {
  setInterval(() => {
    for (const time of document.querySelectorAll("time[data-relative]")) time.textContent = relative(new Date(time.dateTime));
  }, EVERY_MS);
}

export function relative(at) {
  const seconds = (at - Date.now()) / 1000;
  for (const [name, size] of UNITS) {
    const number = Math.round(Math.abs(seconds) / size);
    if (Math.abs(seconds) >= size * 0.95 && number) {
      const text = `${number} ${name}${number === 1 ? "" : "s"}`;
      return seconds > 0 ? `in ${text}` : `${text} ago`;
    }
  }
  return seconds > 0 ? "now" : "just now";
}
