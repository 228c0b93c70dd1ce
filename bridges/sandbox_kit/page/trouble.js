/* What can go wrong at the far side, in a drawer: ready-made troubles first, every switch below, and the log of hooks. */

import { clock, fill, h, pane, post, read, t } from "./kit.js";

/* The drawer, opened by a button in the page's head. `more`: panes of the page's own, shown at the end. */
export function trouble(more = []) {
  const switches = switchPanel();
  const hooks = hookLog();
  const close = h("button", { type: "button", class: "quiet", "aria-label": t("Close"), text: "✕", onclick: () => show(false) });
  const drawer = h(
    "aside",
    { class: "drawer", hidden: true, "aria-label": t("What goes wrong") },
    h("div", { class: "head" }, h("h2", { text: t("What goes wrong") }), close),
    h("div", { class: "drawer-body", tabIndex: 0 }, switches.ready, more, switches.element, hooks.element),
  );
  for (const part of [...more, switches.element, hooks.element]) part.classList.add("part");
  const button = document.getElementById("trouble");
  button.textContent = t("What goes wrong");
  button.hidden = false;
  const show = (open) => {
    drawer.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
    (open ? close : button).focus();
  };
  button.addEventListener("click", () => show(drawer.hidden));
  drawer.addEventListener("keydown", (event) => event.key === "Escape" && show(false));
  document.body.append(drawer);
  return {
    hooks,
    load: () => Promise.all([switches.load(), hooks.load()]),
    event(kind, data) {
      switches.event(kind, data);
      hooks.event(kind, data);
    },
  };
}

/* --- switches --- */

function switchPanel() {
  const body = h("div", { class: "stack" });
  const ready = h("div", { class: "presets" });
  let known = [];
  const drawPresets = (presets, on) => {
    known = presets;
    fill(
      ready,
      presets.map((preset) =>
        h(
          "button",
          {
            type: "button",
            class: "preset",
            "aria-pressed": String(preset.name === on),
            data: { preset: preset.name },
            onclick: () => post(`_sandbox/presets/${preset.name === on ? "none" : preset.name}`),
          },
          h("strong", { text: t(preset.title) }),
          h("span", { class: "soft tiny", text: t(preset.text) }),
        ),
      ),
    );
  };
  const element = pane(t("Everything that can go wrong"), body);
  let shown = {};
  const change = async (name, value) => {
    try {
      await post("_sandbox/switches", { [name]: value });
    } catch {
      await load();
    }
  };
  const control = (field, value) => {
    const id = `switch-${field.name}`;
    const common = { id, "aria-describedby": field.description ? `${id}-note` : null };
    if (field.type === "boolean") {
      return h("input", { ...common, type: "checkbox", checked: value, onchange: (e) => change(field.name, e.target.checked) });
    }
    if (field.enum) {
      return h(
        "select",
        { ...common, onchange: (e) => change(field.name, e.target.value) },
        field.enum.map((choice) => h("option", { value: choice, text: t(String(choice).replaceAll("_", " ")), selected: choice === value })),
      );
    }
    if (field.type === "integer" || field.type === "number") {
      return h("input", {
        ...common,
        type: "number",
        min: field.minimum ?? null,
        max: field.maximum ?? null,
        step: field.type === "integer" ? 1 : "any",
        value: String(value),
        onchange: (e) => change(field.name, Number(e.target.value)),
      });
    }
    return h("input", { ...common, type: "text", value: value ?? "", onchange: (e) => change(field.name, e.target.value) });
  };
  const load = async () => {
    const { values, fields, presets, preset } = await read("_sandbox/switches");
    drawPresets(presets, preset);
    shown = new Map();
    const groups = new Map();
    for (const field of fields) {
      const input = control(field, values[field.name]);
      const row = h(
        "div",
        { class: "switch" },
        h("label", { htmlFor: `switch-${field.name}`, text: t(field.title ?? field.name) }),
        input,
        field.description ? h("span", { class: "note", id: `switch-${field.name}-note`, text: t(field.description) }) : null,
      );
      shown.set(field.name, { row, input, field });
      const group = t(field.group ?? "Switches");
      groups.set(group, [...(groups.get(group) ?? []), row]);
    }
    const open = new Set([...body.querySelectorAll("details[open] > summary")].map((summary) => summary.textContent));
    fill(
      body,
      [...groups].map(([name, rows]) =>
        h("details", { class: "group", open: open.has(name) }, h("summary", { text: name }), h("div", { class: "stack" }, rows)),
      ),
    );
    mark(values);
  };
  const mark = (values) => {
    for (const [name, { row, input, field }] of shown) {
      if (field.type === "boolean") input.checked = values[name];
      else if (document.activeElement !== input) input.value = String(values[name] ?? "");
      row.classList.toggle("changed", "default" in field && field.default !== values[name]);
    }
  };
  const event = (kind, data) => {
    if (kind === "switches") mark(data);
    if (kind === "preset") drawPresets(known, data);
    document.getElementById("trouble").classList.toggle("on", Boolean(body.querySelector(".changed") || ready.querySelector('[aria-pressed="true"]')));
  };
  return { element, ready, load, event };
}

/* --- the log of hooks --- */

const MOOD = { done: "good", waiting: "warn", sending: "soft", "given up": "bad", refused: "bad", "no address": "warn" };

function hookLog() {
  const table = h("tbody");
  const none = h("p", { class: "empty", text: t("Nothing has been sent to the relay yet.") });
  const element = pane(t("Hooks to the relay"), h("div", {}, none, h("table", { class: "log" }, table)));
  const rows = new Map();
  const put = (entry) => {
    const cells = [
      h("td", { text: clock(entry.at) }),
      h(
        "td",
        {},
        h("div", { text: entry.label }),
        entry.answer ? h("div", { class: "answer mono", text: entry.answer }) : null,
      ),
      h("td", { class: MOOD[entry.state] ?? "" }, [entry.status, entry.state === "done" ? `${entry.ms} ms` : t(entry.state)].filter(Boolean).join(" · "), again(entry)),
    ];
    const row = rows.get(entry.id);
    if (row) fill(row, cells);
    else {
      const fresh = h("tr", {}, cells);
      rows.set(entry.id, fresh);
      table.prepend(fresh);
      if (rows.size > 200) {
        const oldest = rows.keys().next().value;
        rows.get(oldest).remove();
        rows.delete(oldest);
      }
    }
    none.hidden = rows.size > 0;
  };
  const again = (entry) =>
    entry.next_try_s ? h("div", { class: "tiny", text: t("try {n} in {s} s", { n: entry.tries + 1, s: entry.next_try_s }) }) : null;
  const load = async () => {
    rows.clear();
    table.replaceChildren();
    none.hidden = false;
    for (const entry of await read("_sandbox/hooks")) put(entry);
  };
  return { element, load, event: (kind, data) => kind === "hook" && put(data) };
}
