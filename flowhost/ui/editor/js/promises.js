// What paths of the flow promise, each with what that means and why it is no more.
import { el } from "./dom.js";

/** A line of the panel for a path; `name`: what the path is called there. */
export function promiseLine({ words, scene }, path, name) {
  return el(
    "details", "fe-promise", { "data-testid": "guarantee", "data-level": path.level },
    el("summary", "", {}, el("span", "fe-promise-from", {}, name), el("span", "", {}, path.words)),
    el("p", "fe-help", { "data-testid": "guarantee-means" }, words[`means ${path.level}, ${path.received}`]),
    ...path.reasons.map((reason) => el("p", "fe-help", {}, [`${scene.titleOf(reason.node)}: ${reason.text}`, reason.remedy].filter(Boolean).join("; "))),
  );
}

/**
 * Paths that lead over a wire; over one of an error port only those of failed messages.
 * @param {{source: string, sink: string, failed: boolean}[]} paths of the flow
 * @param {Iterable<{source: string, target: string}>} wires of the flow
 * @param {{source: string, port: string, target: string}} wire
 */
export function pathsOver(paths, wires, wire) {
  const all = [...wires];
  const before = reached(all, wire.source, "target", "source");
  const behind = reached(all, wire.target, "source", "target");
  const over = paths.filter(({ source, sink }) => before.has(source) && behind.has(sink));
  const own = over.filter(({ failed }) => failed === (wire.port === "error"));
  return own.length ? own : over;
}

function reached(wires, from, here, there) {
  const seen = new Set([from]);
  for (const id of seen) for (const wire of wires) if (wire[here] === id) seen.add(wire[there]);
  return seen;
}
