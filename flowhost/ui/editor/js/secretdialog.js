// A secret of the host is stored, or gets another value; what it was is shown nowhere.
import { el, icon, iconButton } from "./dom.js";

export class SecretDialog {
  /** @param {HTMLElement} host @param {Record<string, string>} words @param {(what: string, args: object) => Promise<any>} ask */
  constructor(host, words, ask) {
    Object.assign(this, { host, words, ask });
  }

  /** @param {string} name empty for a new one @param {(done: object) => void} done told what the host has done */
  open(name, done) {
    this.close();
    const { words } = this;
    const title = name ? words.secret_title_replace.replace("{name}", name) : words.secret_title_new;
    this.name = el("input", "fh-input", { id: "fs-name", spellcheck: "false", autocomplete: "off", maxlength: "128", "data-testid": "secret-dialog-name" });
    this.name.value = name;
    this.value = el("input", "fh-input", { id: "fs-value", type: "password", autocomplete: "new-password", placeholder: words.secret_type, "data-testid": "secret-dialog-value" });
    this.fault = el("div", "fe-secret-fault");
    this.saver = el("button", "fh-button fh-primary", { type: "submit", "data-testid": "secret-save" }, icon("check"), el("span", "", {}, words.link_save));
    const labelled = (id, label, ...inputs) => el("div", "fe-field", {}, el("div", "fe-field-head", {}, el("label", "fe-label", { for: id }, label)), ...inputs);
    const form = el("form", "", { onsubmit: (event) => (event.preventDefault(), this.#save(done)) },
      name ? null : labelled("fs-name", words.link_name, this.name, el("div", "fe-help", {}, words.secret_name_help)),
      labelled("fs-value", words.pair_value, this.value, el("div", "fe-help", {}, words.secret_help)), this.fault,
      el("div", "fh-dialog-buttons", {}, el("span", "fh-grow"), el("button", "fh-button fh-quiet", { type: "button", onclick: () => this.close() }, words.link_cancel), this.saver));
    this.box = el("dialog", "fe-dialog fe-secret-dialog", { "data-testid": "secret-dialog", "aria-label": title }, el("div", "fe-dialog-head", {}, el("h2", "", {}, title), iconButton("close", words.close, () => this.close())), form);
    this.box.addEventListener("close", () => this.close());
    this.host.append(this.box);
    this.box.showModal();
    (name ? this.value : this.name).focus();
  }

  close() {
    this.box?.remove();
    this.box = this.value = null;
  }

  async #save(done) {
    this.saver.disabled = true;
    try {
      done(await this.ask("secret.put", { name: this.name.value.trim(), value: this.value.value }));
    } catch (error) {
      this.saver.disabled = false;
      return this.fault.replaceChildren(el("div", "fe-problem fe-problem-error", { role: "alert", "data-testid": "secret-fault" }, icon("error_outline"), el("span", "", {}, error.message)));
    }
    this.close();
  }
}
