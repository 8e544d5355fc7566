// Picks from what there is at a target: a tree that opens branch by branch, or a search through all of it.
import { el, icon, iconButton } from "./dom.js";
import { count } from "./numbers.js";

const SEARCH_AFTER_MS = 300;

/**
 * @param {HTMLElement} host
 * @param {object} wanted
 * @param {string} wanted.title
 * @param {(under: string, search: string) => Promise<{items: object[], note: string}>} wanted.look
 * @param {(values: string[], items: object[]) => void} wanted.take the values, and all that was said of each
 * @param {boolean} wanted.many several may be taken
 * @param {string[]} [wanted.taken] what the field has already
 * @param {Record<string, string>} words
 */
export function pick(host, { title, look, take, many, taken = [] }, words) {
  const chosen = new Map(); // value -> item
  const box = el("dialog", "fe-dialog fl-dialog", { "data-testid": "pick-dialog", "aria-label": title });
  const close = () => (clearTimeout(timer), box.remove());
  box.addEventListener("cancel", (event) => (event.preventDefault(), close()));
  const search = el("input", "fh-input", { type: "search", placeholder: words.pick_search, "aria-label": words.pick_search, "data-testid": "pick-search", spellcheck: "false", autocomplete: "off" });
  const tree = el("div", "fp-tree", { role: "tree", "data-testid": "pick-tree" });
  const done = el("button", "fh-button fh-primary", { type: "button", disabled: true, "data-testid": "pick-take", onclick: () => finish([...chosen.values()]) }, icon("check"), el("span", "", {}, words.pick_take));
  let timer = 0;
  let asked = 0;

  const finish = (items) => {
    close();
    take(items.map(({ value }) => value), items);
  };

  /** Fill a branch; an answer that comes after a newer question is left alone. */
  const fill = async (part, under, words_) => {
    const mine = part === tree ? ++asked : asked;
    part.replaceChildren(el("p", "fp-note", {}, icon("autorenew", "fh-spin"), words.pick_looking));
    try {
      const { items, note } = await look(under, words_);
      if (mine !== asked) return;
      part.replaceChildren(...items.map(row), ...(note ? [el("p", "fp-note", {}, note)] : items.length ? [] : [el("p", "fp-note", {}, words.pick_nothing)]));
    } catch (error) {
      if (mine !== asked) return;
      const again = el("button", "fh-button", { type: "button", onclick: () => fill(part, under, words_) }, icon("refresh"), words.pick_again);
      part.replaceChildren(el("div", "fe-problem fe-problem-error", { role: "alert", "data-testid": "pick-fault" }, icon("error_outline"), el("span", "", {}, error.message)), again);
    }
  };

  const row = (item) => {
    const below = el("div", "fp-below", { role: "group", hidden: true });
    const twist = item.opens ? iconButton("chevron_right", words.pick_open, () => open(), { "aria-expanded": "false" }) : el("span", "fp-no-twist");
    const open = () => {
      below.hidden = !below.hidden;
      twist.setAttribute("aria-expanded", String(!below.hidden));
      if (!below.hidden && !below.childElementCount) fill(below, item.opens, "");
    };
    const place = item.place ? el("span", "fp-place", {}, `${item.place} /`) : "";
    const label = [place, el("span", "fp-label", {}, item.label || item.value), el("span", "fp-detail", {}, item.detail)];
    const known = taken.includes(item.value);
    const input = item.value && many ? el("input", "", { type: "checkbox", checked: known || chosen.has(item.value), disabled: known }) : null;
    input?.addEventListener("change", () => {
      if (input.checked) chosen.set(item.value, item);
      else chosen.delete(item.value);
      done.disabled = !chosen.size;
      done.lastChild.textContent = chosen.size > 1 ? words.pick_take_many.replace("{count}", count(chosen.size)) : words.pick_take;
    });
    const line = !item.value
      ? el("button", "fp-line", { type: "button", onclick: open }, icon("folder_open"), ...label)
      : many
        ? el("label", "fp-line", { title: item.value }, input, ...label)
        : el("button", "fp-line", { type: "button", title: item.value, onclick: () => finish([item]) }, ...label);
    return el("div", "fp-item", { role: "treeitem", "data-value": item.value }, el("div", "fp-row", {}, twist, line), below);
  };

  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => fill(tree, "", search.value.trim()), SEARCH_AFTER_MS);
  });
  box.append(
    el("div", "fe-dialog-head", {}, el("h2", "", {}, title), iconButton("close", words.close, close)),
    search, tree,
    el("div", "fh-dialog-buttons", {}, el("span", "fh-grow"), el("button", "fh-button fh-quiet", { type: "button", onclick: close }, words.link_cancel), many ? done : null),
  );
  host.append(box);
  box.showModal();
  search.focus();
  fill(tree, "", "");
}
