/* The messenger's page: choose whom you are, and chat with the business account. */

import { act, ask, avatar, clock, fill, h, live, pane, panes, read, said, t, toast, trouble } from "./kit.js";

const users = new Map();
const messages = new Map();
const unread = new Map();
let business = 1;
let me = null;

/* --- whom you are --- */

const list = h("ul", { class: "list", "aria-label": t("Customers") });
const add = h("button", {
  type: "button",
  class: "small",
  text: t("New user"),
  onclick: async () => {
    const given = await ask({
      title: t("A new user"),
      fields: [{ name: "username", label: t("Name, up to 15 characters"), required: true }],
      confirm: t("Join"),
    });
    if (given) {
      const user = await act("join", given);
      users.set(user.id, user);
      become(user.id);
    }
  },
});
const usersPane = pane(t("You are"), list, add);

const withMe = (id) => [...messages.values()].filter((m) => m.from_id === id || m.to_id === id).sort((a, b) => a.id - b.id);

function drawUsers() {
  const focused = document.activeElement?.dataset?.user;
  const customers = [...users.values()].filter((user) => user.id !== business);
  fill(
    list,
    customers.map((user) => {
      const last = withMe(user.id).at(-1);
      const count = unread.get(user.id) ?? 0;
      return h(
        "li",
        {},
        h(
          "button",
          { type: "button", class: "item", data: { user: user.id }, "aria-current": String(user.id === me), onclick: () => become(user.id) },
          avatar(user.username),
          h(
            "span",
            { class: "main" },
            h("strong", { text: user.username, dir: "auto" }),
            h("span", { class: "soft tiny", text: user.confirmed ? last?.text || (last ? t("no text") : t("user {id}", { id: user.id })) : t("SMS code {code}", { code: user.sms }) }),
          ),
          h(
            "span",
            { class: "side" },
            h("span", { class: "soft tiny", text: last ? clock(last.at) : "" }),
            count ? h("span", { class: "badge", text: String(count), "aria-label": t("{n} unread", { n: count }) }) : null,
          ),
        ),
      );
    }),
  );
  if (focused) list.querySelector(`[data-user="${CSS.escape(focused)}"]`)?.focus();
}

function become(id) {
  me = id;
  unread.delete(id);
  drawUsers();
  drawChat();
  shown.show("chat");
  if (matchMedia("(min-width: 901px)").matches) text.focus();
}

/* --- the phone --- */

const peer = h("div", { class: "main" });
const chat = h("div", { class: "chat", role: "log", "aria-label": t("Messages") });
const text = h("textarea", { rows: 1, placeholder: t("Message…"), "aria-label": t("Message") });
const form = h(
  "form",
  {
    class: "compose",
    onsubmit: (event) => {
      event.preventDefault();
      submit();
    },
  },
  h("button", {
    type: "button",
    text: "∅",
    title: t("Send an event without text"),
    "aria-label": t("Send an event without text"),
    onclick: () => act("write", { from_id: me, text: null }),
  }),
  text,
  h("button", { type: "submit", class: "primary", text: t("Send") }),
);
const peerAvatar = h("span", {});
const phone = h("div", { class: "phone" }, h("div", { class: "top" }, peerAvatar, peer), chat, h("div", { class: "bottom" }, form));
const chatPane = h("section", {}, phone);

text.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    submit();
  }
});
text.addEventListener("input", () => {
  text.rows = Math.min(6, text.value.split("\n").length);
});

async function submit() {
  const words = text.value;
  if (!words.trim() || me === null) return;
  text.value = "";
  text.rows = 1;
  await act("write", { from_id: me, text: words }).catch(() => {
    text.value ||= words;
  });
}

const bubble = (message) =>
  said({
    id: message.id,
    mine: message.from_id === me,
    text: message.text,
    at: message.at,
    note: message.text ? null : "no text",
    state: message.from_id === me ? (message.read ? "read" : "delivered") : null,
  });

let atEnd = true;
chat.addEventListener("scroll", () => {
  atEnd = chat.scrollHeight - chat.scrollTop - chat.clientHeight < 60;
});
const stay = () => {
  if (atEnd) chat.scrollTop = chat.scrollHeight;
};

function drawChat() {
  const shop = users.get(business);
  fill(peerAvatar, avatar(shop?.username ?? "?"));
  fill(
    peer,
    h("strong", { text: shop?.username ?? "", dir: "auto" }),
    h("div", { class: "soft tiny", text: me === null ? "" : `you are ${users.get(me)?.username ?? me}` }),
  );
  const mine = me === null ? [] : withMe(me);
  fill(chat, mine.length ? mine.map(bubble) : h("p", { class: "empty", text: t("Write something; the relay brings it to the desks.") }));
  atEnd = true;
  stay();
}

function arrive(message) {
  const old = messages.get(message.id);
  messages.set(message.id, message);
  const customer = message.from_id === business ? message.to_id : message.from_id;
  if (customer === me) {
    const box = bubble(message);
    const place = chat.querySelector(`[data-id="${message.id}"]`);
    if (place) place.replaceWith(box);
    else {
      chat.querySelector(".empty")?.remove();
      box.classList.add("fresh");
      chat.append(box);
      if (message.from_id === me) atEnd = true;
      stay();
    }
  } else if (!old && message.from_id === business) {
    unread.set(customer, (unread.get(customer) ?? 0) + 1);
  }
  drawUsers();
}

/* --- the business account --- */

const account = h("div", { class: "stack" });
const accountPart = pane(t("The business account"), account);

function drawAccount() {
  const shop = users.get(business);
  if (!shop) return;
  const events = shop.callback ? t("posted to {url}", { url: shop.callback }) : t(shop.polling ? "polled by the relay" : "waiting; nobody asks for them");
  fill(
    account,
    h("dl", { class: "facts" }, [h("dt", { text: t("Name") }), h("dd", { text: shop.username }), h("dt", { text: t("Events") }), h("dd", { text: events })]),
    h(
      "div",
      { class: "row" },
      h("button", {
        type: "button",
        class: "small",
        text: t("Revoke its tokens"),
        onclick: async () => {
          await act("revoke");
          toast(t("Every token of the business account is dead. Its password is still good."));
        },
      }),
      h("button", {
        type: "button",
        class: "small",
        text: t("Another server takes the callback"),
        onclick: () => act("take_callback", {}),
      }),
    ),
  );
}

/* --- all together --- */

const wrong = trouble([accountPart]);

const shown = panes([
  { id: "users", label: t("You are"), element: usersPane, kind: "narrow" },
  { id: "chat", label: t("Chat"), element: chatPane, kind: "bare" },
]);

shown.show("chat");

live({
  event(kind, data) {
    wrong.event(kind, data);
    if (kind === "message") arrive(data);
    else if (kind === "deleted") {
      messages.delete(data.id);
      drawChat();
      drawUsers();
    } else if (kind === "user") {
      users.set(data.id, data);
      if (data.id === business) drawAccount();
      else drawUsers();
    }
  },
  async resync() {
    const state = await read("_sandbox/state?for=page");
    business = state.business;
    users.clear();
    messages.clear();
    unread.clear();
    for (const user of state.users) users.set(user.id, user);
    for (const message of state.messages) messages.set(message.id, message);
    if (!users.has(me)) me = state.users.find((user) => user.id !== business)?.id ?? null;
    drawUsers();
    drawChat();
    drawAccount();
    await wrong.load();
  },
});
