// Fields whose text is taken apart before it is taken over, and the choice between off, on and own settings.
import { el } from "./dom.js";
import { namesOf, shownNames } from "./fieldkinds.js";
import { commitOn } from "./form.js";
import { pairs } from "./formlists.js";
import { unreadNote } from "./unreadnote.js";

/** Whatever no field knows how to show: as JSON. */
export function json(kind, fact, context) {
  const { id, mayEdit, words, hint } = context;
  const input = el("textarea", "fh-input fe-mono", { id, rows: "4", spellcheck: "false", disabled: !mayEdit, placeholder: hint });
  const shown = (value) => (value === undefined ? "" : JSON.stringify(value, null, 1));
  const parse = (text) => (text.trim() ? JSON.parse(text) : undefined);
  return parsed(input, { shown, parse, wrong: words.json_wrong }, context);
}

/** How many there are, or what they are called. */
export function names(kind, fact, context) {
  const { id, mayEdit, words } = context;
  const usual = shownNames(fact.default ?? undefined);
  const placeholder = usual ? words.names_hint.replace("{default}", usual) : null;
  const input = el("input", "fh-input", { id, disabled: !mayEdit, spellcheck: "false", autocomplete: "off", placeholder, "aria-describedby": fact.docs ? `${id}-help` : null });
  return parsed(input, { shown: shownNames, parse: namesOf, wrong: words.names_wrong }, context);
}

function parsed(input, { shown, parse, wrong }, context) {
  const { value, set, path } = context;
  const show = (text = shown(value)) => (input.value = input.dataset.before = text);
  show();
  const note = unreadNote(context, [input], show);
  commitOn(input, () => {
    let typed;
    try {
      typed = parse(input.value);
    } catch (error) {
      return note.say(input.value, wrong.replace("{reason}", error.message));
    }
    note.clear();
    if (JSON.stringify(typed) !== JSON.stringify(value)) set(path, typed);
  });
  // Escape puts back what the field holds, not a text of before that could not be read either
  input.addEventListener("keydown", ({ key }) => key === "Escape" && (show(), note.clear()));
  return el("div", "", {}, input, note.root);
}

/** Off, on, or on with named values of its own; what each of them means is said by the field's widget. */
export function ownOr(kind, fact, context) {
  const { id, value = fact.default ?? false, set, path, mayEdit, words } = context;
  const own = value !== null && typeof value === "object";
  const chosen = own ? "own" : value ? "on" : "off";
  const of = (name) => words[`${fact.widget}_${name}`] ?? words[`own_${name}`];
  const input = el("select", "fh-input", { id, disabled: !mayEdit }, ...["off", "on", "own"].map((name) => el("option", "", { value: name, selected: name === chosen }, of(name))));
  input.addEventListener("change", () => {
    const taken = { off: false, on: true, own: {} }[input.value];
    set(path, taken === (fact.default ?? null) ? undefined : taken);
  });
  // without a row it is still a choice of own ones, of which some are missing
  const change = (at, changed) => set(at, changed === undefined && at.length === path.length ? {} : changed);
  const rows = own ? el("div", "fe-nested", {}, pairs(kind, fact, { ...context, id: `${id}-own`, set: change })) : null;
  return el("div", "", {}, input, rows);
}
