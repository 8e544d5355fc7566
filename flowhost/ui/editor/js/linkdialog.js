// A connection's dialog: its form made from its type, a Test button with the answer in words, and who uses it.
import { shownFields } from "./applies.js";
import { el, icon, iconButton } from "./dom.js";
import { field } from "./form.js";
import { inWords, once } from "./linkwords.js";
import { fieldTitle, valueAt } from "./problems.js";
import { changedAt } from "./paths.js";
import { afterPress } from "./press.js";
import { titlesOf } from "./prose.js";
import { redrawn } from "./redrawn.js";
import { Secrets } from "./secrets.js";
import { holdHeight } from "./steady.js";
import { Unread } from "./unread.js";

const CHECK_AFTER_MS = 200;

export class LinkDialog {
  /**
   * @param {HTMLElement} host where the dialog is put
   * @param {Record<string, string>} words
   * @param {(what: string, args: object) => Promise<any>} ask questions to the host
   */
  constructor(host, words, ask) {
    Object.assign(this, { host, words, ask });
    this.secrets = new Secrets(ask, { held: true, redraw: () => this.#draw() });
    this.unread = new Unread();
  }

  /**
   * @param {object} link
   * @param {string} link.name empty for a new one
   * @param {string} link.type empty where it is still to be chosen
   * @param {object} link.config
   * @param {number} [link.version]
   * @param {string[]} [link.running] flows that start anew when it changes
   * @param {boolean} [link.own] it belongs to one flow
   * @param {boolean} [link.choice] a new one may belong to the flow or to all
   * @param {boolean} mayEdit
   * @param {(saved: {name: string, type: string, config: object, own: boolean, secrets: Record<string, string>}) => Promise<void>|void} done
   */
  async open(link, mayEdit, done) {
    this.close();
    Object.assign(this, { link: { running: [], ...link, config: structuredClone(link.config ?? {}) }, mayEdit, done, problems: [], tested: link.tested ?? null, touched: false, tried: false, fault: "", place: "" });
    this.isNew = !link.name;
    this.before = JSON.stringify([this.link.name, this.link.type, this.link.config]);
    this.triedAs = this.#settings();
    this.allTheSame = false;
    this.heldFor = "";
    this.box = el("dialog", "fe-dialog fl-dialog", { "data-testid": "link-dialog", "aria-label": this.#title() });
    this.box.addEventListener("cancel", (event) => (event.preventDefault(), this.#leave()));
    this.host.append(this.box);
    this.box.showModal();
    this.#draw();
    try {
      [this.types] = await Promise.all([this.ask("connection.types", {}), this.secrets.learn()]);
    } catch (error) {
      return this.#say(error);
    }
    this.#draw();
    this.#check();
  }

  close() {
    clearTimeout(this.waiting);
    [this.secrets, this.unread].forEach((kept) => kept.clear());
    this.box?.remove();
    this.box = null;
  }

  /** Nothing that was typed is thrown away by a slip. */
  #leave() {
    const changed = JSON.stringify([this.link.name, this.link.type, this.link.config]) !== this.before || Object.keys(this.secrets.typed).length > 0;
    if (this.mayEdit && changed && !this.warned) {
      this.warned = true;
      this.fault = this.words.link_unsaved;
      return this.#draw();
    }
    this.warned = false;
    this.fault = "";
    this.close();
  }

  #title() {
    return this.isNew ? this.words.link_new : this.words.link_edit.replace("{name}", this.link.name);
  }

  /** What a test is about; one that was done with other settings says nothing of these. */
  #settings() {
    return JSON.stringify([this.link.type, this.link.config, this.secrets.typed]);
  }

  /** The last test of what would be saved did not work; that may be because the plant is off. */
  get #failed() {
    return this.tested?.ok === false && this.triedAs === this.#settings();
  }

  get #kind() {
    return this.types?.find((type) => type.type === this.link.type);
  }

  /** The frame stays as it is: a button that is redrawn between press and release would not be clicked. */
  #frame() {
    const { words } = this;
    this.title = el("h2");
    this.form = el("div", "fl-form");
    this.result = el("div", "fl-result", { role: "status", "data-testid": "link-result" });
    this.warning = el("div");
    this.tester = el("button", "fh-button", { type: "button", "data-testid": "link-test", onclick: () => this.#test() }, icon("network_check"), words.link_test);
    this.saver = el("button", "fh-button fh-primary", { type: "button", hidden: !this.mayEdit, "data-testid": "link-save", onclick: () => this.#save() }, icon("check"), el("span", "", {}, words.link_save));
    this.box.append(
      el("div", "fe-dialog-head", {}, this.title, iconButton("close", words.close, () => this.#leave())), this.form, this.result, this.warning,
      el("div", "fh-dialog-buttons", {}, this.tester, el("span", "fh-grow"), el("button", "fh-button fh-quiet", { type: "button", onclick: () => this.#leave() }, words.link_cancel), this.saver),
    );
  }

  /** Leaving a field redraws the form, and the button that was pressed meanwhile would move away before its click. */
  #draw() {
    const { box } = this;
    if (box && !box.childElementCount) this.#frame();
    afterPress(() => box && this.box === box && this.#drawNow());
  }

  #drawNow() {
    const { words, link } = this;
    this.title.textContent = this.#title();
    this.#drawForm();
    if (this.triedAs !== this.#settings()) this.tested = null;
    if (!this.#failed) this.allTheSame = false;
    this.#result();
    this.#warning();
    this.tester.disabled = !link.type || this.testing || this.saving;
    this.saver.disabled = !link.type || this.saving;
    this.saver.lastChild.textContent = this.saving ? words.link_saving : this.allTheSame ? words.link_all_the_same : words.link_save;
  }

  #drawForm() {
    const { words, link } = this;
    const make = () => (this.types ? this.#form() : [el("p", "fh-sub", {}, words.link_loading)]);
    const { typing, back } = redrawn(this.form, make, () => this.#draw());
    if (typing) return;
    if (!back && link.type && this.types && !this.touched) this.form.querySelector("input")?.focus();
    this.touched ||= Boolean(this.types);
    if (this.#kind && this.heldFor !== link.type) holdHeight(this.box);
    this.heldFor = this.#kind && link.type;
  }

  #form() {
    const { words, link, mayEdit } = this;
    const kind = this.#kind;
    const made = [this.isNew ? this.#chooseType() : null, kind ? el("p", "fh-panel-summary", {}, kind.summary) : null];
    if (this.isNew && kind) made.push(this.#name(), link.choice ? this.#scope() : null);
    if (!kind && link.type) made.push(el("p", "fe-problem fe-problem-error", {}, words.missing_type.replace("{type}", link.type)));
    const problemsAt = (place) => this.problems.filter((one) => one.place === place || one.place.startsWith(`${place}[`)).map((one) => ({ ...one, message: inWords(one.message, kind) }));
    const set = (path, value) => {
      link.config = changedAt({ config: link.config }, path, value).config ?? {};
      this.tested = null;
      // not before the focus has gone where it goes: the next field must still be there
      setTimeout(() => this.#draw());
      this.#check();
    };
    const read = (path) => valueAt(link, path);
    const titles = titlesOf(kind?.fields);
    const of = (fact) => field(fact, { path: ["config", fact.name], value: link.config[fact.name], set, read, problemsAt, words, mayEdit, secrets: this.secrets, unread: this.unread, owner: () => link.name || link.type.split(".")[0], titles });
    const facts = shownFields(kind?.fields ?? [], link.config, (name) => problemsAt(`config.${name}`).length > 0);
    made.push(...facts.filter((fact) => !fact.advanced).map(of));
    const advanced = facts.filter((fact) => fact.advanced);
    const changed = advanced.some((fact) => fact.name in link.config || problemsAt(`config.${fact.name}`).length);
    if (advanced.length) made.push(el("details", "fe-more", { open: changed }, el("summary", "", {}, words.advanced), ...advanced.map(of)));
    return made.filter(Boolean);
  }

  #chooseType() {
    const { words, link } = this;
    if (link.fixed) return null;
    const options = this.types.map((type) => el("option", "", { value: type.type, selected: type.type === link.type }, type.title));
    const input = el("select", "fh-input", { id: "fl-type", "data-testid": "link-type" }, el("option", "", { value: "" }, words.choose), ...options);
    input.addEventListener("change", () => {
      Object.assign(link, { type: input.value, config: {} });
      [this.secrets, this.unread].forEach((kept) => kept.clear());
      this.problems = [];
      this.tested = null;
      this.#draw();
      this.#check();
    });
    return el("div", "fe-field", {}, el("div", "fe-field-head", {}, el("label", "fe-label", { for: "fl-type" }, words.link_type)), input);
  }

  #name() {
    const { words, link } = this;
    const input = el("input", "fh-input", { id: "fl-name", "data-testid": "link-name", spellcheck: "false", autocomplete: "off", maxlength: "64" });
    input.value = link.name ||= link.suggested ?? "";
    const due = el("span", "fe-due", { hidden: Boolean(link.name) }, words.required);
    input.addEventListener("input", () => (due.hidden = Boolean((link.name = input.value.trim()))));
    const wrong = this.place === "name" ? el("div", "fe-problem fe-problem-error", { role: "alert" }, this.fault) : null;
    return el("div", wrong ? "fe-field fe-told" : "fe-field", {}, el("div", "fe-field-head", {}, el("label", "fe-label", { for: "fl-name" }, words.link_name), due), input, wrong, el("div", "fe-help", {}, words.link_name_help));
  }

  #scope() {
    const { words, link } = this;
    const one = (own, text) => {
      const input = el("input", "", { type: "radio", name: "fl-scope", checked: Boolean(link.own) === own, "data-testid": own ? "link-own" : "link-shared" });
      input.addEventListener("change", () => (link.own = own));
      return el("label", "fl-choice", {}, input, text);
    };
    return el("div", "fe-field fl-scope", { role: "radiogroup" }, one(false, words.link_shared), one(true, words.link_own));
  }

  #result() {
    const { words, tested, result } = this;
    delete result.dataset.ok;
    if (this.testing) return result.replaceChildren(icon("autorenew", "fh-spin"), words.link_testing);
    if (!tested) return result.replaceChildren();
    result.dataset.ok = String(tested.ok);
    result.replaceChildren(icon(tested.ok ? "check" : "error_outline"), el("span", "", {}, once(tested.text, this.#kind, this.problems, words)));
  }

  #warning() {
    const { words, link } = this;
    const fault = this.fault && once(this.fault, this.#kind, this.problems, words);
    if (fault && fault === this.result.lastChild?.textContent) this.warning.replaceChildren(); // the test said so
    else if (fault && this.place !== "name") this.warning.replaceChildren(el("div", "fe-problem fe-problem-error", { role: "alert", "data-testid": "link-fault" }, icon("error_outline"), el("span", "", {}, fault)));
    else if (this.allTheSame) this.warning.replaceChildren(el("div", "fe-problem fe-problem-warning", { role: "alert", "data-testid": "link-untested" }, icon("warning_amber"), el("span", "", {}, words.link_test_failed)));
    else if (this.mayEdit && link.running.length) this.warning.replaceChildren(el("p", "fe-help", { "data-testid": "link-restarts" }, words.link_restarts.replace("{flows}", link.running.map((id) => link.called?.[id] ?? id).join(", "))));
    else this.warning.replaceChildren();
  }

  #say(error) {
    Object.assign(this, { fault: error.message, place: error.place ?? "", testing: false, saving: false });
    this.#draw();
  }

  /** What is wrong stands at its field while it is typed. */
  #check() {
    clearTimeout(this.waiting);
    if (!this.link.type) return;
    this.waiting = setTimeout(async () => {
      const before = JSON.stringify(this.problems);
      try {
        this.problems = await this.ask("connection.check", { type: this.link.type, config: this.link.config });
      } catch {
        return; // said when it is saved
      }
      // what nobody has filled in yet is no fault of theirs
      if (this.isNew && !this.tried) this.problems = this.problems.filter((one) => one.severity === "error" && this.#filledIn(one.place));
      if (JSON.stringify(this.problems) !== before) this.#draw();
    }, CHECK_AFTER_MS);
  }

  #filledIn(place) {
    const [, name] = /^config\.([^.[]+)/.exec(place) ?? [];
    return name !== undefined && name in this.link.config;
  }

  /** A text that cannot be read would be tried and saved as what was there before. */
  #refuse() {
    const [first] = this.unread.standing((path) => valueAt(this.link, path));
    if (first) this.#say({ message: this.words.unread_blocks.replace("{field}", fieldTitle(this.#kind, first.place)) });
    return first;
  }

  async #test() {
    if (this.#refuse()) return;
    Object.assign(this, { testing: true, tested: null, fault: "", tried: true, triedAs: this.#settings(), allTheSame: false });
    this.#draw();
    this.#check();
    const { link } = this;
    try {
      this.tested = await this.ask("connection.try", { name: link.name || "new", type: link.type, config: link.config, own: Boolean(link.own), secrets: this.secrets.typed });
    } catch (error) {
      return this.#say(error);
    }
    this.testing = false;
    this.#draw();
  }

  async #save() {
    if (this.#refuse()) return;
    // said once; those who did not test are not asked
    if (this.#failed && !this.allTheSame) {
      this.allTheSame = true;
      this.fault = "";
      return this.#draw();
    }
    Object.assign(this, { saving: true, fault: "", place: "", tried: true });
    this.#draw();
    const { link } = this;
    try {
      await this.done({ name: link.name, type: link.type, config: link.config, own: Boolean(link.own), secrets: { ...this.secrets.typed } });
    } catch (error) {
      this.#say(error);
      return this.#check();
    }
    this.saving = false;
    this.close();
  }
}
