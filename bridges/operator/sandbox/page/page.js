/* The operator's page: who wrote, what they wrote, who they are, and the answer box. */

import { act, avatar, clock, fill, h, live, mediaBubble, pane, panes, read, said, t, toast, trouble } from "./kit.js";

const RELAY = "0";
const MAX_FILE = 40 * 1024 * 1024;

const users = new Map();
const threads = new Map();
let chosen = null;

/* --- users --- */

const list = h("ul", { class: "list", "aria-label": t("Users") });
const nobody = h("p", { class: "empty", text: t("Nobody has written yet. Write as a customer in a channel's sandbox.") });
const usersPane = pane(t("Users"), h("div", {}, nobody, list));

function drawUsers() {
  nobody.hidden = users.size > 0;
  const sorted = [...users.values()].sort((a, b) => (a.last_at < b.last_at ? 1 : -1));
  const focused = document.activeElement?.dataset?.user;
  fill(
    list,
    sorted.map((user) =>
      h(
        "li",
        {},
        h(
          "button",
          {
            type: "button",
            class: "item",
            data: { user: user.id },
            "aria-current": String(user.id === chosen),
            onclick: () => choose(user.id),
          },
          avatar(user.name),
          h(
            "span",
            { class: "main" },
            h("strong", { dir: "auto", text: user.name }),
            h("span", { class: "soft tiny", dir: "auto", text: user.last_text || t("no text") }),
          ),
          h(
            "span",
            { class: "side" },
            h("span", { class: "soft tiny", text: clock(user.last_at) }),
            user.unread ? h("span", { class: "badge", text: String(user.unread), "aria-label": t("{n} unread", { n: user.unread }) }) : null,
          ),
        ),
      ),
    ),
  );
  if (focused) list.querySelector(`[data-user="${CSS.escape(focused)}"]`)?.focus();
}

/* --- the thread --- */

const title = h("h2", { text: t("Conversation") });
const chat = h("div", { class: "chat", role: "log", "aria-label": t("Messages") });
const unchosen = h("p", { class: "empty", text: t("Choose a user on the left.") });
const bubbles = new Map();
let atEnd = true;

/* Who reads the newest goes on seeing it, also when a picture above has only now found its height. */
function stay() {
  if (atEnd) chat.scrollTop = chat.scrollHeight;
}
chat.addEventListener("scroll", () => {
  atEnd = chat.scrollHeight - chat.scrollTop - chat.clientHeight < 60;
});
chat.addEventListener("load", stay, true);

function bubble(message) {
  const mine = message.from === "operator";
  const [first, ...others] = message.files;
  const box = said({
    id: message.id,
    mine,
    text: message.text,
    at: message.at,
    media: first && { kind: first.kind, url: first.url, filename: first.name },
    state: mine ? { sending: "queued", sent: "accepted", refused: "failed" }[message.state] : null,
    under: [
      first ? h("span", { text: t("as {how}", { how: first.how }) }) : null,
      message.answer ? h("span", { class: message.state === "refused" ? "bad" : "", text: message.answer }) : null,
      message.state === "refused" && !message.answer ? h("span", { class: "bad", text: t("refused ({status})", { status: message.status || t("no answer") }) }) : null,
    ].filter(Boolean),
  });
  if (!message.text && !first) box.prepend(h("div", { class: "bubble note", text: t("no text") }));
  for (const file of others.reverse()) box.prepend(mediaBubble({ kind: file.kind, url: file.url, filename: file.name }));
  return box;
}

function put(message, fresh) {
  const box = bubble(message);
  const old = bubbles.get(message.id);
  if (old) {
    old.replaceWith(box);
  } else {
    if (fresh) box.classList.add("fresh");
    chat.append(box);
    if (message.from === "operator") atEnd = true;
    stay();
  }
  bubbles.set(message.id, box);
}

function drawThread() {
  bubbles.clear();
  const user = users.get(chosen);
  unchosen.hidden = Boolean(user);
  chat.hidden = form.hidden = !user;
  title.textContent = user ? user.name : t("Conversation");
  title.title = user ? t("user {user}, bot {bot}", { user: user.id, bot: user.bot_id || "?" }) : "";
  if (chosen === RELAY) {
    title.textContent = t("Notices of the relay");
    form.hidden = true;
  }
  fill(chat);
  for (const message of threads.get(chosen) ?? []) put(message, false);
  atEnd = true;
  stay();
}

function choose(id) {
  chosen = id;
  drawThread();
  drawUsers();
  drawCard();
  shown.show("thread");
  if (users.get(id)?.unread) act("seen", { user_id: Number(id) });
  if (matchMedia("(min-width: 901px)").matches) text.focus();
}

/* --- the answer box --- */

const text = h("textarea", { rows: 1, placeholder: t("Answer…"), "aria-label": t("Answer") });
const options = h("input", { type: "text", placeholder: t("Yes | No | Later"), "aria-label": t("Quick replies, separated by |"), id: "options" });
const picker = h("input", { type: "file", class: "off", "aria-label": t("File to attach"), tabIndex: -1 });
const picked = h("div", { class: "picked row tiny", hidden: true });
const send = h("button", { type: "submit", class: "primary", text: t("Send") });
const more = h("div", { class: "more row", hidden: true }, h("label", { htmlFor: "options", class: "soft tiny", text: t("Quick replies") }), options);
const moreButton = h("button", {
  type: "button",
  "aria-expanded": "false",
  "aria-label": t("Quick replies"),
  title: t("Quick replies"),
  text: "⋯",
  onclick: () => {
    more.hidden = !more.hidden;
    moreButton.setAttribute("aria-expanded", String(!more.hidden));
    if (!more.hidden) options.focus();
  },
});
const form = h(
  "form",
  {
    class: "reply",
    onsubmit: (event) => {
      event.preventDefault();
      submit();
    },
  },
  picked,
  more,
  h(
    "div",
    { class: "compose" },
    h("button", { type: "button", "aria-label": t("Attach a file"), title: t("Attach a file"), text: "+", onclick: () => picker.click() }),
    moreButton,
    text,
    send,
  ),
  picker,
);

text.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    submit();
  }
});
text.addEventListener("input", grow);
picker.addEventListener("change", drawPicked);

function grow() {
  text.rows = Math.min(6, text.value.split("\n").length);
}

function drawPicked() {
  const file = picker.files[0];
  picked.hidden = !file;
  if (!file) return;
  fill(
    picked,
    h("span", { text: `${file.name} · ${Math.ceil(file.size / 1024)} kB` }),
    h("button", {
      type: "button",
      class: "small",
      text: t("Remove"),
      onclick: () => {
        picker.value = "";
        drawPicked();
      },
    }),
  );
}

function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).split(",", 2)[1] ?? "");
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

async function submit() {
  const file = picker.files[0];
  if (send.disabled) return; // one press, one message
  if (!chosen || (!text.value.trim() && !options.value.trim() && !file)) return;
  if (file && file.size > MAX_FILE) {
    toast(t("The sandbox takes files of up to 40 MB."));
    return;
  }
  const words = { user_id: Number(chosen), text: text.value, options: options.value };
  send.disabled = true;
  try {
    if (file) words.file = { name: file.name, mime: file.type || "application/octet-stream", data: await base64(file) };
    const sent = act("answer", words);
    text.value = options.value = picker.value = "";
    grow();
    drawPicked();
    await sent;
  } catch {
    text.value ||= words.text;
    options.value ||= words.options;
  } finally {
    send.disabled = false;
  }
}

const threadPane = h("section", {}, h("div", { class: "head" }, title), unchosen, chat, form);

/* --- who they are --- */

const cardBody = h("div", { class: "stack" });
const again = h("button", {
  type: "button",
  class: "small",
  text: t("Ask again"),
  onclick: () => chosen && act("ask", { user_id: Number(chosen) }),
});
const cardPane = pane(t("User"), cardBody, again);

function drawCard() {
  const user = users.get(chosen);
  again.hidden = !user || user.id === RELAY;
  if (!user || user.id === RELAY) {
    fill(cardBody, h("p", { class: "empty", text: t(user ? "These are the relay's own words." : "Nobody is chosen.") }));
    return;
  }
  const info = user.info;
  const line = (name, value) => [h("dt", { text: name }), h("dd", { text: value || "—", dir: "auto" })];
  fill(
    cardBody,
    h("div", { class: "row" }, avatar(user.name), h("strong", { text: user.name, dir: "auto" })),
    user.trouble ? h("p", { class: "bad tiny", text: user.trouble }) : null,
    info
      ? h(
          "dl",
          { class: "facts" },
          line(t("Id"), String(info.id)),
          line(t("Gender"), info.gender),
          line(t("Balance"), info.balance),
          line(t("Location"), info.location),
          line(t("About"), info.about),
          info.custom.flatMap(({ name, value }) => line(name, value)),
        )
      : h("p", { class: "soft tiny", text: t("The relay has not been asked yet.") }),
    h("h3", { text: t("Media") }),
    user.media.length
      ? h(
          "div",
          { class: "gallery" },
          user.media.map((file) =>
            h(
              "a",
              { href: file.url, target: "_blank", rel: "noopener noreferrer", title: file.name },
              file.kind === "image" ? h("img", { src: file.url, alt: file.name, loading: "lazy" }) : h("span", { class: "tiny", text: `${file.kind}: ${file.name}` }),
            ),
          ),
        )
      : h("p", { class: "soft tiny", text: t("None.") }),
  );
}

/* --- all together --- */

const wrong = trouble();

const shown = panes([
  { id: "users", label: t("Users"), element: usersPane, kind: "narrow" },
  { id: "thread", label: t("Chat"), element: threadPane, kind: "wide" },
  { id: "card", label: t("User"), element: cardPane, kind: "narrow" },
]);

live({
  event(kind, data) {
    wrong.event(kind, data);
    if (kind === "user") {
      users.set(data.id, data);
      if (chosen === null && users.size === 1) choose(data.id);
      if (data.id === chosen) {
        drawCard();
        if (data.unread) act("seen", { user_id: Number(chosen) });
      }
      drawUsers();
    } else if (kind === "message") {
      const messages = threads.get(data.user_id) ?? [];
      const at = messages.findIndex((m) => m.id === data.id);
      if (at < 0) messages.push(data);
      else messages[at] = data;
      threads.set(data.user_id, messages);
      if (data.user_id === chosen) put(data, true);
    }
  },
  async resync() {
    const state = await read("_sandbox/state?for=page");
    users.clear();
    threads.clear();
    for (const user of state.users) users.set(user.id, user);
    for (const [id, messages] of Object.entries(state.messages)) threads.set(id, messages);
    if (!users.has(chosen)) chosen = null;
    drawUsers();
    drawThread();
    drawCard();
    await wrong.load();
  },
});
