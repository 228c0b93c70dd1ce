/** Who is looking, and who else may be. */
import { signal } from "../../ui/lib.js";
import { ask } from "../../ui/api.js";

/** @typedef {{id: string, name: string, role: string, demo?: boolean}} Person */

export const me = signal(/** @type {Person} */ ({ id: "", name: "", role: "operator" }));
export const users = signal(/** @type {{name: string, role: string}[]} */ ([]));
export const labels = signal(/** @type {{name: string}[]} */ ([]));

export async function readPeople() {
  const [them, known] = await Promise.allSettled([ask("GET", "/users"), ask("GET", "/labels")]);
  users.value = them.status === "fulfilled" ? them.value.items.filter((/** @type {any} */ u) => !u.disabled) : [me.value];
  if (known.status === "fulfilled") labels.value = known.value.items;
}
