// The field of a secret: its value is typed here and goes to the host's store, the config gets its name.
import { el, icon, iconButton } from "./dom.js";

/** Nothing is set yet: type the value, or choose one that is stored. */
export function secretField(fact, context) {
  const { secrets, owner, path, words } = context;
  const help = el("div", "fe-secret-more", {}, el("span", "fe-help fh-grow", {}, words.secret_help), chooser(context));
  return el("div", "fe-secret", {}, typed(context, () => secrets.freeName(owner(), path)), fault(context), help);
}

/** A name is set: say what is behind it, never the value. */
export function secretSet(fact, context) {
  const { secrets, value, set, path, words, mayEdit } = context;
  const name = value.secret;
  const known = secrets.find(name);
  const key = keyOf(context);
  const replace = () => (Object.assign(secrets, { replacing: key, fault: null }), secrets.redraw(), document.getElementById(context.id)?.focus());
  const detach = () => {
    secrets.drop(name);
    Object.assign(secrets, { replacing: "", fault: null });
    set(path, undefined);
  };
  const mayReplace = mayEdit && known?.source !== "environment";
  const box = el(
    "div", "fe-reference", { "data-testid": "secret-set" }, icon("key"), el("span", "fe-secret-name", {}, words.secret_set.replace("{name}", name)),
    mayReplace ? iconButton("edit", words.secret_replace, replace, { "data-testid": "secret-replace" }) : null,
    mayEdit ? iconButton("link_off", words.secret_detach, detach, { "data-testid": "secret-detach" }) : null,
  );
  if (mayReplace && secrets.replacing === key) return el("div", "fe-secret", {}, typed(context, () => name), fault(context), el("div", "fe-help", {}, words.secret_help));
  return el("div", "fe-secret", {}, box, fault(context), state(secrets, name, known, words));
}

function state(secrets, name, known, words) {
  if (name in secrets.typed) return el("div", "fe-help", {}, words.secret_held);
  if (known?.problem) return el("div", "fe-problem fe-problem-error", {}, icon("error_outline"), el("span", "", {}, known.problem));
  if (known?.source === "environment") return el("div", "fe-help", {}, words.secret_env);
  if (secrets.known && (known?.source ?? "nowhere") === "nowhere") return el("div", "fe-problem fe-problem-warning", {}, icon("warning_amber"), el("span", "", {}, words.secret_unset));
  return null;
}

/** The input for a value; it holds one only while it is typed. */
function typed(context, nameOf) {
  const { id, secrets, set, path, words, mayEdit } = context;
  const input = el("input", "fh-input", { id, type: "password", placeholder: words.secret_type, "aria-label": words.secret_type, autocomplete: "new-password", spellcheck: "false", disabled: !mayEdit, "data-testid": "secret-value" });
  input.dataset.before = "";
  input.addEventListener("change", async () => {
    const value = input.value;
    if (!value) return;
    const name = nameOf();
    try {
      await secrets.take(name, value);
    } catch (error) {
      secrets.fault = { key: keyOf(context), text: error.message };
      input.value = "";
      return secrets.redraw();
    }
    input.value = "";
    Object.assign(secrets, { replacing: "", fault: null });
    if (context.value?.secret === name) secrets.redraw();
    else set(path, { secret: name });
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") input.blur();
    if (event.key !== "Escape") return;
    input.value = "";
    event.preventDefault();
    event.stopPropagation();
    input.blur();
  });
  // nothing typed: the value there is stays
  input.addEventListener("blur", () => {
    if (input.value || !secrets.replacing) return;
    secrets.replacing = "";
    secrets.redraw();
  });
  const eye = iconButton("visibility", words.secret_look, () => {
    const hidden = input.type === "password";
    input.type = hidden ? "text" : "password";
    eye.firstChild.textContent = hidden ? "visibility_off" : "visibility";
  });
  // looking at what is typed must not count as leaving the field
  eye.addEventListener("mousedown", (event) => event.preventDefault());
  return el("div", "fe-row fe-secret-type", {}, input, mayEdit ? eye : null);
}

/** Secrets there are already, and a way to name one that another host will have. */
function chooser({ secrets, set, path, words, mayEdit, id }) {
  const names = secrets.all.map(({ name }) => el("option", "", { value: name }, name));
  const input = el("select", "fh-input fe-secret-choose", { "aria-label": words.secret_choose, disabled: !mayEdit, "data-testid": "secret-choose" }, el("option", "", { value: "" }, words.secret_choose), ...names, el("option", "", { value: "+" }, words.secret_later));
  input.addEventListener("change", () => {
    if (input.value !== "+") return input.value && set(path, { secret: input.value });
    const name = el("input", "fh-input", { id: `${id}-name`, placeholder: words.secret_name, "aria-label": words.secret_name, autocomplete: "off", spellcheck: "false", "data-testid": "secret-name" });
    name.dataset.before = "";
    name.addEventListener("input", () => name.setCustomValidity(""));
    name.addEventListener("change", () => {
      const wanted = name.value.trim();
      // taken over: it is not being typed any more
      name.dataset.before = name.value;
      if (/^[A-Za-z][A-Za-z0-9_.-]*$/.test(wanted)) set(path, { secret: wanted });
      else if (wanted) name.setCustomValidity(words.secret_bad);
      name.reportValidity();
    });
    name.addEventListener("keydown", (event) => event.key === "Enter" && name.blur());
    input.replaceWith(name);
    name.focus();
  });
  return input;
}

function fault(context) {
  const { fault: one } = context.secrets;
  return one?.key === keyOf(context) ? el("div", "fe-problem fe-problem-error", { role: "alert", "data-testid": "secret-fault" }, icon("error_outline"), el("span", "", {}, one.text)) : null;
}

function keyOf({ owner, path }) {
  return [owner(), ...path].join(".");
}
