// Draws the table of each <figure data-chart="line|bars"> as a chart; the table stays, behind "Table".
// Its first row is the newest, and stands rightmost in the chart.
// The first column says what a row is of (text, or <time>), each other column is a series. A cell has its plain number in
// data-value (dollars, milliseconds or a count, as the figure's data-unit says: usd, ms, count; empty: nothing is known)
// and shows it written out, which is what is read on hover.
const SVG = "http://www.w3.org/2000/svg";
const COLOURS = 8;
const TICKS = 4;
const LETTER_PX = 6.4;
const GAP_PX = 18;
const TOP_PX = 8;
const BOTTOM_PX = 24;
const drawn = new WeakMap();

export function start() {
  const ends = [...document.querySelectorAll("figure[data-chart]")].map((figure) => draw(figure));
  return () => ends.forEach((end) => end());
}

// Returns the values at which an axis is labelled, from its lowest to its highest.
export function ticks(least, most, whole) {
  const span = most - least || 1;
  const rough = span / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  let step = [1, 2, 2.5, 5, 10].map((times) => times * power).find((one) => one >= rough * 0.999);
  if (whole) step = Math.max(1, Math.ceil(step));
  const found = [];
  for (let value = Math.floor(least / step) * step; ; value += step) {
    found.push(Number(value.toPrecision(12)));
    if (value >= most - step * 1e-6) return found;
  }
}

export function written(value, unit) {
  const size = Math.abs(value);
  if (unit === "ms" && size >= 60000) return `${trim(value / 60000)} min`;
  if (unit === "ms") return size >= 1000 ? `${trim(value / 1000)} s` : `${trim(value)} ms`;
  const sign = value < 0 ? "\u2212" : "";
  let text = trim(size);
  const rounded = Number(text); // 999,950 is 1M, not 1000k
  for (const [limit, letter] of [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]]) {
    if (rounded < limit) continue;
    text = trim(rounded / limit) + letter;
    break;
  }
  return sign + (unit === "usd" ? `$${/\.\d$/.test(text) ? `${text}0` : text}` : text);
}

function trim(value) {
  return String(Number(value.toPrecision(3)));
}

// Shows what the table of another figure says, of the same series, and leaves all that somebody has done to this one.
export function redraw(figure, next) {
  const chart = drawn.get(figure);
  const { table, heads, rows } = read(next);
  if (!chart || heads.join("\n") !== chart.heads.join("\n")) return;
  const body = figure.querySelector("tbody");
  if (body.isEqualNode(table.tBodies[0])) return;
  body.replaceWith(document.adoptNode(table.tBodies[0]));
  chart.rows = rows;
  paint(chart);
  point(chart, chart.at);
}

function read(figure) {
  const table = figure.querySelector("table");
  const heads = [...table.tHead.rows[0].cells].slice(1).map((cell) => cell.textContent.trim());
  const rows = [...table.tBodies[0].rows].reverse().map((row) => ({
    label: row.cells[0].textContent.trim(),
    full: row.cells[0].querySelector("time")?.title || row.cells[0].textContent.trim(),
    cells: [...row.cells].slice(1).map((cell) => ({
      value: cell.dataset.value === undefined || cell.dataset.value === "" ? null : Number(cell.dataset.value),
      text: cell.textContent.trim(),
    })),
  }));
  return { table, heads, rows };
}

function shape(name, attributes, parent) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent?.append(made);
  return made;
}

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function draw(figure) {
  const { table, heads, rows } = read(figure);
  const title = figure.querySelector("figcaption")?.textContent.trim() || "Chart";
  const chart = {
    unit: figure.dataset.unit || "count",
    bars: figure.dataset.chart === "bars",
    heads,
    rows,
    shown: heads.map(() => true),
    at: -1,
    plot: element("div", { className: "chart-plot", tabIndex: 0 }),
    tip: element("div", { className: "chart-tip", hidden: true }),
    said: element("p", { className: "unseen" }),
  };
  chart.plot.setAttribute("role", "group");
  chart.plot.setAttribute("aria-label", `${title}: chart. The arrow keys read its values`);
  chart.said.setAttribute("aria-live", "polite");
  chart.svg = shape("svg", { "aria-hidden": "true", focusable: "false" }, chart.plot);
  chart.plot.append(chart.tip, chart.said);
  const behind = element("details", { className: "chart-table" }, element("summary", { textContent: "Table" }), element("div", { className: "scroll" }));
  table.replaceWith(legend(chart), chart.plot, behind);
  behind.lastChild.append(table);
  figure.classList.add("drawn");
  drawn.set(figure, chart);
  listen(chart);
  const watch = new ResizeObserver(() => paint(chart));
  watch.observe(chart.plot);
  paint(chart);
  return () => watch.disconnect();
}

function legend(chart) {
  const list = element("div", { className: "chart-legend" });
  if (chart.heads.length < 2) return list;
  list.setAttribute("role", "group");
  list.setAttribute("aria-label", "Series");
  chart.heads.forEach((head, number) => {
    const button = element("button", { type: "button", className: `chart-series s${(number % COLOURS) + 1}`, title: head }, swatch(number), element("span", { textContent: head }));
    button.setAttribute("aria-pressed", "true");
    button.addEventListener("click", () => {
      chart.shown[number] = !chart.shown[number];
      button.setAttribute("aria-pressed", String(chart.shown[number]));
      paint(chart);
      point(chart, chart.at);
    });
    list.append(button);
  });
  return list;
}

function swatch(number) {
  const made = element("span", { className: `chart-swatch s${(number % COLOURS) + 1}` });
  made.setAttribute("aria-hidden", "true");
  return made;
}

function extent(chart) {
  let [least, most] = [0, 0];
  for (const row of chart.rows) {
    let stacked = 0;
    row.cells.forEach((cell, number) => {
      if (!chart.shown[number] || cell.value === null) return;
      stacked = chart.bars ? stacked + Math.max(0, cell.value) : cell.value;
      least = Math.min(least, stacked);
      most = Math.max(most, stacked);
    });
  }
  return [least, most];
}

function paint(chart) {
  const width = chart.plot.clientWidth;
  const height = chart.plot.clientHeight;
  if (!width || !height) return;
  chart.svg.replaceChildren();
  chart.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const [least, most] = extent(chart);
  const labels = ticks(least, most || 1, chart.unit === "count");
  const texts = labels.map((value) => written(value, chart.unit));
  const left = Math.max(...texts.map((text) => text.length)) * LETTER_PX + 12;
  const [low, high] = [labels[0], labels.at(-1)];
  const inner = width - left - 8;
  const count = Math.max(1, chart.rows.length);
  chart.x = (place) => left + (chart.bars ? ((place + 0.5) * inner) / count : count === 1 ? inner / 2 : (place * inner) / (count - 1));
  chart.y = (value) => TOP_PX + (1 - (value - low) / (high - low)) * (height - TOP_PX - BOTTOM_PX);
  chart.left = left;
  chart.inner = inner;
  labels.forEach((value, place) => {
    const y = chart.y(value);
    shape("line", { x1: left, x2: width - 8, y1: y, y2: y, class: value === 0 ? "chart-zero" : "chart-rule" }, chart.svg);
    shape("text", { x: left - 8, y: y + 4, class: "chart-tick", "text-anchor": "end" }, chart.svg).textContent = texts[place];
  });
  paintLabels(chart, width, height);
  if (chart.bars) paintBars(chart);
  else chart.heads.forEach((_, number) => chart.shown[number] && paintLine(chart, number));
  chart.cross = shape("line", { y1: TOP_PX, y2: height - BOTTOM_PX, class: "chart-cross", visibility: "hidden" }, chart.svg);
}

// Labels as many as fit beside each other, evenly.
function paintLabels(chart, width, height) {
  const longest = Math.max(1, ...chart.rows.map((row) => row.label.length)) * LETTER_PX + GAP_PX;
  const room = Math.max(1, Math.floor(chart.inner / longest));
  const every = Math.max(1, Math.ceil(chart.rows.length / room));
  for (let place = 0; place < chart.rows.length; place += every) {
    const half = (chart.rows[place].label.length * LETTER_PX) / 2;
    const x = Math.min(Math.max(chart.x(place), half), width - half);
    shape("text", { x, y: height - 6, class: "chart-tick", "text-anchor": "middle" }, chart.svg).textContent = chart.rows[place].label;
  }
}

function paintLine(chart, number) {
  let path = "";
  let alone = [];
  let open = false;
  chart.rows.forEach((row, place) => {
    const { value } = row.cells[number];
    if (value === null) {
      open = false;
      return;
    }
    const [x, y] = [chart.x(place), chart.y(value)];
    path += `${open ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
    const next = chart.rows[place + 1]?.cells[number].value ?? null;
    if (!open && next === null) alone.push([x, y]);
    open = true;
  });
  const colour = `s${(number % COLOURS) + 1}`;
  shape("path", { d: path, class: `chart-line ${colour}` }, chart.svg);
  for (const [cx, cy] of alone) shape("circle", { cx, cy, r: 2.5, class: `chart-dot ${colour}` }, chart.svg);
}

function paintBars(chart) {
  const step = chart.inner / Math.max(1, chart.rows.length);
  const wide = Math.max(1, Math.min(46, step - Math.min(4, step * 0.25)));
  chart.rows.forEach((row, place) => {
    let below = 0;
    row.cells.forEach((cell, number) => {
      if (!chart.shown[number] || !(cell.value > 0)) return;
      const [y, end] = [chart.y(below + cell.value), chart.y(below)];
      below += cell.value;
      shape("rect", { x: chart.x(place) - wide / 2, y, width: wide, height: Math.max(0.5, end - y), class: `chart-bar s${(number % COLOURS) + 1}` }, chart.svg);
    });
  });
}

function listen(chart) {
  const under = (event) => {
    const x = event.clientX - chart.plot.getBoundingClientRect().left - chart.left;
    const count = chart.rows.length;
    const place = chart.bars ? Math.floor((x / chart.inner) * count) : Math.round((x / chart.inner) * (count - 1));
    point(chart, Math.max(0, Math.min(count - 1, place)));
  };
  chart.plot.addEventListener("pointermove", under);
  chart.plot.addEventListener("pointerdown", under);
  chart.plot.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && point(chart, -1));
  chart.plot.addEventListener("blur", () => point(chart, -1));
  chart.plot.addEventListener("keydown", (event) => {
    const last = chart.rows.length - 1;
    const to = { ArrowRight: Math.min(last, chart.at + 1), ArrowLeft: chart.at < 0 ? last : Math.max(0, chart.at - 1), Home: 0, End: last, Escape: -1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    point(chart, to);
    chart.said.textContent = to < 0 ? "" : `${chart.rows[to].full}: ${values(chart, to).map(([number, text]) => `${chart.heads[number]} ${text}`).join(", ")}`;
  });
}

function values(chart, place) {
  return chart.rows[place].cells.map((cell, number) => [number, cell.text]).filter(([number]) => chart.shown[number]);
}

// Shows the values of a row beside a line through it; of none below zero.
function point(chart, place) {
  chart.at = place < chart.rows.length ? place : -1;
  chart.tip.hidden = chart.at < 0;
  if (!chart.cross) return;
  chart.cross.setAttribute("visibility", chart.at < 0 ? "hidden" : "visible");
  if (chart.at < 0) return;
  const x = chart.x(place);
  chart.cross.setAttribute("x1", x);
  chart.cross.setAttribute("x2", x);
  const list = element("ul", { className: "chart-values" });
  for (const [number, text] of values(chart, place)) {
    list.append(element("li", {}, swatch(number), element("span", { textContent: chart.heads[number] }), element("strong", { textContent: text })));
  }
  chart.tip.replaceChildren(element("p", { textContent: chart.rows[place].full }), list);
  const room = chart.plot.clientWidth;
  const wide = chart.tip.offsetWidth;
  chart.tip.style.left = `${Math.max(0, x + 12 + wide > room ? x - 12 - wide : x + 12)}px`;
}
