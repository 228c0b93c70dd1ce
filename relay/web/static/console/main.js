/** The console starts here. */
import { html, render } from "../ui/lib.js";
import { addTexts, locale } from "../ui/i18n.js";

const { default: texts } = await import(`./texts/${locale}.js`);
addTexts(texts);
const { start } = await import("./start.js");
const { App } = await import("./views/app.js");
const root = /** @type {HTMLElement} */ (document.getElementById("app"));
await start();
render(html`<${App} />`, root);
root.setAttribute("aria-busy", "false");
