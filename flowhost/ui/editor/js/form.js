// Fields made from a node type's own declaration. Each commits when it is left, or at once where it is a choice.
import { el, icon, iconButton } from "./dom.js";
import { kindOf, parseValue, shownValue } from "./fieldkinds.js";
import { secretField, secretSet } from "./secretfield.js";

/**
 * One field with its label, help, unit and problem.
 * @param {object} fact the field as the node type declares it
 * @param {object} context
 * @param {string[]} context.path where its value is, from the node
 * @param {unknown} context.value
 * @param {(path: string[], value: unknown, merge?: string) => void} context.set `undefined` takes it away
 * @param {(place: string) => object[]} context.problemsAt
 * @param {Record<string, string>} context.words
 * @param {boolean} context.mayEdit
 * @param {import("./secrets.js").Secrets} [context.secrets] forms with secret fields have them
 * @param {string} [context.owner] whose form it is, for the names of secrets
 * @param {(fact: object, wanted: {many: boolean, taken: string[], take: (values: string[]) => void}) => void} [context.pick]
 *   opens the list of what there is at the target
 */
export function field(fact, context) {
  const { path, words } = context;
  const id = `fe-${path.join("-")}`;
  const label = el("label", "fe-label", { for: id }, fact.name, fact.required ? el("span", "fe-required", { title: words.required }, "*") : null);
  const unit = fact.unit ? el("span", "fe-field-unit", {}, fact.unit) : null;
  const kind = kindOf(fact);
  const input = control(kind, fact, { ...context, id });
  const problems = context.problemsAt(path.join(".")).map((one) => el("div", `fe-problem fe-problem-${one.severity}`, { role: "alert" }, icon("error_outline"), one.message));
  const help = fact.docs ? el("div", "fe-help", { id: `${id}-help` }, fact.docs) : null;
  const root = el("div", `fe-field${problems.length ? " fe-wrong" : ""}`, { "data-testid": "field", "data-field": (path[0] === "config" && path.length > 1 ? path.slice(1) : path).join(".") }, el("div", "fe-field-head", {}, label, unit), input, ...problems, help);
  return root;
}

function control(kind, fact, context) {
  if (isReference(context.value)) return "secret" in context.value && context.secrets ? secretSet(fact, context) : reference(fact, context);
  if (fact.secret) return secretField(fact, context);
  const make = { choice, flag, optional, rows, pairs, objects, nested, code, json }[kind.shape] ?? line;
  return make(kind, fact, context);
}

/** A value that stands elsewhere: a secret or an environment variable. */
function reference(fact, { value, set, path, words, mayEdit }) {
  const [[where, name]] = Object.entries(value);
  const back = mayEdit ? iconButton("close", words.reference_remove, () => set(path, undefined)) : null;
  return el("div", "fe-reference", {}, icon(where === "secret" ? "key" : "settings"), el("span", "fe-mono", {}, `${where}: ${name}`), back);
}

function line(kind, fact, context) {
  const { id, value, set, path, mayEdit, suggest } = context;
  const input = el(kind.long ? "textarea" : "input", `fh-input${kind.mono ? " fe-mono" : ""}`, {
    id, disabled: !mayEdit, spellcheck: "false", autocomplete: "off", rows: kind.long ? Math.min(8, Math.max(2, String(value ?? "").split("\n").length)) : null,
    inputmode: kind.number ? "decimal" : null, placeholder: placeholder(fact), "aria-describedby": fact.docs ? `${id}-help` : null,
  });
  input.value = shownValue(value);
  commitOn(input, () => {
    const typed = parseValue(kind, input.value);
    if (!Object.is(typed, value) && JSON.stringify(typed) !== JSON.stringify(value)) set(path, typed);
  });
  if (kind.expression || kind.template) suggest?.(input, kind);
  const picks = picker(fact, context, false, [], ([picked]) => set(path, picked));
  return picks ? el("div", "fe-row", {}, input, picks) : input;
}

/** The button that shows what there is at the target; null where nothing is known of that. */
function picker(fact, { pick, mayEdit, words }, many, taken, take) {
  if (!fact.choices_from || !pick || !mayEdit) return null;
  const open = () => pick(fact, { many, taken, take });
  if (!many) return iconButton("manage_search", words.pick_button, open, { "data-testid": "pick" });
  return el("button", "fh-button fh-quiet fe-pick", { type: "button", "data-testid": "pick", onclick: open }, icon("manage_search"), words.pick_button);
}

function choice(kind, fact, { id, value, set, path, mayEdit, words }) {
  const blank = el("option", "", { value: "" }, fact.required ? words.choose : `${words.default_} (${shownValue(fact.default) || "–"})`);
  const options = kind.options.map((option) => el("option", "", { value: JSON.stringify(option), selected: option === value }, option === "\t" ? "tab" : String(option)));
  const input = el("select", "fh-input", { id, disabled: !mayEdit }, blank, ...options);
  input.addEventListener("change", () => set(path, input.value === "" ? undefined : JSON.parse(input.value)));
  return input;
}

function flag(kind, fact, { id, value, set, path, mayEdit, words }) {
  const on = value ?? fact.default ?? false;
  const input = el("input", "", { id, type: "checkbox", role: "switch", checked: on === true, disabled: !mayEdit });
  input.addEventListener("change", () => set(path, input.checked === (fact.default ?? null) ? undefined : input.checked));
  return el("div", "fe-flag", {}, input, el("span", "fh-sub", {}, on ? words.yes : words.no));
}

/** A list of plain values: one line each. */
function rows(kind, fact, context) {
  const { id, value, set, path, mayEdit, words } = context;
  const list = Array.isArray(value) ? value : value === undefined ? [] : [value];
  const store = (items) => set(path, items.length ? items : undefined);
  const lines = list.map((item, index) => {
    const input = el("input", "fh-input", { id: index === 0 ? id : null, disabled: !mayEdit, spellcheck: "false", "aria-label": `${fact.name} ${index + 1}` });
    input.value = shownValue(item);
    commitOn(input, () => {
      const typed = parseValue(kind.item, input.value);
      if (typed === undefined) store(list.toSpliced(index, 1));
      else if (typed !== item) store(list.with(index, typed));
    });
    return el("div", "fe-row", {}, input, mayEdit ? iconButton("close", words.remove_row, () => store(list.toSpliced(index, 1))) : null);
  });
  const more = el("input", "fh-input", { id: list.length ? null : id, disabled: !mayEdit, spellcheck: "false", placeholder: words.add_row, "aria-label": words.add_row });
  commitOn(more, () => {
    const typed = parseValue(kind.item, more.value);
    if (typed !== undefined) store([...list, typed]);
  });
  const picks = picker(fact, context, true, list, (picked) => store([...list, ...picked]));
  return el("div", "fe-rows", {}, ...lines, mayEdit ? el("div", "fe-row", {}, more, picks) : null);
}

/** Names with a value each, as `map.set` has them. */
function pairs(kind, fact, context) {
  const { id, value, set, path, mayEdit, words } = context;
  const entries = Object.entries(value ?? {});
  const rowsMade = entries.map(([name, item], index) => {
    const key = el("input", "fh-input", { id: index === 0 ? id : null, disabled: !mayEdit, spellcheck: "false", "aria-label": words.pair_name });
    const input = el("input", `fh-input${kind.item.mono ? " fe-mono" : ""}`, { disabled: !mayEdit, spellcheck: "false", "aria-label": `${name}: ${words.pair_value}` });
    key.value = name;
    input.value = shownValue(item);
    commitOn(key, () => {
      const renamed = key.value.trim();
      if (renamed && renamed !== name) set(path, Object.fromEntries(entries.map(([k, v]) => [k === name ? renamed : k, v])));
      else key.value = name;
    });
    commitOn(input, () => {
      const typed = parseValue(kind.item, input.value);
      if (typed !== undefined && JSON.stringify(typed) !== JSON.stringify(item)) set([...path, name], typed);
    });
    const gone = mayEdit ? iconButton("close", words.remove_row, () => set(path, without(entries, name))) : null;
    if (kind.item.expression || kind.item.template) context.suggest?.(input, kind.item);
    return el("div", "fe-row fe-pair", {}, key, input, gone);
  });
  const named = (name) => (/^[A-Za-z_]\w*$/.test(name) ? `payload.${name}` : `payload[${JSON.stringify(name)}]`);
  const picks = picker(fact, context, true, entries.map(([name]) => name), (picked) => set(path, { ...value, ...Object.fromEntries(picked.map((name) => [name, named(name)])) }));
  if (picks) rowsMade.push(el("div", "fe-row", {}, el("span", "fe-help fh-grow", {}, words.pick_names), picks));
  return el("div", "fe-rows", {}, ...rowsMade, mayEdit ? newPair(kind, entries, { id: entries.length ? null : id, set, path, words, suggest: context.suggest }) : null);
}

function newPair(kind, entries, { id, set, path, words, suggest }) {
  const key = el("input", "fh-input", { id, placeholder: words.pair_name, "aria-label": words.pair_name, spellcheck: "false" });
  const input = el("input", `fh-input${kind.item.mono ? " fe-mono" : ""}`, { placeholder: words.pair_value, "aria-label": words.pair_value, spellcheck: "false" });
  const add = () => {
    const [name, typed] = [key.value.trim(), parseValue(kind.item, input.value)];
    if (name && typed !== undefined && !entries.some(([known]) => known === name)) set([...path, name], typed);
  };
  if (kind.item.expression || kind.item.template) suggest?.(input, kind.item);
  commitOn(input, add);
  commitOn(key, add);
  return el("div", "fe-row fe-pair", {}, key, input);
}

/** A list of objects: a block of fields each. */
function objects(kind, fact, context) {
  const { value, set, path, mayEdit, words } = context;
  const list = Array.isArray(value) ? value : [];
  const inner = fact.fields.find((one) => one.choices_from);
  const blocks = list.map((item, index) => {
    const plain = item === null || typeof item !== "object";
    const change = (at, changed) => set(path, list.with(index, plain ? changed : edited(item, at.slice(path.length + 1), changed)));
    const body = plain
      ? [line({ shape: "line" }, { ...inner, name: fact.name }, { ...context, id: null, value: item, path: [...path, String(index)], set: change })]
      : fact.fields.map((one) => field(one, { ...context, path: [...path, String(index), one.name], value: item[one.name], set: change }));
    const title = plain ? String(index + 1) : summaryOf(item) || String(index + 1);
    const gone = mayEdit ? iconButton("close", words.remove_row, () => set(path, list.length > 1 ? list.toSpliced(index, 1) : undefined)) : null;
    return el("details", "fe-block", { open: list.length === 1 || !plain && !summaryOf(item) }, el("summary", "", {}, el("span", "fe-block-title", {}, title), gone), ...body);
  });
  const add = el("button", "fh-button fh-quiet", { type: "button", onclick: () => set(path, [...list, blank(fact)]) }, icon("add"), words.add_row);
  const picks = inner ? picker(inner, context, true, list.map((item) => item?.[inner.name] ?? item), (picked) => set(path, [...list, ...picked.map((one) => ({ [inner.name]: one }))])) : null;
  return el("div", "fe-rows", { id: context.id }, ...blocks, mayEdit ? el("div", "fe-row", {}, add, picks) : null);
}

/** Off, on, or on with settings of its own. */
function optional(kind, fact, context) {
  const { id, value = fact.default ?? false, set, path, mayEdit, words } = context;
  const on = value !== false;
  const input = el("input", "", { id, type: "checkbox", role: "switch", checked: on, disabled: !mayEdit });
  input.addEventListener("change", () => set(path, input.checked ? true : undefined));
  const inner = value && typeof value === "object" ? value : {};
  const change = (at, changed) => {
    const after = edited(inner, at.slice(path.length), changed);
    set(path, Object.keys(after).length ? after : true);
  };
  const rest = on ? fact.fields.map((one) => field(one, { ...context, path: [...path, one.name], value: inner[one.name], set: change })) : [];
  return el("div", "", {}, el("div", "fe-flag", {}, input, el("span", "fh-sub", {}, on ? words.yes : words.no)), rest.length ? el("div", "fe-nested", {}, ...rest) : null);
}

function nested(kind, fact, context) {
  const value = context.value ?? {};
  return el("div", "fe-nested", { id: context.id }, ...fact.fields.map((inner) => field(inner, { ...context, path: [...context.path, inner.name], value: value[inner.name] })));
}

function code(kind, fact, context) {
  return line({ ...kind, long: true, mono: true }, fact, context);
}

/** Whatever no field knows how to show: as JSON, checked before it is taken. */
function json(kind, fact, { id, value, set, path, mayEdit, words }) {
  const input = el("textarea", "fh-input fe-mono", { id, rows: "4", spellcheck: "false", disabled: !mayEdit, placeholder: placeholder(fact) });
  input.value = value === undefined ? "" : JSON.stringify(value, null, 1);
  const note = el("div", "fe-problem fe-problem-error", { hidden: true });
  commitOn(input, () => {
    try {
      const typed = input.value.trim() ? JSON.parse(input.value) : undefined;
      note.hidden = true;
      if (JSON.stringify(typed) !== JSON.stringify(value)) set(path, typed);
    } catch (error) {
      note.hidden = false;
      note.textContent = words.json_wrong.replace("{reason}", error.message);
    }
  });
  return el("div", "", {}, input, note);
}

/** Enter and leaving the field commit; Escape puts back what was there. */
function commitOn(input, commit) {
  const before = input.value;
  input.dataset.before = before; // tells a field that is being typed in from one that is only focused
  input.addEventListener("change", commit);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && input.tagName !== "TEXTAREA") input.blur();
    if (event.key === "Escape") {
      input.value = before;
      event.stopPropagation();
      input.blur();
    }
  });
}

function isReference(value) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return false;
  const keys = Object.keys(value);
  return (keys.length === 1 && keys[0] === "secret") || ("env" in value && keys.every((key) => key === "env" || key === "default"));
}

function placeholder(fact) {
  const shown = fact.default ?? fact.example;
  if (shown === null || shown === undefined || shown === "") return null;
  return `${fact.default === null || fact.default === undefined ? "e.g. " : ""}${shownValue(shown)}`;
}

function summaryOf(item) {
  return Object.values(item).find((one) => typeof one === "string" && one) ?? "";
}

function blank(fact) {
  return Object.fromEntries(fact.fields.filter((inner) => inner.required).map((inner) => [inner.name, ""]));
}

function edited(item, [name, ...rest], value) {
  if (rest.length) return { ...item, [name]: edited(item[name] ?? {}, rest, value) };
  const { [name]: _, ...others } = item;
  return value === undefined ? others : { ...item, [name]: value };
}

function without(entries, name) {
  const left = entries.filter(([key]) => key !== name);
  return left.length ? Object.fromEntries(left) : undefined;
}
