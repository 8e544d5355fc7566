// The line below a field whose text cannot be read, and the way back to what was there.
import { el, icon, iconButton } from "./dom.js";

/**
 * @param {{path: string[], value: unknown, words: Record<string, string>, unread?: object}} context
 * @param {HTMLElement[]} inputs where the text is typed
 * @param {(text?: unknown) => void} show puts a text into them; without one, what was there
 */
export function unreadNote({ path, value, words, unread }, inputs, show) {
  const text = el("span", "fh-grow");
  const back = iconButton("undo", words.unread_back, () => (show(), note.clear()), { "data-testid": "unread-back" });
  const root = el("div", "fe-problem fe-problem-error", { role: "alert", "data-testid": "unread" }, icon("error_outline"), text, back);
  const look = (message) => {
    root.hidden = !message;
    text.textContent = message;
    for (const input of inputs) message ? input.setAttribute("aria-invalid", "true") : input.removeAttribute("aria-invalid");
  };
  const note = {
    root,
    say: (typed, message) => (look(message), unread?.put(path, value, typed, message)),
    clear: () => (look(""), unread?.drop(path)),
  };
  const held = unread?.at(path, value);
  if (held) show(held.text);
  look(held?.message ?? "");
  return note;
}
