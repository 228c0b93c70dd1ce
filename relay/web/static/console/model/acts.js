/** What a person does here. Dangerous acts ask for the password once more; then they are done, without a second click. */
import { signal } from "../../ui/lib.js";
import { ask } from "../../ui/api.js";
import { t } from "../../ui/i18n.js";
import { toast } from "../../ui/toasts.js";
import { readMe, readStatus } from "./status.js";

/** Set while the password is asked for: what to call with it, or with null. @type {import("../../ui/lib.js").Signal<((password: string|null) => Promise<string>)|null>} */
export const password = signal(null);

/** @param {any} error */
const needsPassword = (error) => error?.status === 403 && String(error.body?.type ?? "").endsWith("sudo-needed");

/** Resolves to whether it was proved. @returns {Promise<boolean>} */
function prove() {
  return new Promise((resolve) => {
    password.value = async (given) => {
      if (given !== null) {
        try {
          await ask("POST", "/me/sudo", { password: given });
          await readMe();
        } catch (error) {
          return /** @type {Error} */ (error).message || t("offline");
        }
      }
      password.value = null;
      resolve(given !== null);
      return "";
    };
  });
}

/**
 * Do it; null where it was not done, and then that has been said.
 * @param {string} method @param {string} path @param {any} [body] @param {{key?: string}} [more] `key`: makes a repeat of it none
 */
export async function act(method, path, body, { key } = {}) {
  const headers = key ? { "Idempotency-Key": key } : {};
  for (;;) {
    try {
      return await ask(method, path, body, { headers });
    } catch (error) {
      if (needsPassword(error) && (await prove())) continue;
      if (!needsPassword(error)) toast(/** @type {Error} */ (error).message || t("offline"), { kind: "bad" });
      return null;
    }
  }
}

/** @param {string} name @param {"pause"|"resume"} what @param {string} reason */
export async function hold(name, what, reason) {
  const done = await act("POST", `/destinations/${encodeURIComponent(name)}/${what}`, { reason });
  if (done) toast(t(done.changed ? `${what}.done` : `${what}.same`, { name }));
  await readStatus();
  return Boolean(done);
}
