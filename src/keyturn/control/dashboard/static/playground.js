// Asks models as any client does: the node's own API, with a key that only this tab keeps.
import { codeOf } from "./playground_code.js";

const KEPT = "keyturn_playground";
// What was said, for when the page is shown again: behind a new key, or another page.
let conversation = null;
const PATHS = { chat: "/v1/chat/completions", images: "/v1/images/generations", embeddings: "/v1/embeddings" };

export function start(page) {
  if (!page.querySelector("body.inside, .inside")) { // signed out
    sessionStorage.removeItem(KEPT);
    conversation = null;
  }
  const root = page.querySelector("[data-playground]");
  if (!root) return undefined;
  const part = (name) => root.querySelector(`[data-${name}]`);
  const turns = [];
  let under = null;
  let ending = 0;

  if (conversation) {
    turns.push(...conversation.turns);
    part("turns").append(...conversation.nodes);
    part("ask").elements.prompt.value = conversation.prompt;
    part("settings").elements.model.value ||= conversation.model;
  }
  if (root.dataset.secret) keep(root.dataset.secret, Date.now() + Number(root.dataset.life)); // whatever the clock says here
  delete root.dataset.secret;
  showKey();
  root.addEventListener("input", showCode);
  part("paste").addEventListener("submit", (event) => {
    event.preventDefault();
    const field = event.target.elements.pasted;
    keep(field.value.trim(), 0);
    field.value = "";
    showKey();
  });
  part("forget").addEventListener("click", () => {
    sessionStorage.removeItem(KEPT);
    showKey();
  });
  part("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    ask();
  });
  part("ask").elements.prompt.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) ask();
  });
  part("stop").addEventListener("click", () => under?.abort());
  part("clear").addEventListener("click", () => {
    under?.abort();
    turns.length = 0;
    part("turns").replaceChildren();
    showCode();
  });
  return () => {
    under?.abort();
    clearTimeout(ending);
    const model = part("settings").elements.model.value;
    conversation = { turns, nodes: [...part("turns").children], prompt: part("ask").elements.prompt.value, model };
  };

  // ── the key ───────────────────────────────────────────────────────────────

  function showKey() {
    const kept = read();
    const over = !kept && sessionStorage.getItem(KEPT) !== null;
    part("start").hidden = Boolean(kept);
    part("over").hidden = !over;
    part("talk").hidden = !kept && !(over && part("turns").children.length);
    if (over) part("key-note").textContent = "expired";
    if (!kept) return;
    clearTimeout(ending);
    if (kept.until) ending = setTimeout(showKey, kept.until - Date.now() + 1);
    const until = kept.until ? `until ${new Date(kept.until).toLocaleTimeString()}` : "yours";
    part("key-note").textContent = `${kept.key.slice(0, 7)}… · ${until}`;
    listModels(kept.key);
    showCode();
  }

  async function listModels(key) {
    try {
      const answer = await fetch("/v1/models", { headers: { authorization: `Bearer ${key}` }, credentials: "omit" });
      if (!answer.ok) throw await problem(answer);
      const names = (await answer.json()).data.map((one) => one.id);
      part("models").replaceChildren(...names.map((name) => element("option", "", { value: name })));
      const field = part("settings").elements.model;
      field.value ||= names.includes("gpt-4o") ? "gpt-4o" : names[0] || "";
      showCode();
    } catch (error) {
      addTurn("failed", "Keyturn").fail(error);
    }
  }

  // ── asking ────────────────────────────────────────────────────────────────

  function wanted() {
    const form = part("settings").elements;
    const operation = form.operation.value;
    const prompt = part("ask").elements.prompt.value;
    const body = { model: form.model.value };
    if (operation === "images") body.prompt = prompt;
    else if (operation === "embeddings") body.input = prompt;
    else {
      body.messages = [...turns, { role: "user", content: prompt }];
      if (form.system.value) body.messages.unshift({ role: "system", content: form.system.value });
      if (form.temperature.value) body.temperature = Number(form.temperature.value);
      if (form.max_tokens.value) body.max_completion_tokens = Number(form.max_tokens.value);
      if (form.stream.checked) Object.assign(body, { stream: true, stream_options: { include_usage: true } });
    }
    return { operation, path: PATHS[operation], body };
  }

  function showCode() {
    const { operation, path, body } = wanted();
    part("chat-only").hidden = operation !== "chat";
    const texts = codeOf(location.origin, operation, path, body);
    for (const pre of root.querySelectorAll("[data-code]")) {
      pre.textContent = texts[pre.dataset.code];
      pre.parentElement.querySelector("[data-copy]").dataset.copy = pre.textContent;
    }
  }

  async function ask() {
    const prompt = part("ask").elements.prompt;
    if (under || !prompt.value.trim() || !part("settings").reportValidity()) return;
    if (!read()) {
      showKey();
      scrollTo(0, 0);
      return;
    }
    const { operation, path, body } = wanted();
    addTurn("user", "You").say(prompt.value);
    const turn = addTurn("assistant", body.model);
    under = new AbortController();
    working(true);
    const asked = { role: "user", content: prompt.value };
    const began = performance.now();
    const facts = { finish: "", usage: null, firstMs: 0 };
    let answer = null;
    let text = "";
    prompt.value = "";
    try {
      answer = await fetch(path, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${read()?.key || ""}` },
        body: JSON.stringify(body),
        credentials: "omit",
        signal: under.signal,
      });
      if (!answer.ok) throw await problem(answer);
      if (body.stream) {
        await eachEvent(answer, (event) => {
          if (event.error) throw new Error(event.error.message);
          facts.usage = event.usage || facts.usage;
          facts.finish = event.choices?.[0]?.finish_reason || facts.finish;
          const piece = event.choices?.[0]?.delta?.content || "";
          if (piece && !facts.firstMs) facts.firstMs = performance.now() - began;
          text += piece;
          if (piece) turn.sayLater(() => text);
        });
      } else {
        const found = await answer.json();
        facts.usage = found.usage;
        if (operation === "images") turn.show(found.data);
        else if (operation === "embeddings") turn.say(vector(found.data[0].embedding));
        else {
          text = found.choices[0].message.content || "";
          facts.finish = found.choices[0].finish_reason;
          turn.say(text);
        }
      }
    } catch (error) {
      if (error.name === "AbortError") facts.finish = "stopped";
      else {
        turn.fail(error, text);
        text = ""; // half an answer is read, not sent again: the question is asked anew
        prompt.value ||= asked.content; // nothing typed is lost
      }
    }
    if (operation === "chat" && text) turns.push(asked, { role: "assistant", content: text });
    under = null;
    working(false);
    showCode();
    if (answer) turn.facts(answer, facts, performance.now() - began, root.dataset.costs);
  }

  function working(on) {
    part("stop").hidden = !on;
    part("send").hidden = on;
    (on ? part("stop") : part("ask").elements.prompt).focus();
  }

  // ── what is shown ─────────────────────────────────────────────────────────

  function addTurn(kind, who) {
    const box = element("div", `turn ${kind}`);
    const said = element("div", "said");
    box.append(element("h3", "", { textContent: who }), said);
    part("turns").append(box);
    const down = () => {
      part("turns").scrollTop = part("turns").scrollHeight;
    };
    const say = (text) => {
      said.replaceChildren(...blocks(text));
      down();
    };
    let due = false;
    return {
      say,
      sayLater(text) {
        if (!due) {
          requestAnimationFrame(() => {
            if (due) say(text());
            due = false;
          });
        }
        due = true;
      },
      fail(error, received = "") {
        due = false;
        box.classList.add("failed");
        say((received ? `${received}\n\n` : "") + error.message);
      },
      show(pictures) {
        for (const one of pictures) {
          const shown = one.b64_json
            ? element("img", "", { src: `data:image/png;base64,${one.b64_json}`, alt: "What the model drew" })
            : element("a", "", { href: one.url, textContent: one.url, rel: "noreferrer", target: "_blank" });
          said.append(shown);
        }
        down();
      },
      async facts(answer, { finish, usage, firstMs }, totalMs, costs) {
        const list = element("ul", "");
        const add = (text) => text && list.append(element("li", "", { textContent: text }));
        const id = answer.headers.get("x-request-id");
        add(finish);
        if (usage) add(`${usage.prompt_tokens ?? usage.input_tokens ?? 0} tokens in, ${usage.completion_tokens ?? usage.output_tokens ?? 0} out`);
        const cost = element("li", "", {});
        list.append(cost);
        if (firstMs) add(`first token ${took(firstMs)}`);
        add(`total ${took(totalMs)}`);
        add(timings(answer.headers.get("server-timing")));
        const link = element("a", "", { href: `/dashboard/requests/${encodeURIComponent(id)}`, textContent: id });
        if (id) list.append(element("li", ""));
        if (id) list.lastChild.append(link);
        box.append(list);
        down();
        cost.textContent = await costOf(answer, id, costs);
        if (!cost.textContent) cost.remove();
      },
    };
  }
}

function keep(key, until) {
  sessionStorage.setItem(KEPT, JSON.stringify({ key, until }));
}

function read() {
  const kept = JSON.parse(sessionStorage.getItem(KEPT) || "null");
  return kept && (!kept.until || kept.until > Date.now()) ? kept : null;
}

function element(name, className, more = {}) {
  return Object.assign(document.createElement(name), { className, ...more });
}

// Text, with what stands between ``` as blocks of code.
function blocks(text) {
  return text.split(/```(?:\w*\n)?/).map((piece, index) => {
    return index % 2 ? element("pre", "", { textContent: piece, tabIndex: 0 }) : document.createTextNode(piece);
  });
}

function vector(numbers) {
  const shown = Array.isArray(numbers) ? numbers.slice(0, 8).map((one) => one.toFixed(4)).join(", ") : "";
  return `${numbers.length} numbers: ${shown}, …`;
}

function took(ms) {
  if (ms >= 59950) return `${Math.floor(Math.round(ms / 1000) / 60)} min ${Math.round(ms / 1000) % 60} s`;
  return ms >= 1000 ? `${(ms / 1000).toFixed(1)} s` : `${ms.toFixed(ms >= 10 ? 0 : 1)} ms`;
}

// `auth;dur=0.1, limits;dur=0, upstream;dur=1.4` as `auth 0.1 ms, …`
function timings(header) {
  const found = [...(header || "").matchAll(/([\w-]+);dur=([\d.]+)/g)];
  return found.map(([, name, ms]) => `${name} ${took(Number(ms))}`).join(", ");
}

async function costOf(answer, id, costs) {
  const said = answer.headers.get("x-keyturn-cost");
  if (said) return `$${said.replace(/0+$/, "").replace(/\.$/, "")}`;
  if (!answer.ok || !costs) return "";
  for (let tries = 0; tries < 4; tries += 1) {
    const found = await fetch(`${costs}?id=${encodeURIComponent(id)}`).catch(() => null);
    if (!found?.ok || found.redirected) return "";
    const { cost_usd: usd, priced } = await found.json();
    if (usd !== null) return priced ? `$${usd}` : "unpriced";
    await new Promise((resolve) => setTimeout(resolve, 400)); // it has not been written down yet
  }
  return "";
}

async function problem(answer) {
  const text = await answer.text();
  try {
    return new Error(`${answer.status}: ${JSON.parse(text).error.message}`);
  } catch {
    return new Error(`${answer.status}: ${text.slice(0, 500) || answer.statusText}`);
  }
}

// Calls back with each event of a stream, decoded.
async function eachEvent(answer, call) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const data = line.startsWith("data:") ? line.slice(5).trim() : "";
      if (data && data !== "[DONE]") call(JSON.parse(data));
    }
  }
}
