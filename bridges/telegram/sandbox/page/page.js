/* Telegram's page: one chat, and a box to write in as a person. */

import { act, append, fill, h, hookLog, live, panes, read, said, switchPanel } from "./kit.js";

const messages = [];
const chat = h("div", { class: "chat", role: "log", "aria-label": "Messages" });
const text = h("textarea", { rows: 2, required: true, placeholder: "Message…", "aria-label": "Message" });

const send = (words) => act("write", { text: words });
const form = h(
  "form",
  {
    class: "compose",
    onsubmit: (event) => {
      event.preventDefault();
      const words = text.value;
      if (!words.trim()) return;
      text.value = "";
      send(words).catch(() => {
        text.value ||= words;
      });
    },
  },
  h("button", { type: "button", text: "Photo", onclick: () => act("photo", {}) }),
  text,
  h("button", { type: "submit", class: "primary", text: "Send" }),
);

function bubble(m) {
  const file = ["photo", "video", "audio", "document"].find((kind) => m[kind]);
  return said({
    id: m.message_id,
    mine: !m.from.is_bot,
    note: file ? `[${file}]` : null,
    text: m.text ?? m.caption ?? "",
    at: new Date(m.date * 1000).toISOString(),
    chips: m.reply_markup?.keyboard?.flat().map((button) => button.text),
    onchip: send,
  });
}

function draw() {
  fill(chat, messages.map(bubble));
  chat.scrollTop = chat.scrollHeight;
}

const chatPane = h("section", {}, chat, form);
const switches = switchPanel();
const hooks = hookLog();
const side = h("section", {});
append(side, [switches.element, hooks.element]);

panes([
  { id: "chat", label: "Chat", element: chatPane, kind: "wide" },
  { id: "side", label: "Sandbox", element: side, kind: "side" },
]);

live({
  event(kind, data) {
    switches.event(kind, data);
    hooks.event(kind, data);
    if (kind === "message") {
      messages.push(data);
      draw();
    }
  },
  async resync() {
    const state = await read("_sandbox/state?for=page");
    messages.splice(0, messages.length, ...state.messages);
    draw();
    await Promise.all([switches.load(), hooks.load()]);
  },
});
