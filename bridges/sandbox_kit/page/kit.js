/* The shared half of a sandbox's page. What others wrote is only ever set as text, never as markup.

   h(tag, props, ...children)   an element; `class`, `text`, `on<event>`, `data`, attributes; null children are left out
   read(path) · act(name, args) JSON from the sandbox; act shows the sandbox's sentence as a toast and throws on a no
   t(text, facts)               the text in the page's language; Russian stands in ru.js
   live({event, resync})        what happens: event(kind, data) for each; resync() at the start and when some were missed
   panes([{id, label, element, kind}], onshow?)   side by side, or one at a time with tabs on a narrow screen; {show(id)}
   pane(title, body, ...headExtras)      a pane with a heading
   deck([{id, label, element}])          several panes in one place, chosen by buttons above; {element, show(id)}
   trouble([...more])           the drawer of what can go wrong, with the log of hooks: {load, event(kind, data)} (trouble.js)
   said({...}) · ticks(state) · avatar(name) · clock(time) · toast(text) · ask({title, fields})
*/

import { RU } from "./ru.js";

const russian = document.documentElement.lang === "ru";

/* A text of the page in its language. {name}s are filled in. */
export function t(text, facts = {}) {
  const said = russian ? (RU[text] ?? text) : text;
  return said.replace(/\{(\w+)\}/g, (whole, name) => facts[name] ?? whole);
}

export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else if (name === "text") element.textContent = value;
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && name !== "list" && name !== "form") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  append(element, children);
  return element;
}

export function append(element, children) {
  for (const child of children.flat()) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
}

export const fill = (element, ...children) => {
  element.replaceChildren();
  append(element, children);
  return element;
};

export async function read(path) {
  const answer = await fetch(path, { headers: { Accept: "application/json" }, cache: "no-store" });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

export async function post(path, value) {
  let answer;
  try {
    answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(value ?? {}),
    });
  } catch {
    toast(t("The sandbox does not answer."));
    throw new Error("no answer");
  }
  const said = await answer.json().catch(() => null);
  if (!answer.ok) {
    const sentence = said?.error ?? t("The sandbox answered {status}.", { status: answer.status });
    toast(sentence);
    throw new Error(sentence);
  }
  return said;
}

export const act = (name, value) => post(`_sandbox/act/${name}`, value);

export function toast(text) {
  const box = document.getElementById("toasts");
  const note = h("div", { class: "toast", text });
  box.append(note);
  setTimeout(() => note.remove(), 6000);
}

/* Events keep their order; those that come while the state is being read wait for it. A WebSocket, because a browser opens
   only six HTTP connections to one address, and all pages of a deployment may be open beside each other. */
export function live({ event, resync }) {
  const sign = document.getElementById("live");
  let work = Promise.resolve();
  let tries = 0;
  let timer = 0;
  const soon = (step) => {
    work = work.then(step).catch((error) => console.warn(error));
  };
  const open = () => {
    clearTimeout(timer);
    const url = new URL("_sandbox/live", document.baseURI);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    socket.onmessage = (message) => {
      const { kind, data } = JSON.parse(message.data);
      if (kind === "hello" || kind === "resync") {
        tries = 0;
        sign.className = "live on";
        sign.textContent = t("live");
        soon(resync);
      } else {
        soon(() => event(kind, data));
      }
    };
    socket.onclose = () => {
      sign.className = "live";
      sign.textContent = t("reconnecting…");
      timer = setTimeout(open, Math.min(10_000, 400 * 2 ** tries) * (0.8 + Math.random() * 0.4));
      tries += 1;
    };
  };
  open();
  window.addEventListener("online", () => {
    if (!sign.classList.contains("on")) open();
  });
  document.getElementById("intro").textContent = t(document.getElementById("intro").textContent);
  document.getElementById("reset").addEventListener("click", async () => {
    await post("_sandbox/reset");
    toast(t("Everything is back at the beginning."));
  });
}

/* --- layout --- */

export function panes(list, onshow = () => {}) {
  const area = h("div", { class: "panes", data: { shown: list[0].id } });
  const tabs = h("div", { class: "tabs", role: "tablist", "aria-label": t("Parts of this page") });
  const sections = new Map();
  const buttons = new Map();
  const show = (id) => {
    area.dataset.shown = id;
    for (const [name, section] of sections) section.classList.toggle("shown", name === id);
    for (const [name, button] of buttons) button.setAttribute("aria-selected", String(name === id));
    if (area.isConnected) onshow(id);
  };
  for (const { id, label, element, kind } of list) {
    element.classList.add("pane", ...(kind ? kind.split(" ") : []));
    element.setAttribute("aria-label", label);
    sections.set(id, element);
    area.append(element);
    const button = h("button", { type: "button", role: "tab", text: label, onclick: () => show(id) });
    buttons.set(id, button);
    tabs.append(button);
  }
  show(list[0].id);
  const app = document.getElementById("app");
  fill(app, area, tabs);
  app.setAttribute("aria-busy", "false");
  return { show };
}

export function pane(title, body, ...extras) {
  return h("section", {}, h("div", { class: "head" }, h("h2", { text: title }), ...extras), h("div", { class: "body", tabIndex: 0 }, body));
}

export function deck(list) {
  const chooser = h("div", { class: "chooser", role: "tablist" });
  const element = h("section", { class: "deck" }, chooser);
  const buttons = new Map();
  const show = (id) => {
    for (const part of list) {
      part.element.hidden = part.id !== id;
      buttons.get(part.id).setAttribute("aria-selected", String(part.id === id));
    }
  };
  for (const { id, label, element: part } of list) {
    const button = h("button", { type: "button", role: "tab", text: label, onclick: () => show(id) });
    buttons.set(id, button);
    chooser.append(button);
    element.append(part);
  }
  show(list[0].id);
  return { element, show };
}

/* --- small things --- */

export function clock(time) {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? "" : date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

export function avatar(name) {
  const letters = [...(name || "?").replace(/^@/, "").trim()];
  const tone = letters.reduce((sum, letter) => sum + letter.codePointAt(0), 0) % 6;
  return h("span", { class: "avatar", "aria-hidden": "true", data: { tone }, text: (letters[0] ?? "?").toUpperCase() });
}

const SVG = "http://www.w3.org/2000/svg";
const SHAPES = {
  queued: ["M9 1.5a6 6 0 1 0 .01 0M9 4.5V8l2.4 1.4"],
  pending: ["M2 7l4 4L14 3"],
  accepted: ["M2 7l4 4L14 3"],
  delivered: ["M1 7l4 4L13 3", "M9 11l8-8"],
  read: ["M1 7l4 4L13 3", "M9 11l8-8"],
  failed: ["M3 3l8 8", "M11 3l-8 8"],
};

export function ticks(state) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 19 14");
  for (const d of SHAPES[state] ?? SHAPES.queued) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return h("span", { class: `ticks ${state}`, role: "img", "aria-label": t(state), title: t(state) }, svg);
}

/* One thing said. {mine, text, at, state, media: {kind, url, filename}, note, chips: [], under: [nodes], onchip} */
export function said(m) {
  const box = h("div", { class: `said${m.mine ? " mine" : ""}`, data: m.id ? { id: m.id } : {} });
  if (m.note) box.append(h("div", { class: "bubble note", text: m.note }));
  if (m.media) box.append(mediaBubble(m.media));
  if (m.text) box.append(h("div", { class: "bubble", dir: "auto", text: m.text }));
  if (m.chips?.length) {
    box.append(
      h("div", { class: "chips" }, m.chips.map((label) => h("button", { type: "button", text: label, onclick: () => m.onchip(label) }))),
    );
  }
  box.append(h("div", { class: "under" }, h("span", { text: clock(m.at) }), m.state ? ticks(m.state) : null, m.under ?? null));
  return box;
}

export function mediaBubble({ kind, url, filename }) {
  const label = filename || kind;
  if (kind === "image") return h("div", { class: "bubble media" }, h("img", { src: url, alt: label, loading: "lazy" }));
  if (kind === "video") {
    return h("div", { class: "bubble media" }, h("video", { src: url, controls: true, preload: "metadata", "aria-label": label }));
  }
  if (kind === "audio") {
    return h("div", { class: "bubble media" }, h("audio", { src: url, controls: true, preload: "metadata", "aria-label": label }));
  }
  return h("div", { class: "bubble" }, h("a", { href: url, target: "_blank", rel: "noopener noreferrer", text: label }));
}

/* A small form in a dialog; resolves to its values, or null. fields: [{name, label, value, placeholder, required}] */
export function ask({ title, fields, confirm = t("OK") }) {
  return new Promise((resolve) => {
    const inputs = fields.map((f) =>
      h("input", { type: "text", value: f.value ?? "", placeholder: f.placeholder ?? "", required: f.required ?? false, autocomplete: "off" }),
    );
    const dialog = h(
      "dialog",
      { "aria-label": title },
      h(
        "form",
        {
          onsubmit: (event) => {
            event.preventDefault();
            finish(Object.fromEntries(fields.map((f, i) => [f.name, inputs[i].value])));
          },
        },
        h("h2", { text: title }),
        fields.map((f, i) => h("label", {}, f.label, inputs[i])),
        h(
          "div",
          { class: "row" },
          h("button", { class: "primary", type: "submit", text: confirm }),
          h("button", { type: "button", text: t("Cancel"), onclick: () => finish(null) }),
        ),
      ),
    );
    const before = document.activeElement;
    const finish = (value) => {
      dialog.remove();
      if (before?.isConnected) before.focus();
      resolve(value);
    };
    dialog.addEventListener("cancel", () => finish(null));
    document.body.append(dialog);
    dialog.showModal();
  });
}

export { trouble } from "./trouble.js";
