// Where the dead letters of a node are looked at and mended.
import { el } from "./dom.js";

/** A link to the work list with the letters of one node. */
export function lettersLink(flow, node, classes, attributes, text) {
  const href = `/work?${new URLSearchParams({ flow, node })}`;
  return el("a", `${classes} fe-letters`, { href, "data-testid": "letters", draggable: "false", ...attributes }, text);
}
