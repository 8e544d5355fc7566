// All that may stand in an expression, on one sheet: a click puts it into the field the sheet was opened from.
import { el, iconButton } from "./dom.js";

/**
 * @param {{names: string[], functions: {name: string, signature: string, summary: string}[]}} known
 * @param {Record<string, string>} words
 * @param {(text: string) => void} put
 */
export function reference({ names, functions }, words, put) {
  const box = el("dialog", "fe-dialog fx-sheet", { "data-testid": "expression-sheet", "aria-label": words.expr_title });
  const take = (text) => (box.close(), put(text));
  const row = (shown, says, text) => {
    const code = el("span", "fe-mono fx-sheet-code", {}, shown);
    const line = text ? el("button", "fx-sheet-row", { type: "button", onclick: () => take(text) }, code, el("span", "fh-sub", {}, says)) : el("div", "fx-sheet-row", {}, code, el("span", "fh-sub", {}, says));
    line.dataset.search = `${shown} ${says}`.toLowerCase();
    return line;
  };
  const signs = words.expr_signs_list.split("\n").map((line) => row(...line.split(/: (?=[A-Z])/), ""));
  const part = (title, rows) => el("section", "", {}, el("h3", "", {}, title), ...rows);
  const search = el("input", "fh-input", { type: "search", placeholder: words.expr_search, "aria-label": words.expr_search });
  const body = el(
    "div", "fx-sheet-body", {}, part(words.expr_functions, functions.map((one) => row(one.signature, one.summary, `${one.name}(`))),
    part(words.expr_names, names.map((name) => row(name, "", name))), part(words.expr_signs, signs),
  );
  search.addEventListener("input", () => {
    const low = search.value.trim().toLowerCase();
    for (const line of body.querySelectorAll(".fx-sheet-row")) line.hidden = !line.dataset.search.includes(low);
    for (const section of body.children) section.hidden = !section.querySelector(".fx-sheet-row:not([hidden])");
  });
  box.append(el("div", "fe-dialog-head", {}, el("h2", "", {}, words.expr_title), iconButton("close", words.close, () => box.close())), search, body);
  box.addEventListener("close", () => box.remove());
  document.querySelector(".fe-editor").append(box);
  box.showModal();
  search.focus();
}
