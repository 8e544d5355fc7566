// Drags that change the draft: things to other places, notes to other sizes, wires to other ends.
import { moveOps, roomFor, spliceInto } from "./edits.js";
import { joinGroupOps, leaveOps, SMALLEST_NOTE } from "./extras.js";
import { inputSpot, outputSpot, snap, WIDTH } from "./geometry.js";
import { reasonsAgainst, wireTo } from "./legal.js";

/** Move what is selected; one node dropped on a wire is spliced into it, nodes dropped in a frame belong to it. */
export function moveNodes(editor, from) {
  const { scene } = editor;
  const start = scene.things(editor.selected, editor.extras);
  const ids = [...start.keys()].filter((key) => !key.startsWith("note:"));
  const framed = [...editor.extras].some((key) => key.startsWith("group:"));
  let places = {};
  let over = null;
  let frame = null;
  const done = () => {
    scene.shift(null);
    editor.highlightWire(null);
    editor.view.mark({ frame: null });
  };
  return {
    move(spot, event) {
      const [first] = start.values();
      const to = [0, 1].map((axis) => first[axis] + spot[axis] - from[axis]);
      // the first one comes to the grid, the others keep their distance from it
      const [dx, dy] = (event.altKey ? to.map(Math.round) : to.map(snap)).map((at, axis) => at - first[axis]);
      places = {};
      for (const [key, [x, y]] of start) places[key] = [x + dx, y + dy];
      scene.shift(places);
      over = start.size === 1 && ids.length ? scene.wireUnder(ids[0]) : null;
      frame = framed || !ids.length || event.ctrlKey || event.metaKey ? null : frameUnder(scene, ids);
      editor.highlightWire(over);
      editor.view.mark({ frame: frame?.id ?? null });
    },
    drop(_, event) {
      done();
      const room = over ? roomFor(scene, over, ids[0], places[ids[0]]) : null;
      if (room) places = { ...places, ...room.places, [ids[0]]: room.at };
      const ops = moveOps(places);
      if (over) ops.push(...spliceInto(over, ids[0], scene.nodes.get(ids[0]).ports[0] ?? "error"));
      if (frame) ops.push(...joinGroupOps(scene.doc, frame.id, ids));
      else if (!framed && (event.ctrlKey || event.metaKey)) ops.push(...leaveOps(scene.doc, ids));
      if (editor.commit(ops, start.size === 1 ? "move" : "moveSeveral") && start.size === 1 && ids.length) editor.view.camera.reveal(scene.box(ids[0]));
      editor.view.draw();
    },
    cancel: () => (done(), editor.view.draw()),
  };
}

/** The frame that all dragged nodes lie in and none of them belongs to. */
function frameUnder(scene, ids) {
  const dragged = new Set(ids);
  const middle = (id) => [scene.nodes.get(id).x + WIDTH / 2, scene.nodes.get(id).y + scene.nodes.get(id).h / 2];
  const found = scene.frameAt(middle(ids[0]), dragged);
  return found && ids.every((id) => scene.frameAt(middle(id), dragged)?.id === found.id) ? found : null;
}

/** Pull the corner of a note. */
export function sizeNote(editor, id, from) {
  const { w, h } = editor.scene.notes.get(id);
  let size = [w, h];
  return {
    move(spot) {
      size = [Math.max(SMALLEST_NOTE[0], snap(w + spot[0] - from[0])), Math.max(SMALLEST_NOTE[1], snap(h + spot[1] - from[1]))];
      editor.view.extras.stretch(id, size);
    },
    drop: () => editor.commit([{ op: "set", path: ["layout", "notes", id, "size"], value: size }], "move"),
    cancel: () => editor.view.extras.stretch(id, [w, h]),
  };
}

/**
 * Draw a wire from a port. From an input that has wires, the selected or else the newest of them is taken off and led
 * elsewhere.
 * @param {import("./editor.js").Editor} editor
 * @param {string} id node
 * @param {{port: string, direction: string}} port
 */
export function pullWire(editor, id, { port, direction }) {
  const arriving = direction === "in" ? [...editor.scene.wires.values()].filter((wire) => wire.target === id) : [];
  const taken = arriving.find((wire) => wire.text === editor.wire) ?? arriving.at(-1) ?? null;
  if (taken) return pullEnd(editor, taken, true);
  return pull(editor, { id, port, forwards: direction === "out" }, null);
}

/** Lead an end of a wire elsewhere; `arriving`: the end with the arrow's tip. */
export function pullEnd(editor, wire, arriving) {
  return pull(editor, arriving ? { id: wire.source, port: wire.port, forwards: true } : { id: wire.target, port: "in", forwards: false }, wire);
}

function pull(editor, end, taken) {
  const { scene } = editor;
  const item = scene.nodes.get(end.id);
  const fixed = end.forwards ? outputSpot([item.x, item.y], item.ports, end.port) : inputSpot([item.x, item.y]);
  const reasons = reasonsAgainst(scene, editor.words, end, taken);
  const possible = new Set([...scene.nodes.keys()].filter((other) => !reasons(other)));
  let over = null;
  editor.view.mark({ targets: possible });
  if (taken) editor.hideWire(taken.text);
  const finish = () => {
    editor.view.drawLoose(null);
    editor.view.mark({ targets: null });
    editor.hideWire(null);
    editor.hint(null);
  };
  return {
    move(spot, event) {
      const to = scene.nodeAt(spot) ?? event?.target?.closest?.(".fh-port")?.closest(".fh-node")?.dataset.node ?? null;
      if (end.forwards) editor.view.drawLoose(fixed, spot);
      else editor.view.drawLoose(spot, fixed);
      if (to !== over) editor.hint(to && to !== end.id ? reasons(to) : null);
      over = to;
    },
    drop(spot, event) {
      const chosen = event.target?.closest?.(".fh-port");
      finish();
      // half of a port lies beside its node
      const to = over ?? chosen?.closest(".fh-node")?.dataset.node ?? scene.nodeAt(spot);
      if (to === null) {
        if (taken) editor.commit([{ op: "del_wire", wire: taken.text }], "unwire");
        else editor.quickAdd(spot, end);
        return;
      }
      const port = chosen?.dataset.direction === "out" ? chosen.dataset.port : null;
      const wire = wireTo(scene, end, to, port);
      if (wire === taken?.text) return;
      const reason = reasons(to, port);
      if (reason) return editor.tell(reason);
      const off = taken ? [{ op: "del_wire", wire: taken.text }] : [];
      if (editor.commit([...off, { op: "add_wire", wire }], "wire") && taken) editor.selectWire(wire);
    },
    cancel: finish,
    click: finish,
  };
}
