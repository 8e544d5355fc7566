// The connection dialog on a page without a flow: its questions go over the page's own line.
import { Asks } from "./asks.js";
import { LinkDialog } from "./linkdialog.js";

export default {
  props: { facts: String },
  emits: ["ask", "saved"],
  template: `<div class="fl-host"></div>`,
  mounted() {
    const { words, mayEdit } = JSON.parse(this.facts);
    this.mayEdit = mayEdit;
    this.asks = new Asks((frame) => (this.$emit("ask", { n: frame.n, what: frame.what, args: frame.args }), true), words);
    this.dialog = new LinkDialog(this.$el, words, (what, args) => this.asks.ask(what, args));
  },
  unmounted() {
    this.dialog.close();
  },
  methods: {
    /** What the host says to a question. */
    answer(frame) {
      this.asks.take(frame);
    },
    /** A new connection. */
    create() {
      this.dialog.open({ name: "", type: "", config: {} }, this.mayEdit, async ({ name, type, config }) => {
        await this.asks.ask("connection.create", { name, type, config });
        this.$emit("saved", []);
      });
    },
    /** Look at one, or change it. */
    edit(link) {
      this.dialog.open(link, this.mayEdit, async ({ config }) => {
        const { restarted } = await this.asks.ask("connection.change", { name: link.name, config, version: link.version });
        this.$emit("saved", restarted);
      });
    },
  },
};
