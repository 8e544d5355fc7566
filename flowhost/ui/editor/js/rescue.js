// What was being typed into a node that another one deleted: kept to be copied until it is closed.
import { copyToClipboard, el, icon, iconButton } from "./dom.js";
import { nameOf } from "./people.js";
import { allTypedIn } from "./typing.js";

export class Rescue {
  /** @param {HTMLElement} root the panel @param {import("./editor.js").Editor} editor @param {() => void} redraw */
  constructor(root, editor, redraw) {
    Object.assign(this, { root, editor, redraw, kept: null });
    editor.on("nodegone", (gone) => this.#gone(gone));
    editor.on("editlost", (lost) => this.#lost(lost));
  }

  /** What stands above the form as long as there is something to copy; null if there is nothing. */
  section() {
    if (!this.kept) return null;
    const { words } = this.editor;
    const { said, texts } = this.kept;
    const close = iconButton("close", words.close, () => ((this.kept = null), this.redraw()), { "data-testid": "rescue-close" });
    const rows = texts.map(({ field, text }, index) => {
      const area = el("textarea", "fh-input fe-mono", { readonly: true, rows: Math.min(6, text.split("\n").length), id: `fe-rescue-${index}`, "aria-label": field });
      area.value = text;
      return el("div", "fe-field", {}, el("label", "fe-label", { for: area.id }, field), el("div", "fe-row", {}, area, this.#copyButton(text)));
    });
    return el("section", "fe-rescue", { role: "alert", "data-testid": "rescue" }, el("div", "fe-rescue-head", {}, icon("warning_amber"), el("p", "fh-grow", {}, said), close), ...rows);
  }

  #copyButton(text) {
    const { words } = this.editor;
    return iconButton("content_copy", words.rescue_copy, async () => this.editor.tell((await copyToClipboard(text)) ? words.rescue_copied : words.yaml_not_copied), { "data-testid": "rescue-copy" });
  }

  /** The open node is gone; what its fields hold is taken out of them, so that nothing tries to keep it. */
  #gone({ title, by, put }) {
    const { words } = this.editor;
    const texts = [];
    for (const input of allTypedIn(this.root)) {
      texts.push({ field: labelOf(input), text: input.value });
      input.value = input.dataset.before;
    }
    const said = texts.length ? (put ? words.put_typing : words.deleted_typing) : words.deleted_open;
    const whole = said.replace("{name}", nameOf(words, by)).replace("{node}", title);
    if (texts.length) this.#keep(whole, texts); // shown as the panel leaves the node
    else if (!put) this.editor.tell(whole); // a version put on the canvas is said as a whole
  }

  /** An edit came too late: the node it was for is gone. */
  #lost({ title, by, texts }) {
    const { words } = this.editor;
    const said = words.deleted_late.replace("{name}", nameOf(words, by)).replace("{node}", title);
    if (!texts.length) return this.editor.tell(said, true);
    this.#keep(said, texts);
    return this.redraw();
  }

  #keep(said, texts) {
    this.kept = { said, texts: [...texts, ...(this.kept?.texts ?? [])] };
  }
}

function labelOf(input) {
  return input.closest("[data-field]")?.querySelector(".fe-label")?.textContent || input.getAttribute("aria-label") || "";
}

/** Texts that a batch of edits would have set, by the field they were for. */
export function textsOf(ops, titleOf) {
  const set = ops.filter(({ op, path, value }) => op === "set" && path[0] === "nodes" && value !== null && value !== undefined);
  return set.map(({ path, value }) => ({ field: titleOf(path), text: typeof value === "string" ? value : JSON.stringify(value) }));
}
