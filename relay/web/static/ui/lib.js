/** The libraries pages are made with, in one place: their versions stand in these three lines and nowhere else. */
import { Fragment, h, render } from "../vendor/preact-10.29.8/preact.mjs";
import htm from "../vendor/htm-3.1.1/htm.mjs";

export { Fragment, h, render };
export { useCallback, useEffect, useErrorBoundary, useLayoutEffect, useMemo, useRef, useState } from "../vendor/preact-10.29.8/hooks.mjs";
export { batch, computed, effect, signal, untracked, useComputed, useSignal, useSignalEffect } from "../vendor/preact-signals-2.11.4/signals.mjs";

/** Templates that become elements: html`<p class="x">${text}</p>`. Text is only ever set as text. */
export const html = htm.bind(h);

/** Class names from what is true: cx("row", active && "active"). @param {...(string|false|null|undefined|0)} names */
export const cx = (...names) => names.filter(Boolean).join(" ");
