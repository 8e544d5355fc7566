// Which wires may be drawn, and why others may not: for the mouse and for the keyboard. No DOM.
import { wireEnds, wireText } from "./ops.js";

/**
 * Why a wire may not lead there, in words; an empty text if it may.
 * @param {import("./scene.js").Scene} scene
 * @param {Record<string, string>} words
 * @param {{id: string, port: string, forwards: boolean}} end the end that stays
 * @param {{text: string} | null} taken the wire whose other end is led elsewhere
 * @returns {(to: string, port?: string | null) => string} `port`: the output meant, where the wire is drawn backwards
 */
export function reasonsAgainst(scene, words, end, taken = null) {
  const wires = scene.doc.wires.filter((text) => text !== taken?.text);
  const before = reached(wires, end);
  return (to, port = null) => {
    if (to === end.id) return words.wire_itself;
    if (end.forwards && !scene.hasInput(to)) return words.wire_into_source;
    if (!end.forwards && port !== "error" && scene.kindOf(to) === "sink" && !scene.nodes.get(to).ports.length) return words.wire_from_sink;
    if (before.has(to)) return words.wire_circle;
    const wire = wireTo(scene, end, to, port);
    return scene.wires.has(wire) && wire !== taken?.text ? words.wire_twice : "";
  };
}

/** Nodes that a wire must not lead to, as it would close a circle: those before its source, or behind its target. */
function reached(wires, { id, forwards }) {
  const next = new Map();
  for (const [source, , target] of wires.map(wireEnds)) {
    const [from, to] = forwards ? [target, source] : [source, target];
    next.set(from, [...(next.get(from) ?? []), to]);
  }
  const seen = new Set();
  const todo = [id];
  while (todo.length) {
    for (const name of next.get(todo.pop()) ?? []) {
      if (seen.has(name)) continue;
      seen.add(name);
      todo.push(name);
    }
  }
  return seen;
}

/** The wire from an end that stays to another node; backwards it leaves by `port`, or by the node's first output. */
export function wireTo(scene, end, to, port = null) {
  return end.forwards ? wireText(end.id, end.port, to) : wireText(to, port ?? scene.nodes.get(to).ports[0] ?? "error", end.id);
}
