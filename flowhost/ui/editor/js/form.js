// Fields made from a node type's own declaration. Each commits when it is left, or at once where it is a choice.
import { shownFields } from "./applies.js";
import { el, icon, iconButton } from "./dom.js";
import { codeOf, kindOf, parseValue, shownValue } from "./fieldkinds.js";
import { objects, pairs, rows } from "./formlists.js";
import { json, names, ownOr } from "./formtexts.js";
import { growing } from "./growing.js";
import { placeOf } from "./problems.js";
import { prose } from "./prose.js";
import { secretField, secretSet } from "./secretfield.js";

/**
 * One field with its label, help, unit and problem.
 * @param {object} fact the field as the node type declares it
 * @param {object} context
 * @param {string[]} context.path where its value is, from the node
 * @param {unknown} context.value
 * @param {(path: (string | number)[], value: unknown, merge?: string) => void} context.set `undefined` takes it away
 * @param {(path: (string | number)[]) => unknown} context.read what is there now: a form may be older than its values
 * @param {(place: string, whole: boolean) => object[]} context.problemsAt what is wrong there, and within if `whole`
 * @param {Record<string, string>} context.words
 * @param {boolean} context.mayEdit
 * @param {object} [context.unread] keeps texts that cannot be read, as `Unread.within` does
 * @param {Map<string, string>} [context.titles] what the fields of the form are called, for texts that name them
 * @param {import("./secrets.js").Secrets} [context.secrets] forms with secret fields have them
 * @param {() => string} [context.owner] whose form it is, for the names of secrets
 * @param {() => {code: string, words: string, spellings: string[]}[]} [context.units] frequent units
 * @param {(fact: object, wanted: {many: boolean, taken: string[], take: (values: string[]) => void}) => void} [context.pick]
 *   opens the list of what there is at the target
 */
export function field(fact, context) {
  const { path, words } = context;
  const id = `fe-${path.join("-")}`;
  const key = (path[0] === "config" && path.length > 1 ? path.slice(1) : path).join(".");
  const label = el("label", "fe-label", { for: id, title: key }, titleOf(fact));
  const kind = kindOf(fact);
  const switched = ["flag", "optional"].includes(kind.shape) && !isReference(context.value);
  const due = fact.required && isEmpty(context.value) ? el("span", "fe-due", {}, words.required) : null;
  const unit = fact.unit ? el("span", "fe-field-unit", {}, words[`unit_${fact.unit}`] ?? fact.unit) : null;
  const head = switched ? null : el("div", "fe-field-head", {}, label, due, unit);
  const input = control(kind, fact, { ...context, id, label });
  // fields within show their own
  const whole = !["nested", "optional"].includes(kind.shape) && !(kind.shape === "objects" && !hasPlain(context.value));
  const found = context.problemsAt(placeOf(path), whole);
  const problems = found.map((one) => el("div", `fe-problem fe-problem-${one.severity}`, { role: "alert" }, icon(one.severity === "error" ? "error_outline" : "warning_amber"), el("span", "", {}, ...prose(one.message))));
  if (fact.idle) problems.push(el("div", "fe-help fe-idle", {}, words.field_idle));
  const help = fact.docs ? el("div", "fe-help", { id: `${id}-help` }, ...prose(fact.docs, context.titles)) : null;
  const wrong = found.some((one) => one.severity === "error");
  const root = el("div", `fe-field${wrong ? " fe-wrong" : ""}${found.length ? " fe-told" : ""}`, { "data-testid": "field", "data-field": key, "data-place": placeOf(path) }, head, input, ...problems, help);
  // what is said of the text before does not hold for the one being typed
  root.addEventListener("input", () => (root.dataset.typing = ""));
  if (due) for (const name of ["input", "focusout"]) root.addEventListener(name, ({ target }) => (due.hidden = Boolean(target.value)));
  root.addEventListener("focusout", (event) => event.target.value === event.target.dataset.before && delete root.dataset.typing);
  return root;
}

/** What a field is called. */
export function titleOf(fact) {
  return fact.title || fact.name;
}

function control(kind, fact, context) {
  if (isReference(context.value)) return "secret" in context.value && context.secrets ? secretSet(fact, context) : reference(fact, context);
  if (fact.secret) return secretField(fact, context);
  const make = { choice, flag, optional, rows, pairs, objects, nested, code, names, ownOr, json }[kind.shape] ?? line;
  return make(kind, fact, { ...context, hint: placeholder(fact) });
}

/** A value that stands elsewhere: a secret or an environment variable. */
function reference(fact, { value, set, path, words, mayEdit }) {
  const [[where, name]] = Object.entries(value);
  const back = mayEdit ? iconButton("close", words.reference_remove, () => set(path, undefined)) : null;
  return el("div", "fe-reference", {}, icon(where === "secret" ? "key" : "settings"), el("span", "fe-mono", {}, `${where}: ${name}`), back);
}

export function line(kind, fact, context) {
  const { id, value, set, path, mayEdit, suggest } = context;
  const units = kind.unit ? (context.units?.() ?? []) : [];
  const input = inputOf(kind, {
    id, disabled: !mayEdit, spellcheck: "false", autocomplete: "off", rows: kind.long ? Math.min(8, Math.max(2, String(value ?? "").split("\n").length)) : null,
    inputmode: kind.number ? "decimal" : null, placeholder: placeholder(fact), "aria-describedby": fact.docs ? `${id}-help` : null,
    list: units.length ? `${id}-units` : null,
  });
  input.value = shownValue(value);
  commitOn(input, () => {
    const typed = parseValue(kind, kind.unit ? (input.value = codeOf(input.value, units)) : input.value);
    if (!Object.is(typed, value) && JSON.stringify(typed) !== JSON.stringify(value)) set(path, typed);
  });
  if (kind.expression || kind.template) suggest?.(input, kind, path);
  const frequent = units.map(({ code, words }) => el("option", "", { value: code }, words));
  if (units.length) return el("div", "", {}, input, el("datalist", "", { id: `${id}-units` }, ...frequent));
  const picks = picker(fact, context, false, [], ([picked]) => set(path, picked));
  return picks ? el("div", "fe-row", {}, input, picks) : input;
}

/** The input of a value of one line, or of several where its kind is long; what is computed grows while it is typed. */
export function inputOf(kind, attributes) {
  const classes = `fh-input${kind.mono ? " fe-mono" : ""}${kind.prose ? " fe-prose" : ""}`;
  if (kind.expression || kind.template) return growing(classes, attributes);
  return el(kind.long ? "textarea" : "input", classes, attributes);
}

/** The button that shows what there is at the target; null where nothing is known of that. */
export function picker(fact, { pick, mayEdit, words }, many, taken, take) {
  if (!fact.choices_from || !pick || !mayEdit) return null;
  const open = () => pick(fact, { many, taken, take });
  if (!many) return iconButton("manage_search", words.pick_button, open, { "data-testid": "pick" });
  return el("button", "fh-button fh-quiet fe-pick", { type: "button", "data-testid": "pick", onclick: open }, icon("manage_search"), words.pick_button);
}

function choice(kind, fact, { id, value, set, path, mayEdit, words }) {
  const shown = (option) => fact.labels?.[option] ?? { "": words.nothing, "\t": "tab", " ": words.space, "'": words.apostrophe, true: words.on, false: words.off }[option] ?? String(option);
  const usual = kind.options.includes(fact.default) ? shown(fact.default) : shownValue(fact.default);
  const blank = el("option", "", { value: "" }, fact.required ? words.choose : fact.blank ?? (usual ? `${words.default_} (${usual})` : words.default_));
  const options = kind.options.map((option) => el("option", "", { value: JSON.stringify(option), selected: option === value }, shown(option)));
  const input = el("select", "fh-input", { id, disabled: !mayEdit }, blank, ...options);
  input.addEventListener("change", () => set(path, input.value === "" ? undefined : JSON.parse(input.value)));
  return input;
}

function flag(kind, fact, { id, value, set, path, mayEdit, words, label }) {
  const on = value ?? fact.default ?? false;
  const input = el("input", "", { id, type: "checkbox", role: "switch", checked: on === true, disabled: !mayEdit });
  input.addEventListener("change", () => set(path, input.checked === (fact.default ?? null) ? undefined : input.checked));
  return el("div", "fe-flag", {}, input, label, stateOf(on, value, words));
}

/** Whether it is on, and whether anybody chose that. */
function stateOf(on, value, words) {
  return el("span", "fh-sub", {}, `${on ? words.on : words.off}${value === undefined ? ` (${words.by_default})` : ""}`);
}

/** Off, on, or on with settings of its own. */
function optional(kind, fact, context) {
  const { id, value = fact.default ?? false, set, read, path, mayEdit, words, label } = context;
  const on = value !== false;
  const input = el("input", "", { id, type: "checkbox", role: "switch", checked: on, disabled: !mayEdit });
  input.addEventListener("change", () => set(path, input.checked === Boolean(fact.default ?? false) ? undefined : input.checked));
  const inner = value && typeof value === "object" ? value : {};
  const change = (at, changed) => {
    const now = read(path);
    const after = edited(now && typeof now === "object" ? now : {}, at.slice(path.length), changed);
    set(path, Object.keys(after).length ? after : fact.default ? undefined : true);
  };
  const rest = on ? fieldsWithin(fact, inner, context).map((one) => field(one, { ...context, path: [...path, one.name], value: inner[one.name], set: change })) : [];
  return el("div", "", {}, el("div", "fe-flag", {}, input, label, stateOf(on, context.value, words)), rest.length ? el("div", "fe-nested", {}, ...rest) : null);
}

function nested(kind, fact, context) {
  const value = context.value ?? {};
  return el("div", "fe-nested", { id: context.id }, ...fieldsWithin(fact, value, context).map((inner) => field(inner, { ...context, path: [...context.path, inner.name], value: value[inner.name] })));
}

/** The fields of an object that mean something as it is filled in. */
export function fieldsWithin(fact, value, { path, problemsAt }, at = path) {
  return shownFields(fact.fields, value, (name) => problemsAt(placeOf([...at, name]), true).length > 0);
}

function code(kind, fact, context) {
  return line({ ...kind, long: true, mono: true }, fact, context);
}

/**
 * Enter and leaving the field commit, which gives false if it waits for more; Escape puts back what was there and leaves.
 * @param {HTMLElement} next where one is after Enter: Tab goes on from there, and what was done can be taken back
 */
export function commitOn(input, commit, next = input) {
  const before = input.value;
  input.dataset.before = before; // tells a field that is being typed in from one that is only focused
  input.addEventListener("change", () => commit() !== false && (input.dataset.before = input.value));
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (input.tagName !== "TEXTAREA" || "line" in input.dataset)) {
      event.preventDefault(); // a line of its own is no part of what grows
      input.blur();
      next.focus();
    }
    if (event.key === "Escape") {
      input.value = before;
      event.stopPropagation();
      input.blur();
    }
  });
}

function hasPlain(list) {
  return Array.isArray(list) && list.some((item) => item === null || typeof item !== "object");
}

function isEmpty(value) {
  return value === undefined || value === null || value === "" || (typeof value === "object" && !Object.keys(value).length);
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

function edited(item, [name, ...rest], value) {
  if (rest.length) return { ...item, [name]: edited(item[name] ?? {}, rest, value) };
  const { [name]: _, ...others } = item;
  return value === undefined ? others : { ...item, [name]: value };
}
