// Two people in one field: what another one did to it meanwhile is said at the field, and whose value was replaced hears it.
import { el, icon } from "./dom.js";
import { nameOf } from "./people.js";
import { fieldTitle, nodeOf, placeOf, stepsOf, valueAt } from "./problems.js";
import { typedIn } from "./typing.js";

const REMEMBERED_MS = 10 * 60_000; // how long somebody wants to hear that a value of theirs was replaced
const SHOWN = 60; // characters of a value

export class Meanwhile {
  /** @param {HTMLElement} root the panel @param {import("./editor.js").Editor} editor */
  constructor(root, editor) {
    Object.assign(this, { root, editor });
    this.mine = new Map(); // place -> {value, at}: set here
    editor.on("committed", (ops) => this.#remember(ops));
    editor.on("change", (change) => change.by && this.#changed(change));
  }

  #remember(ops) {
    for (const { op, path, value } of ops) {
      if ((op === "set" || op === "unset") && path[0] === "nodes") this.mine.set(JSON.stringify(path.map(String)), { value, at: Date.now() });
    }
  }

  #changed({ before, after, by, put }) {
    const name = nameOf(this.editor.words, by);
    const told = this.#atField(before, after, name);
    for (const [key, { value, at }] of this.mine) {
      const path = JSON.parse(key);
      if (Object.hasOwn(after.nodes, path[1]) && same(valueAt(before, path), valueAt(after, path))) continue;
      this.mine.delete(key);
      const fresh = Date.now() - at < REMEMBERED_MS && same(valueAt(before, path), value);
      // a version put on the canvas is said as a whole, and what is said at the field is not said again
      if (fresh && !put && key !== told && Object.hasOwn(after.nodes, path[1])) this.#tellReplaced(path, value, valueAt(after, path), name);
    }
  }

  /** Somebody types in a field whose value another one has changed; gives its place if so. */
  #atField(before, after, name) {
    const typed = typedIn(this.root);
    const field = typed?.closest("[data-place]");
    if (!field || typed.id.includes("-new")) return null; // a new row replaces nothing
    const path = ["nodes", this.editor.opened, ...stepsOf(field.dataset.place), ...(typed.dataset.key ? [typed.dataset.key] : [])];
    const value = valueAt(after, path);
    if (same(valueAt(before, path), value)) return null;
    const { words } = this.editor;
    const [start, end] = (value === undefined ? words.meanwhile_gone : words.meanwhile).replace("{name}", name).split("{value}");
    field.querySelector(".fe-meanwhile")?.remove();
    const shown = end === undefined ? [start] : [start, el("code", "fe-code", {}, short(value)), end];
    const note = el("div", "fe-meanwhile", { role: "status", "data-testid": "meanwhile" }, icon("edit"), el("span", "", {}, ...shown));
    (typed.closest(".fe-row") ?? typed).after(note);
    return JSON.stringify(path);
  }

  #tellReplaced(path, mine, theirs, name) {
    const { words, scene, types, draft } = this.editor;
    const [, id, ...rest] = path;
    const field = fieldTitle(types[draft.doc.nodes[id].type], nodeOf(placeOf(path)).rest) || rest.join(".");
    const told = theirs === undefined ? words.replaced_value_gone : words.replaced_value;
    this.editor.tell(told.replace("{name}", name).replace("{field}", field).replace("{node}", scene.titleOf(id)).replace("{theirs}", short(theirs)).replace("{mine}", short(mine)));
  }
}

function same(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}

function short(value) {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}
