/** What the server put into the page: who is looking, the channels with their limits, the language. */
import { session } from "../../ui/api.js";
import { me } from "./people.js";

/**
 * @typedef {{bytes: number|null, mimes: string[], extensions: string[]}} FileLimit
 * @typedef {{text_chars: number|null, text_bytes: number|null, options: number|null, option_chars: number|null,
 *   reply_window_s: number|null, comment_window_s: number|null, files: Record<string, FileLimit>}} Limits
 * @typedef {{name: string, kind: string, label: string, limits: Limits}} Channel
 */

const state = JSON.parse(document.getElementById("state")?.textContent ?? "{}");
session.csrf = state.csrf ?? "";
me.value = state.user;

/** @type {Channel[]} */
export const channels = state.channels ?? [];
/** The names of this deployment's own panels: an answer from one of them is a colleague's here. @type {string[]} */
export const panels = state.desks ?? [];
/** @type {Limits} */
const NONE = { text_chars: null, text_bytes: null, options: null, option_chars: null, reply_window_s: null, comment_window_s: null, files: {} };

/** @param {string} channel */
export const limitsOf = (channel) => channels.find((c) => c.name === channel)?.limits ?? NONE;
/** The channel for people. @param {string} name */
export const channelLabel = (name) => channels.find((c) => c.name === name)?.label ?? name;
export const severalChannels = channels.length > 1;
