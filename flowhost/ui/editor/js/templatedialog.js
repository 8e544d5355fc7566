// A template told what it connects and which values it takes; the flow is made and may run at once.
import { el, icon, iconButton } from "./dom.js";
import { field } from "./form.js";
import { LinkDialog } from "./linkdialog.js";
import { pick } from "./pickdialog.js";
import { afterPress } from "./press.js";
import { stepsOf, valueAt } from "./problems.js";
import { titlesOf } from "./prose.js";
import { redrawn } from "./redrawn.js";
import { Secrets } from "./secrets.js";
import { holdHeight } from "./steady.js";
import { Unread } from "./unread.js";

export class TemplateDialog {
  /** @param {HTMLElement} host @param {Record<string, string>} words @param {(what: string, args: object) => Promise<any>} ask */
  constructor(host, words, ask) {
    Object.assign(this, { host, words, ask, links: new LinkDialog(host, words, ask) });
    this.secrets = new Secrets(ask, { held: true, redraw: () => this.#draw() });
    this.unread = new Unread(() => this.refused && setTimeout(() => this.#clear()));
  }

  /** @param {object} template as the host describes it @param {(made: {id: string}) => void} done */
  async open(template, done) {
    this.close();
    Object.assign(this, { template, done, known: [], chosen: {}, fault: "", place: "", refused: false });
    this.values = Object.fromEntries(template.fields.filter((one) => one.value !== null).map((one) => [one.path, one.value]));
    const { words } = this;
    this.box = el("dialog", "fe-dialog fl-dialog", { "data-testid": "template-dialog", "aria-label": template.title });
    this.form = el("div", "fl-form");
    this.warning = el("div");
    this.start = el("input", "", { type: "checkbox", checked: true, "data-testid": "template-start" });
    this.name = el("input", "fh-input", { id: "ft-name", "data-testid": "template-name", spellcheck: "false", autocomplete: "off" });
    this.name.value = template.title;
    this.area = el("input", "fh-input", { id: "ft-area", spellcheck: "false", placeholder: "plant1/line1" });
    this.maker = el("button", "fh-button fh-primary", { type: "button", "data-testid": "template-make", onclick: () => this.#make() }, icon("check"), el("span", "", {}, words.template_make));
    this.box.append(
      el("div", "fe-dialog-head", {}, el("h2", "", {}, template.title), iconButton("close", words.close, () => this.close())), this.form, this.warning,
      el("div", "fh-dialog-buttons", {}, el("label", "fl-choice", {}, this.start, words.template_start), el("span", "fh-grow"), el("button", "fh-button fh-quiet", { type: "button", onclick: () => this.close() }, words.link_cancel), this.maker),
    );
    this.host.append(this.box);
    this.box.showModal();
    this.form.append(el("p", "fh-sub", {}, words.pick_looking));
    this.maker.disabled = true;
    await this.#learn();
    this.maker.disabled = false;
    // the only one there is will be the one that is meant
    for (const { slot, type } of template.connections) this.chosen[slot] ??= this.known.find((one) => one.type === type)?.name;
    this.#draw();
    if (this.box) holdHeight(this.box);
  }

  close() {
    this.secrets.clear();
    this.unread.clear();
    this.links.close();
    this.box?.remove();
    this.box = null;
  }

  async #learn() {
    try {
      [this.known] = await Promise.all([this.ask("connections", {}), this.secrets.learn()]);
    } catch (error) {
      this.fault = error.message;
    }
  }

  /** What is pressed must not move away before its click, what is being typed is not swept away. */
  #draw() {
    const { box } = this;
    afterPress(() => box && this.box === box && this.#drawNow());
  }

  #drawNow() {
    if (redrawn(this.form, () => this.#form(), () => this.#draw()).typing) return;
    const placed = !this.refused && this.form.querySelector(".fe-problem:not([hidden])") !== null;
    this.warning.replaceChildren(...(this.fault && !placed ? [el("div", "fe-problem fe-problem-error", { role: "alert", "data-testid": "template-fault" }, icon("error_outline"), el("span", "", {}, this.fault))] : []));
  }

  #form() {
    const { template, words } = this;
    const labelled = (id, label, input) => el("div", "fe-field", {}, el("div", "fe-field-head", {}, el("label", "fe-label", { for: id }, label)), input);
    return [
      el("p", "fh-panel-summary", {}, template.summary),
      ...template.connections.map((one) => this.#slot(one)),
      ...template.fields.map((one) => this.#field(one)),
      labelled("ft-name", words.template_name, this.name), labelled("ft-area", words.template_area, this.area),
    ];
  }

  #problemsAt(place) {
    return this.fault && (this.place === place || this.place.startsWith(`${place}[`) || this.place.startsWith(`${place}.`)) ? [{ severity: "error", message: this.fault }] : [];
  }

  #slot({ slot, title, type }) {
    const { words, chosen } = this;
    const fitting = this.known.filter((one) => one.type === type);
    const input = el(
      "select", "fh-input", { id: `ft-${slot}`, "data-testid": "template-connection", "data-slot": slot },
      el("option", "", { value: "" }, words.choose), ...fitting.map(({ name }) => el("option", "", { value: name, selected: name === chosen[slot] }, name)), el("option", "", { value: "+" }, words.new_connection),
    );
    input.addEventListener("change", () => {
      if (input.value === "+") return (this.#create(slot, type), (input.value = chosen[slot] ?? ""));
      chosen[slot] = input.value;
      this.#clear();
    });
    const result = el("div", "fl-result", { role: "status" });
    const test = chosen[slot] ? iconButton("network_check", words.link_test, () => this.#test(chosen[slot], result)) : null;
    const fresh = fitting.length ? null : el("button", "fh-button", { type: "button", "data-testid": "template-new-connection", onclick: () => this.#create(slot, type) }, icon("add"), words.link_new);
    const problems = this.#problemsAt(`connections.${slot}`).map((one) => el("div", "fe-problem fe-problem-error", { role: "alert" }, icon("error_outline"), one.message));
    return el("div", `fe-field${problems.length ? " fe-wrong" : ""}`, {}, el("div", "fe-field-head", {}, el("label", "fe-label", { for: `ft-${slot}` }, title), chosen[slot] ? null : el("span", "fe-due", {}, words.required)), el("div", "fe-row", {}, fresh ?? input, test), ...problems, result);
  }

  #field({ node, connection, path, fact }) {
    const { words } = this;
    const set = (at, value) => {
      this.values[path] = changed(this.values[path], at.slice(1), value);
      // not before the focus has gone where it goes: the next field must still be there
      setTimeout(() => this.#clear());
    };
    const link = () => this.chosen[connection];
    const open = (one, wanted) => {
      if (!link()) return ((this.fault = words.template_connect_first), (this.place = `connections.${connection}`), this.#draw());
      const config = Object.fromEntries(this.template.fields.filter((other) => other.connection === connection).map((other) => [other.fact.name, this.values[other.path]]));
      const look = (under, search) => this.ask("browse", { connection: link(), list: one.choices_from, under, search, config });
      pick(this.host, { title: words.pick_title.replace("{field}", one.name), look, ...wanted }, words);
    };
    const made = field(fact, { path: [path], value: this.values[path], set, read: (at) => valueAt(this.values, at), problemsAt: (place) => this.#problemsAt(place), words, mayEdit: true, secrets: this.secrets, unread: this.unread, owner: () => this.name.value, titles: titlesOf(this.template.fields.filter((other) => other.node === node).map((other) => other.fact)), pick: connection ? open : null });
    made.dataset.field = path.split(".").slice(1).join(".");
    made.querySelector(".fe-label").prepend(`${node}: `);
    return made;
  }

  #clear() {
    Object.assign(this, { fault: "", place: "", refused: false });
    this.#draw();
  }

  /** A flow made with another value than the one that stands in the form would be a surprise. */
  #refuse() {
    const [first] = this.unread.standing((path) => valueAt(this.values, path));
    if (!first) return false;
    const asked = this.template.fields.find(({ path }) => `${stepsOf(first.place).join(".")}.`.startsWith(`${path}.`));
    const field = asked ? `${asked.node}: ${asked.fact.title || asked.fact.name}` : first.place;
    Object.assign(this, { fault: this.words.unread_blocks.replace("{field}", field), place: "", refused: true });
    this.#draw();
    return true;
  }

  #create(slot, type) {
    this.links.open({ name: "", type, config: {}, fixed: true, suggested: slot }, true, async ({ name, config, secrets }) => {
      await this.ask("connection.create", { name, type, config, secrets });
      this.chosen[slot] = name;
      await this.#learn();
      this.#clear();
    });
  }

  async #test(name, result) {
    result.replaceChildren(icon("autorenew", "fh-spin"), this.words.link_testing);
    let found;
    try {
      found = await this.ask("connection.test", { name });
    } catch (error) {
      found = { ok: false, text: error.message };
    }
    result.dataset.ok = String(found.ok);
    result.replaceChildren(icon(found.ok ? "check" : "error_outline"), el("span", "", {}, found.text));
  }

  async #make() {
    document.activeElement?.blur?.();
    if (this.#refuse()) return;
    this.maker.disabled = true;
    const { template, chosen, values } = this;
    const connections = Object.fromEntries(Object.entries(chosen).filter(([, name]) => name));
    try {
      await this.secrets.store();
      const made = await this.ask("template.make", { template: template.id, name: this.name.value, area: this.area.value, connections, values, start: this.start.checked });
      this.done(made);
    } catch (error) {
      Object.assign(this, { fault: error.message, place: error.place ?? "" });
      this.maker.disabled = false;
      this.#draw();
    }
  }
}

/** The value with a part of it changed; without a path, the other value. */
function changed(value, [key, ...rest], after) {
  if (key === undefined) return after;
  if (Array.isArray(value)) return value.with(Number(key), changed(value[Number(key)], rest, after));
  const { [key]: before, ...others } = value ?? {};
  const inner = changed(before, rest, after);
  return inner === undefined ? others : { ...others, [key]: inner };
}
