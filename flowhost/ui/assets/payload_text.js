// A payload as text, with line numbers; tells what was typed a moment later.
const PAUSE_MS = 250;
const MOST_NUMBERS = 5000;

export default {
  props: { text: String, version: Number, name: String, fault: Number, locked: Boolean },
  emits: ["content"],
  data: () => ({ now: "" }),
  computed: {
    lines() {
      return Math.min(MOST_NUMBERS, this.now.split("\n").length);
    },
    rows() {
      return Math.max(5, Math.min(18, this.lines));
    },
  },
  template: `
    <div class="fh-payload" :class="{ 'fh-payload-faulty': fault, 'fh-payload-locked': locked }">
      <div class="fh-payload-numbers" ref="numbers" aria-hidden="true">
        <div v-for="n in lines" :key="n" :class="{ 'fh-payload-fault': fault === n }">{{ n }}</div>
      </div>
      <textarea ref="area" class="fh-payload-area" :rows="rows" spellcheck="false" autocomplete="off" wrap="off"
        data-testid="payload" v-model="now" :readonly="locked" :aria-label="name" :aria-invalid="!!fault"
        @input="later" @blur="tell" @scroll="follow"></textarea>
    </div>`,
  mounted() {
    this.take();
  },
  watch: {
    version() {
      this.take();
    },
  },
  methods: {
    take() {
      this.now = this.told = this.text || "";
    },
    later() {
      window.flowhostTyping.later(this.$el, () => this.tell(), PAUSE_MS);
    },
    tell() {
      if (this.now !== this.told) this.$emit("content", (this.told = this.now));
    },
    follow() {
      this.$refs.numbers.scrollTop = this.$refs.area.scrollTop;
    },
    goTo(line, column) {
      const lines = this.now.split("\n");
      const at = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0) + column - 1;
      this.$refs.area.focus();
      this.$refs.area.setSelectionRange(at, Math.min(at + 1, this.now.length));
    },
  },
};
