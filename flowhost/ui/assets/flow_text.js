// The text of a flow file, pasted, typed or read from a chosen file; or several files with their names.
const LIMIT = 900 * 1000;
const PAUSE_MS = 250;

export default {
  props: { label: String, hint: String, name: String },
  emits: ["content", "files", "toobig"],
  data: () => ({ text: "", names: [] }),
  template: `
    <div class="fh-flow-text">
      <label class="fh-button fh-file">
        <i class="material-icons fh-icon" aria-hidden="true">folder_open</i><span>{{ label }}</span>
        <input type="file" multiple accept=".yaml,.yml,.json,.txt" class="fh-file-input" @change="read" />
      </label>
      <ul v-if="names.length" class="fh-file-names" data-testid="import-files"><li v-for="name in names">{{ name }}</li></ul>
      <textarea v-else class="fh-input fh-code" rows="16" spellcheck="false" data-testid="import-text"
        v-model="text" :placeholder="hint" :aria-label="name" @input="later" @blur="tell"></textarea>
    </div>`,
  methods: {
    async read(event) {
      const files = [...event.target.files];
      event.target.value = "";
      if (!files.length) return;
      if (files.reduce((sum, file) => sum + file.size, 0) > LIMIT) return this.$emit("toobig");
      const read = await Promise.all(files.map(async (file) => ({ name: file.name, text: await file.text() })));
      this.names = read.length > 1 ? read.map((file) => file.name) : [];
      if (read.length > 1) return this.$emit("files", read);
      this.text = read[0].text;
      this.tell();
    },
    later() {
      window.flowhostTyping.later(this.$el, () => this.tell(), PAUSE_MS);
    },
    tell() {
      if (this.text.length > LIMIT) this.$emit("toobig");
      else if (this.text !== this.told) this.$emit("content", (this.told = this.text));
    },
    empty() {
      this.text = "";
      this.names = [];
      this.told = "";
    },
  },
};
