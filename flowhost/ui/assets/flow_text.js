// The text of a flow file: pasted, typed or read from a chosen file (whose name stays in the browser).
const LIMIT = 900 * 1000;
const PAUSE_MS = 250;

export default {
  props: { label: String, hint: String, name: String },
  emits: ["content", "toobig"],
  data: () => ({ text: "" }),
  template: `
    <div class="fh-flow-text">
      <label class="fh-button fh-file">
        <i class="material-icons fh-icon" aria-hidden="true">folder_open</i><span>{{ label }}</span>
        <input type="file" accept=".yaml,.yml,.json,.txt" class="fh-file-input" @change="read" />
      </label>
      <textarea class="fh-input fh-code" rows="16" spellcheck="false" data-testid="import-text"
        v-model="text" :placeholder="hint" :aria-label="name" @input="later" @blur="tell"></textarea>
    </div>`,
  methods: {
    async read(event) {
      const file = event.target.files[0];
      event.target.value = "";
      if (!file) return;
      if (file.size > LIMIT) return this.$emit("toobig");
      this.text = await file.text();
      this.tell();
    },
    later() {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.tell(), PAUSE_MS);
    },
    tell() {
      clearTimeout(this.timer);
      if (this.text.length > LIMIT) this.$emit("toobig");
      else if (this.text !== this.told) this.$emit("content", (this.told = this.text));
    },
    empty() {
      this.text = "";
      this.told = "";
    },
  },
};
