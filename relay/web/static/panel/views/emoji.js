import { html, useEffect, useRef, useState } from "../../ui/lib.js";
import { locale, t } from "../../ui/i18n.js";
import { Icon } from "../../ui/icons.js";

/** Those people use in such conversations, with words to find them by. */
const TABLE = `😀 smile улыбка|😃 happy рад|😄 laugh смех|😁 grin|😅 sweat ой|😂 tears joy смех|🙂 slight улыбка|😉 wink подмигнуть|😊 blush румянец|😍 love влюблён|😘 kiss поцелуй|😎 cool круто|🤔 think думаю|😐 neutral|🙄 roll|😏 smirk|😴 sleep сон|😔 sad грусть|😢 cry плач|😭 sob рыдать|😡 angry злой|🤯 mind|😱 shock ужас|🥳 party праздник|🤗 hug обнять|🤝 deal договорились|👍 yes thumbs да хорошо|👎 no нет плохо|👌 ok ок|🙏 thanks please спасибо пожалуйста|👏 clap браво|🙌 hooray ура|💪 strong сила|👋 hi hello bye привет пока|✌️ peace|🤞 luck удача|👉 right|👆 up|👇 down|❤️ heart сердце|💙 blue|💚 green|💔 broken|🔥 fire огонь|✨ sparkle|⭐ star звезда|🎉 tada congratulations поздравляю|🎁 gift подарок|🎂 cake birthday торт день рождения|💐 flowers цветы|🌸 blossom|🌹 rose роза|☀️ sun солнце|❄️ snow снег|☕ coffee кофе|🍕 pizza|🍷 wine|📦 parcel order посылка заказ|🚚 delivery truck доставка|🚗 car машина|✈️ plane самолёт|🏠 home дом|🛒 cart корзина|💳 card карта|💰 money деньги|🧾 receipt чек|📞 phone телефон|📱 mobile|💻 computer|📷 photo фото|📎 clip|📝 note запись|📅 date дата календарь|⏰ time время|⏳ wait ждать|✅ done готово|❌ cross нет|❗ important важно|❓ question вопрос|⚠️ warning внимание|ℹ️ info|🔗 link ссылка|🔎 search искать|🆕 new новый|🆗 ok|💯 hundred|🚀 rocket|🎯 target|📍 place адрес место|👀 eyes смотрю|🤷 shrug не знаю|🙈 monkey|🐱 cat кот|🐶 dog собака|🌍 world мир`
  .split("|").map((line) => { const [sign, ...words] = line.split(" "); return { sign, words: words.join(" ") }; });

/** A smiling button with a table behind it. @param {{onchoose: (emoji: string) => void}} props */
export function EmojiButton({ onchoose }) {
  const [open, setOpen] = useState(false);
  const [wanted, setWanted] = useState("");
  const box = useRef(/** @type {HTMLElement} */ (/** @type {any} */ (null)));
  useEffect(() => {
    if (!open) return undefined;
    setWanted("");
    box.current.querySelector("input")?.focus();
    const away = (/** @type {MouseEvent} */ e) => !box.current.contains(/** @type {Node} */ (e.target)) && setOpen(false);
    document.addEventListener("mousedown", away);
    return () => document.removeEventListener("mousedown", away);
  }, [open]);
  const found = TABLE.filter((e) => !wanted || e.words.includes(wanted.toLocaleLowerCase(locale)));
  const choose = (/** @type {string} */ sign) => { setOpen(false); onchoose(sign); };
  const key = (/** @type {KeyboardEvent} */ event) => {
    const all = /** @type {HTMLElement[]} */ ([...box.current.querySelectorAll(".emoji-grid button")]);
    const at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 9, ArrowUp: -9 }[event.key];
    if (event.key === "Escape") { setOpen(false); box.current.querySelector("button")?.focus(); }
    else if (event.key === "Enter" && at < 0 && found.length) choose(found[0].sign);
    else if (step && !(at < 0 && Math.abs(step) === 1)) all[Math.max(0, at + (at < 0 ? 1 : step))]?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return html`<span class="menu-box" ref=${box}>
    <button type="button" class="icon-button" aria-label=${t("emoji")} title=${t("emoji")} aria-expanded=${String(open)} aria-haspopup="dialog" onClick=${() => setOpen(!open)}><${Icon} name="smile" /></button>
    ${open && html`<div class="menu up emoji" role="dialog" aria-label=${t("emoji")} onKeyDown=${key}>
      <input type="search" placeholder=${t("emoji.search")} aria-label=${t("emoji.search")} value=${wanted} onInput=${(/** @type {any} */ e) => setWanted(e.target.value)} />
      <div class="emoji-grid">${found.map((e) => html`<button key=${e.sign} type="button" title=${e.words} aria-label=${e.words || e.sign} onClick=${() => choose(e.sign)}>${e.sign}</button>`)}</div>
    </div>`}
  </span>`;
}
