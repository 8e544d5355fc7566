// What a node type is, what leaves it, and one whole example that can be used as it is.
import { el, icon } from "./dom.js";
import { shownValue } from "./fieldkinds.js";
import { prose, titlesOf } from "./prose.js";

const known = new Map(); // type -> its example, asked for once by whoever opens the help

/**
 * @param {import("./editor.js").Editor} editor
 * @param {string} id of the node
 * @param {object} type
 */
export function nodeHelp(editor, id, type) {
  const { words } = editor;
  const ports = type.ports.map((port) => el("div", "fh-fact", {}, el("dt", "fh-mono", {}, port.name), el("dd", "", {}, port.summary)));
  const place = el("div");
  const show = () => place.replaceChildren(...example(editor, id, type));
  const help = el("details", "fe-more", { "data-testid": "node-help" }, el("summary", "", {}, words.help), el("div", "fe-docs", {}, ...prose(type.docs, titlesOf(type.fields))), ...ports, place);
  if (known.has(type.type)) show();
  else help.addEventListener("toggle", () => help.open && learn(editor, type.type).then(show, (error) => place.replaceChildren(el("p", "fh-sub", {}, error.message))));
  return help;
}

async function learn(editor, type) {
  known.set(type, await editor.link.ask("node.example", { type }));
}

function example(editor, id, type) {
  const { words, mayEdit } = editor;
  const settings = Object.entries(known.get(type.type) ?? {});
  if (!settings.length) return [];
  const title = (name) => type.fields.find((one) => one.name === name)?.title || name;
  // all settings at once: one step of undo
  const use = () => editor.setNode(id, ["config"], structuredClone(known.get(type.type)));
  const button = mayEdit ? el("button", "fh-button", { type: "button", title: words.example_use_why, "data-testid": "example-use", onclick: use }, icon("content_paste"), words.example_use) : null;
  return [el("section", "fe-example", { "data-testid": "node-example" }, el("h3", "", {}, words.example), ...settings.map(([name, value]) => setting(title(name), value)), button)];
}

/** What is more than a value has lines of its own. */
function setting(title, value) {
  const long = typeof value === "object";
  return el("div", long ? "fh-fact fh-fact-long" : "fh-fact", {}, el("dt", "", {}, title), el("dd", "fe-mono", {}, long ? JSON.stringify(value, null, 1) : shownValue(value)));
}
