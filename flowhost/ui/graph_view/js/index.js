// The picture of a flow as an element of the page: draws once, then only writes figures.
import { drawPicture, showFigures } from "./drawing.js";
import { Viewport } from "./viewport.js";

export default {
  props: { picture: String, figures: String, picked: String, words: Object },
  emits: ["select"],
  template: `
    <div class="fh-graph" data-testid="canvas" role="group" :aria-label="words.label" tabindex="-1">
      <div class="fh-graph-plane" ref="plane"></div>
      <p v-if="empty" class="fh-none">{{ words.empty }}</p>
      <div class="fh-graph-tools">
        <button type="button" class="fh-icon-button" :title="words.in" :aria-label="words.in" @click="zoom(1.25)"><i class="material-icons">add</i></button>
        <button type="button" class="fh-icon-button" :title="words.out" :aria-label="words.out" @click="zoom(0.8)"><i class="material-icons">remove</i></button>
        <button type="button" class="fh-icon-button" :title="words.fit" :aria-label="words.fit" @click="fit"><i class="material-icons">fit_screen</i></button>
      </div>
    </div>`,
  data: () => ({ empty: false }),
  mounted() {
    const picture = JSON.parse(this.picture);
    this.empty = picture.nodes.length === 0;
    this.drawn = drawPicture(this.$refs.plane, picture, (id) => this.select(id));
    showFigures(this.drawn, JSON.parse(this.figures));
    if (this.drawn.cards.has(this.picked)) this.select(this.picked);
    this.viewport = new Viewport(this.$el, this.$refs.plane, picture, () => this.select(""));
    this.receive = (text) => showFigures(this.drawn, JSON.parse(text));
    this.listen();
  },
  unmounted() {
    clearTimeout(this.waiting);
    window.socket?.off("flowhost.figures", this.receive);
    this.viewport.release();
  },
  methods: {
    listen() {
      // the page's socket is made right after its elements
      if (window.socket) window.socket.on("flowhost.figures", this.receive);
      else this.waiting = setTimeout(() => this.listen(), 20);
    },
    select(id) {
      for (const [node, card] of this.drawn.cards) card.root.setAttribute("aria-pressed", String(node === id));
      for (const wire of this.drawn.wires.values()) wire.root.classList.toggle("fh-wire-near", wire.ends.includes(id));
      this.$emit("select", id);
    },
    zoom(factor) {
      this.viewport.zoomBy(factor);
    },
    fit() {
      this.viewport.fit();
    },
  },
};
