/* The webhook's page: what the relay posted, and a form to post to it. */

import { act, append, fill, h, hookLog, live, panes, read, said, switchPanel } from "./kit.js";

const events = [];
let role = "channel";

const chat = h("div", { class: "chat", role: "log", "aria-label": "Events" });
const user = h("input", { type: "text", required: true, "aria-label": "User or conversation" });
const text = h("textarea", { rows: 2, required: true, placeholder: "Message…", "aria-label": "Message" });
const form = h(
  "form",
  {
    class: "compose",
    onsubmit: (event) => {
      event.preventDefault();
      const words = text.value;
      if (!user.value.trim() || !words.trim()) return;
      text.value = "";
      act("write", { user: user.value.trim(), text: words }).catch(() => {
        text.value ||= words;
      });
    },
  },
  user,
  text,
  h("button", { type: "submit", class: "primary", text: "Send" }),
);

function bubble(event) {
  const mine = event.from === "us";
  const data = event.data ?? {};
  const number = data.conversation?.id;
  return said({
    id: event.id,
    mine,
    note: event.type + (number ? ` · #${number}` : ""),
    text: data.text || JSON.stringify(data),
    at: event.at,
    chips: data.options,
    onchip: (label) => {
      text.value = label;
    },
  });
}

function draw() {
  user.placeholder = role === "channel" ? "customer's id" : "conversation's number";
  fill(chat, events.map(bubble));
  chat.scrollTop = chat.scrollHeight;
}

const eventsPane = h("section", {}, h("div", { class: "head" }, h("h2", { text: "Events" })), chat, h("div", { class: "reply" }, form));
const switches = switchPanel();
const hooks = hookLog();
const side = h("section", {});
append(side, [switches.element, hooks.element]);

panes([
  { id: "events", label: "Events", element: eventsPane, kind: "wide" },
  { id: "side", label: "Sandbox", element: side, kind: "side" },
]);

live({
  event(kind, data) {
    switches.event(kind, data);
    hooks.event(kind, data);
    if (kind === "event") {
      events.push(data);
      draw();
    }
  },
  async resync() {
    const state = await read("_sandbox/state?for=page");
    role = state.role;
    events.splice(0, events.length, ...state.events);
    draw();
    await Promise.all([switches.load(), hooks.load()]);
  },
});
