// Fields that hold several values: lists, named values, lists of objects.
import { el, icon, iconButton } from "./dom.js";
import { parseValue, shownValue } from "./fieldkinds.js";
import { commitOn, field, fieldsWithin, inputOf, line, picker, titleOf } from "./form.js";
import { ListPlaces } from "./listplaces.js";
import { placeOf } from "./problems.js";
import { unreadNote } from "./unreadnote.js";

/** A list of plain values: one line each. */
export function rows(kind, fact, context) {
  const { id, value, mayEdit, words } = context;
  const list = Array.isArray(value) ? value : value === undefined ? [] : [value];
  const places = new ListPlaces(context, list);
  const lines = list.map((item, index) => {
    const input = el("input", "fh-input", { id: index === 0 ? id : `${id}-${index}`, disabled: !mayEdit, spellcheck: "false", "aria-label": `${titleOf(fact)} ${index + 1}` });
    input.value = shownValue(item);
    commitOn(input, () => {
      const typed = parseValue(kind.item, input.value);
      if (typed === undefined) places.remove(index);
      else if (typed !== item) places.change(index, [], typed);
    });
    return el("div", "fe-row", {}, input, mayEdit ? iconButton("close", words.remove_row, () => places.remove(index)) : null);
  });
  const more = el("input", "fh-input", { id: `${id}-more`, disabled: !mayEdit, spellcheck: "false", placeholder: words.add_row, "aria-label": words.add_row });
  commitOn(more, () => {
    const typed = parseValue(kind.item, more.value);
    if (typed !== undefined) places.add([typed]);
  });
  if (!list.length) context.label.htmlFor = more.id;
  const picks = picker(fact, context, true, list, (picked) => places.add(picked));
  return el("div", "fe-rows", {}, ...lines, mayEdit ? el("div", "fe-row", {}, more, picks) : null);
}

/** Names with a value each, as `map.set` has them. */
export function pairs(kind, fact, context) {
  const { id, value, set, read, path, mayEdit, words } = context;
  const entries = Object.entries(value ?? {});
  const now = () => Object.entries(read(path) ?? {});
  const rowsMade = entries.map(([name, item], index) => {
    const key = el("input", "fh-input", { id: index === 0 ? id : `${id}-name-${index}`, disabled: !mayEdit, spellcheck: "false", "aria-label": words.pair_name });
    const input = valueInput(kind.item, { id: `${id}-value-${index}`, "data-key": name, disabled: !mayEdit, spellcheck: "false", "aria-label": `${name}: ${words.pair_value}` });
    key.value = name;
    input.value = shownValue(item);
    commitOn(key, () => {
      const renamed = key.value.trim();
      if (renamed && renamed !== name) set(path, Object.fromEntries(now().map(([k, v]) => [k === name ? renamed : k, v])));
      else key.value = name;
    });
    commitOn(input, () => {
      const typed = parseValue(kind.item, input.value);
      if (typed === undefined) input.value = shownValue(item);
      else if (JSON.stringify(typed) !== JSON.stringify(item)) set([...path, name], typed);
    });
    const gone = mayEdit ? iconButton("close", words.remove_row, () => set(path, without(now(), name))) : null;
    if (kind.item.expression || kind.item.template) context.suggest?.(input, kind.item, [...path, name]);
    return el("div", "fe-row fe-pair", {}, key, input, gone);
  });
  const named = (name) => (/^[A-Za-z_]\w*$/.test(name) ? `payload.${name}` : `payload[${JSON.stringify(name)}]`);
  const picks = picker(fact, context, true, entries.map(([name]) => name), (picked) => set(path, { ...read(path), ...Object.fromEntries(picked.map((name) => [name, named(name)])) }));
  if (picks) rowsMade.push(el("div", "fe-row", {}, el("span", "fe-help fh-grow", {}, words.pick_names), picks));
  return el("div", "fe-rows", {}, ...rowsMade, mayEdit ? newPair(kind, entries, context) : null);
}

/** What is typed into a value; a choice where there are only some. */
function valueInput(item, attributes) {
  if (!item.options) return inputOf(item, attributes);
  const { placeholder = null, ...rest } = attributes;
  const blank = placeholder === null ? null : el("option", "", { value: "" }, placeholder);
  return el("select", "fh-input", rest, blank, ...item.options.map((option) => el("option", "", { value: option }, option)));
}

function newPair(kind, entries, context) {
  const { id, set, path, words, suggest } = context;
  const key = el("input", "fh-input", { id: `${id}-new`, placeholder: words.pair_name, "aria-label": words.pair_name, spellcheck: "false" });
  const input = valueInput(kind.item, { id: `${id}-new-value`, placeholder: words.pair_value, "aria-label": words.pair_value, spellcheck: "false" });
  const show = ([name, text] = ["", ""]) => {
    for (const [part, typed] of [[key, name], [input, text]]) part.value = part.dataset.before = typed;
  };
  // half a row waits whatever becomes of the others
  const note = unreadNote({ ...context, value: null }, [key, input], show);
  const lacking = () => {
    const [name, typed] = [key.value.trim(), input.value.trim()];
    if (entries.some(([known]) => known === name)) return words.pair_twice.replace("{name}", name);
    return Boolean(name) === Boolean(typed) ? "" : name ? words.pair_no_value.replace("{name}", name) : words.pair_no_name;
  };
  const add = () => {
    const [name, typed] = [key.value.trim(), parseValue(kind.item, input.value)];
    if (lacking() || !name) return false;
    note.clear();
    for (const part of [key, input]) part.dataset.before = part.value;
    return set([...path, name], typed);
  };
  // Tab goes on to the next new row, which is not there yet: this one, emptied, stands for it until the form is drawn
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Tab" || event.shiftKey || !key.value.trim() || !input.value.trim()) return;
    if (add() === false) return;
    event.preventDefault();
    for (const part of [key, input]) part.value = part.dataset.before = "";
    key.focus();
  });
  if (kind.item.expression || kind.item.template) suggest?.(input, kind.item, null);
  commitOn(input, add, key);
  commitOn(key, add);
  const row = el("div", "fe-row fe-pair", {}, key, input);
  // half a row says so once it is left, not between its two inputs
  row.addEventListener("focusout", ({ relatedTarget }) => {
    if (row.contains(relatedTarget)) return;
    const message = lacking();
    if (!message) return note.clear();
    for (const part of [key, input]) part.dataset.before = part.value;
    note.say([key.value, input.value], message);
  });
  return el("div", "", {}, row, note.root);
}

/** A list of objects: a block of fields each. */
export function objects(kind, fact, context) {
  const { value, path, mayEdit, words } = context;
  const list = Array.isArray(value) ? value : [];
  const places = new ListPlaces(context, list);
  const inner = fact.fields.find((one) => one.choices_from);
  const blocks = list.map((item, index) => {
    const plain = item === null || typeof item !== "object";
    const place = [...path, index];
    const own = { ...context, path: place, ...within(places, index) };
    const body = plain
      ? [line({ shape: "line" }, { ...inner, name: fact.name, title: titleOf(fact) }, { ...own, id: null, value: item })]
      : fieldsWithin(fact, item, context, place).map((one) => field(one, { ...own, path: [...place, one.name], value: item[one.name] }));
    const wrong = context.problemsAt(placeOf(place), true).length > 0;
    const called = plain ? { text: String(item ?? ""), tail: true } : summaryOf(item, fact.fields);
    const title = called.text || String(index + 1);
    const gone = mayEdit ? iconButton("close", words.remove_row, () => places.remove(index)) : null;
    const block = el("details", "fe-block", { open: list.length === 1 || (!plain && (!called.text || wrong)) }, el("summary", "", { title }, el("span", `fe-block-title${called.tail ? " fe-tail" : ""}`, {}, el("bdi", "", {}, title))), ...body);
    // a button within the summary would be a button within a button
    return el("div", "fe-block-row", {}, block, gone);
  });
  const add = el("button", "fh-button fh-quiet", { type: "button", onclick: () => places.add([{}]) }, icon("add"), words.add_row);
  const picks = inner ? picker(inner, context, true, list.map((item) => item?.[inner.name] ?? item), (picked, items) => places.add(items.map((one) => filled(one, inner, fact.fields)))) : null;
  return el("div", "fe-rows", { id: context.id }, ...blocks, mayEdit ? el("div", "fe-row", {}, add, picks) : null);
}

/** How the fields of an item are read and set, wherever the item is by then. */
function within(places, index) {
  const { length } = places.path;
  return {
    set: (at, value) => (at.length > length + 1 || value !== undefined ? places.change(index, at.slice(length + 1), value) : places.remove(index)),
    read: (at) => {
      const place = places.of(index);
      return place === null ? undefined : places.read([...places.path, place, ...at.slice(length + 1)]);
    },
  };
}

/** What a row is called: by the field made for that, else by its first text; of an address the end says most. */
function summaryOf(item, fields) {
  const label = fields.find((one) => one.widget === "label" && item[one.name]);
  if (label) return { text: String(item[label.name]), tail: false };
  const [name, text] = Object.entries(item).find(([, one]) => typeof one === "string" && one) ?? ["", ""];
  return { text, tail: Boolean(fields.find((one) => one.name === name)?.choices_from) };
}

/** A new row for what was picked, with what the target says of its other fields. */
export function filled({ value, fills = {} }, inner, fields) {
  const others = Object.entries(fills).filter(([name]) => name !== inner.name && fields.some((one) => one.name === name));
  return { [inner.name]: value, ...Object.fromEntries(others) };
}

function without(entries, name) {
  const left = entries.filter(([key]) => key !== name);
  return left.length ? Object.fromEntries(left) : undefined;
}
