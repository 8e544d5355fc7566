// The draft as this tab sees it: what the server has confirmed, and the edits made here on top of it.
import { OpError, apply } from "./ops.js";

const UNDO_LIMIT = 300;
const UNDO = "undo-"; // how the id of a batch begins that undoes a version put on the canvas

export class Draft {
  /**
   * @param {object} options
   * @param {(batch: {id: string, ops: object[]}) => void} options.send hands a batch to the server
   * @param {(change: {before: object, after: object, by: string}) => void} options.changed the draft looks different
   * @param {(text: string) => void} options.tell something the person should know
   * @param {() => void} [options.kept] what must outlive a reload has changed
   * @param {(lost: {ops: object[], reason: string, by: string, before: object}) => void} [options.lost] edits of this
   *   tab no longer fit what somebody else did; told if left out
   */
  constructor({ send, changed, tell, kept = () => {}, lost = ({ reason }) => tell(reason) }) {
    Object.assign(this, { send, changed, tell, kept, lost });
    this.rev = -1;
    this.base = null; // as the server confirmed it
    this.doc = null; // with the edits made here
    this.pending = []; // {id, ops}, oldest first
    this.undoStack = []; // {ops, label, of}: what leads back; `of`: the batch that put another version here
    this.redoStack = [];
    this.merging = null;
  }

  /** Whether there is something to edit yet. */
  get ready() {
    return this.doc !== null;
  }

  /**
   * Do edits here and now, and send them.
   * @param {object[]} ops
   * @param {{label?: string, merge?: string}} [options] `merge`: edits with the same mark become one step of undo
   * @returns {boolean} false if they do not fit; the person is told why
   */
  commit(ops, { label = "", merge = "" } = {}) {
    const inverse = this.#do(ops);
    if (inverse === null) return false;
    const last = this.undoStack.at(-1);
    if (merge && this.merging === merge && last) last.ops = [...inverse, ...last.ops];
    else this.undoStack.push({ ops: inverse, label });
    if (this.undoStack.length > UNDO_LIMIT) this.undoStack.shift();
    this.merging = merge || null;
    this.redoStack = [];
    this.kept();
    return true;
  }

  /** Take the last step of this tab back; gives its label, or null if there is none. */
  undo() {
    return this.#travel(this.undoStack, this.redoStack);
  }

  /** Do again what was taken back. */
  redo() {
    return this.#travel(this.redoStack, this.undoStack);
  }

  /** The whole draft from the server. */
  take(rev, document) {
    this.rev = rev;
    this.base = document;
    this.#show(this.#onTop(), "");
  }

  /** A batch the server has done: ours or somebody else's. */
  confirmed({ rev, id, ops, by, way_back: back }) {
    if (this.base === null || rev <= this.rev) return;
    this.base = apply(this.base, ops).draft;
    this.rev = rev;
    const before = this.doc;
    const mine = this.pending.findIndex((batch) => batch.id === id);
    const undone = id.startsWith(UNDO) ? id.slice(UNDO.length) : null;
    if (undone) this.undoStack = this.undoStack.filter((step) => step.of !== undone);
    if (back) this.offer(id, back.ops);
    // two tabs may have undone the same version, each in its own way
    if (mine === 0 && !undone) {
      this.pending.shift();
      this.kept();
      return; // it is on the screen already
    }
    if (mine >= 0) this.pending.splice(mine, 1);
    const other = mine < 0 ? by : "";
    this.#show(this.#onTop({ by: other, before }), other, Boolean(back));
    this.kept();
  }

  /** Another version was put here: one step of undo, in every tab. False if this tab has it already. */
  offer(id, ops) {
    if (this.undoStack.some((step) => step.of === id)) return false;
    this.undoStack.push({ ops, label: "version", of: id });
    this.redoStack = [];
    this.merging = null;
    this.kept();
    return true;
  }

  /** The server has seen this batch before. */
  acknowledged(id) {
    const known = this.pending.findIndex((batch) => batch.id === id);
    if (known < 0) return;
    this.pending.splice(known, 1);
    this.kept();
  }

  /** The server refused a batch: it is taken off the screen again. */
  refused(id, reason) {
    const known = this.pending.findIndex((batch) => batch.id === id);
    if (known < 0) return;
    this.pending.splice(known, 1);
    this.tell(reason);
    this.#show(this.#onTop(), "");
    this.kept();
  }

  /** What has to be sent (again) after the line was lost. */
  unsent() {
    return [...this.pending];
  }

  /** For a reload of the page: edits not confirmed yet and the steps of undo. */
  keep() {
    return { pending: this.pending, undo: this.undoStack, redo: this.redoStack };
  }

  /** What `keep` gave before the reload. */
  restore({ pending = [], undo = [], redo = [] }) {
    this.pending = pending;
    this.undoStack = undo;
    this.redoStack = redo;
  }

  #do(ops, id = crypto.randomUUID()) {
    let done;
    try {
      done = apply(this.doc, ops);
    } catch (error) {
      if (!(error instanceof OpError)) throw error;
      this.tell(error.message);
      return null;
    }
    const batch = { id, ops };
    this.pending.push(batch);
    this.#show(done.draft, "");
    this.send(batch);
    return done.inverse;
  }

  #travel(from, to) {
    const step = from.pop();
    if (!step) return null;
    this.merging = null;
    const possible = this.#possible(step.ops);
    // the same id in every tab: what two of them undo at once is undone once
    const inverse = possible.length ? this.#do(possible, step.of ? UNDO + step.of : undefined) : [];
    if (possible.length < step.ops.length) this.tell("Part of this could not be taken back: somebody else removed it.");
    if (inverse) to.push({ ops: inverse, label: step.label });
    this.kept();
    return step.label;
  }

  /** The operations that still have what they are about. */
  #possible(ops) {
    let draft = this.doc;
    return ops.filter((op) => {
      try {
        draft = apply(draft, [op]).draft;
        return true;
      } catch (error) {
        if (error instanceof OpError) return false;
        throw error;
      }
    });
  }

  /** The confirmed draft with the edits made here; those that no longer fit are given up, and said so. */
  #onTop(why = { by: "", before: null }) {
    let draft = this.base;
    this.pending = this.pending.filter((batch) => {
      try {
        draft = apply(draft, batch.ops).draft;
        return true;
      } catch (error) {
        if (!(error instanceof OpError)) throw error;
        this.lost({ ...why, ops: batch.ops, reason: `An edit of yours no longer fits: ${error.message}` });
        return false;
      }
    });
    return draft;
  }

  /** `put`: another version was put here. */
  #show(after, by, put = false) {
    const before = this.doc;
    this.doc = after;
    if (before !== after) this.changed({ before, after, by, put });
  }
}
