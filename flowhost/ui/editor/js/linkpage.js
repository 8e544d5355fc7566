// Dialogs of pages without a flow, for connections and templates: their questions go over the page's own line.
import { Asks } from "./asks.js";
import { LinkDialog } from "./linkdialog.js";
import { SecretDialog } from "./secretdialog.js";
import { TemplateDialog } from "./templatedialog.js";

export default {
  props: { facts: String },
  emits: ["ask", "saved", "stored", "made"],
  template: `<div class="fl-host"></div>`,
  mounted() {
    const { words, mayEdit } = JSON.parse(this.facts);
    this.mayEdit = mayEdit;
    this.asks = new Asks((frame) => (this.$emit("ask", { n: frame.n, what: frame.what, args: frame.args }), true), words);
    const ask = (what, args) => this.asks.ask(what, args);
    this.dialog = new LinkDialog(this.$el, words, ask);
    this.secrets = new SecretDialog(this.$el, words, ask);
    this.templates = new TemplateDialog(this.$el, words, ask);
  },
  unmounted() {
    this.dialog.close();
    this.secrets.close();
    this.templates.close();
  },
  methods: {
    /** What the host says to a question. */
    answer(frame) {
      this.asks.take(frame);
    },
    /** A new connection. */
    create() {
      this.dialog.open({ name: "", type: "", config: {} }, this.mayEdit, async ({ name, type, config, secrets }) => {
        await this.asks.ask("connection.create", { name, type, config, secrets });
        this.$emit("saved", {});
      });
    },
    /** Make a flow of a template. */
    use(template) {
      this.templates.open(template, (made) => this.$emit("made", made));
    },
    /** Store a secret; without a name, a new one. */
    secret(name) {
      this.secrets.open(name, ({ restarted, not_started }) => this.$emit("stored", { restarted, not_started }));
    },
    /** Look at one, or change it. */
    edit(link) {
      this.dialog.open(link, this.mayEdit, async ({ config, secrets }) => {
        const { restarted, restarting } = await this.asks.ask("connection.change", { name: link.name, config, version: link.version, secrets });
        this.$emit("saved", { restarted, restarting });
      });
    },
  },
};
