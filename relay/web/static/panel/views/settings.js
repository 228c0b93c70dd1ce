import { html } from "../../ui/lib.js";
import { Dialog } from "../../ui/dialog.js";
import { t } from "../../ui/i18n.js";
import { Icon } from "../../ui/icons.js";
import { chooseTheme, theme } from "../../ui/theme.js";
import { me } from "../model/people.js";
import { chime, wish, wishes } from "../model/notify.js";
import { CannedEditor } from "./canned_editor.js";
import { chooseEnter, enterSends } from "./composer.js";
import { keysOn, switchKeys } from "../model/keys.js";
import { overlay } from "./overlays.js";

/** @param {{name: string, value: string, of: string[], onchoose: (value: any) => void}} props */
const Choice = ({ name, value, of, onchoose }) => html`<div class="segments" role="radiogroup" aria-label=${t(name)}>${of.map((one) => html`<button key=${one} type="button" role="radio" aria-checked=${String(value === one)} onClick=${() => onchoose(one)}>${t(`${name}.${one}`)}</button>`)}</div>`;
/** @param {{label: string, on: boolean, onchange: (on: boolean) => void}} props */
const Check = ({ label, on, onchange }) => html`<label class="check"><input type="checkbox" checked=${on} onChange=${(/** @type {any} */ e) => onchange(e.target.checked)} />${label}</label>`;

async function desktop(/** @type {boolean} */ on) {
  if (on && "Notification" in window && Notification.permission !== "granted") on = (await Notification.requestPermission()) === "granted";
  wish({ desktop: on });
}

/** @param {{onclose: () => void}} props */
export function Settings({ onclose }) {
  const w = wishes.value;
  const denied = "Notification" in window && Notification.permission === "denied";
  return html`<${Dialog} title=${t("settings")} onclose=${onclose} class="settings">
    <section><h3>${t("theme")}</h3><${Choice} name="theme" value=${theme.value} of=${["light", "dark", "system"]} onchoose=${chooseTheme} /></section>
    <section><h3>${t("notify")}</h3><${Choice} name="notify" value=${w.who} of=${["all", "mine", "off"]} onchoose=${(/** @type {any} */ who) => wish({ who })} />
      ${w.who !== "off" && html`<${Check} label=${t("notify.sound")} on=${w.sound} onchange=${(/** @type {boolean} */ sound) => wish({ sound })} />
        ${w.sound && html`<label class="volume"><${Icon} name="volume-2" /><span class="hidden">${t("notify.volume")}</span><input type="range" min="0.1" max="1" step="0.1" value=${w.volume} onInput=${(/** @type {any} */ e) => wish({ volume: Number(e.target.value) })} onChange=${() => chime()} /></label>`}
        <${Check} label=${t("notify.desktop")} on=${w.desktop} onchange=${desktop} />${denied && html`<p class="soft">${t("notify.denied")}</p>`}
        <${Check} label=${t("notify.repeat")} on=${w.repeat} onchange=${(/** @type {boolean} */ repeat) => wish({ repeat })} />`}</section>
    <section><h3>${t("writing")}</h3><${Check} label=${t("writing.enter")} on=${enterSends.value} onchange=${chooseEnter} />
      <${Check} label=${t("key.on")} on=${keysOn.value} onchange=${switchKeys} /><button type="button" class="link" onClick=${() => { overlay.value = { name: "help" }; }}>${t("key.help")}</button></section>
    <${CannedEditor} />
    <section class="settings-me"><span class="soft">${t("logged.in", { name: me.value.name })}</span><span class="spring"></span>
      ${me.value.role === "admin" && html`<a class="button quiet" href="/console">${t("console")}</a>`}
      ${!me.value.demo && html`<a class="button quiet" href="/account"><${Icon} name="user" />${t("account")}</a>`}</section>
  </${Dialog}>`;
}
