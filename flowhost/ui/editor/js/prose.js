// Sentences of declarations: what stands in backticks is code.
import { el } from "./dom.js";

/** @returns {(Node | string)[]} */
export function prose(text) {
  return text.split(/(`[^`]+`)/).filter(Boolean).map((part) => (/^`.+`$/s.test(part) ? el("code", "fe-code", {}, part.slice(1, -1)) : part));
}
