// Drags that change the draft: nodes to other places, wires to other ends.
import { snap } from "./geometry.js";
import { inputSpot, outputSpot } from "./geometry.js";
import { wireText } from "./ops.js";

/** Move the selected nodes; one of them dropped on a wire is spliced into it. */
export function moveNodes(editor, from) {
  const { scene } = editor;
  const start = scene.boxes(editor.selected);
  let places = {};
  let over = null;
  return {
    move(spot, event) {
      const [dx, dy] = [spot[0] - from[0], spot[1] - from[1]];
      const free = event.altKey;
      places = {};
      for (const [id, [x, y]] of start) places[id] = free ? [Math.round(x + dx), Math.round(y + dy)] : [snap(x + dx), snap(y + dy)];
      scene.shift(places);
      over = start.size === 1 ? editor.wireUnder([...start.keys()][0]) : null;
      editor.highlightWire(over);
      editor.view.draw();
    },
    drop() {
      scene.shift(null);
      editor.highlightWire(null);
      const [id] = start.keys();
      const ops = [{ op: "move", at: places }];
      if (over) ops.push(...editor.spliceOps(id, over));
      editor.commit(ops, start.size === 1 ? "move" : "moveSeveral");
    },
    cancel() {
      scene.shift(null);
      editor.highlightWire(null);
      editor.view.draw();
    },
  };
}

/**
 * Draw a wire from a port. From an input that has wires, the newest of them is taken off and led elsewhere.
 * @param {import("./editor.js").Editor} editor
 * @param {string} id node
 * @param {{port: string, direction: string}} port
 */
export function pullWire(editor, id, { port, direction }) {
  const { scene } = editor;
  const taken = direction === "in" ? [...scene.wires.values()].filter((wire) => wire.target === id).at(-1) : null;
  const end = taken ? { id: taken.source, port: taken.port, forwards: true } : { id, port, forwards: direction === "out" };
  const item = scene.nodes.get(end.id);
  const fixed = end.forwards ? outputSpot([item.x, item.y], item.ports, end.port) : inputSpot([item.x, item.y]);
  const reasons = reasonsAgainst(editor, end, taken);
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
    move(spot) {
      const to = scene.nodeAt(spot) ?? null;
      if (end.forwards) editor.view.drawLoose(fixed, spot);
      else editor.view.drawLoose(spot, fixed);
      if (to !== over) editor.hint(to && to !== end.id ? reasons(to) : null);
      over = to;
    },
    drop(spot, event) {
      const chosen = event.target?.closest?.(".fh-port");
      finish();
      const to = over ?? scene.nodeAt(spot);
      if (to === null) {
        if (taken) editor.commit([{ op: "del_wire", wire: taken.text }], "unwire");
        else editor.quickAdd(spot, end);
        return;
      }
      if (taken && to === id) return;
      const reason = reasons(to);
      if (reason) return editor.tell(reason);
      const backPort = chosen?.dataset.direction === "out" ? chosen.dataset.port : (scene.nodes.get(to).ports[0] ?? "error");
      const wire = end.forwards ? wireText(end.id, end.port, to) : wireText(to, backPort, end.id);
      editor.commit([...(taken ? [{ op: "del_wire", wire: taken.text }] : []), { op: "add_wire", wire }], "wire");
    },
    cancel: finish,
    click: finish,
  };
}

/** Why a wire may not lead there, in words; an empty text if it may. */
function reasonsAgainst(editor, end, taken) {
  const { scene, words } = editor;
  const reached = editor.reach(end.id, !end.forwards);
  return (to) => {
    if (to === end.id) return words.wire_itself;
    if (end.forwards && !scene.hasInput(to)) return words.wire_into_source;
    if (!end.forwards && scene.kindOf(to) === "sink" && !scene.nodes.get(to).ports.length) return words.wire_from_sink;
    if (reached.has(to)) return words.wire_circle;
    const text = end.forwards ? wireText(end.id, end.port, to) : null;
    if (text && scene.wires.has(text) && text !== taken?.text) return words.wire_twice;
    return "";
  };
}
