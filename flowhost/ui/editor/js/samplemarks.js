// What a sample did at each node, in the few words that a card has room for.
import { short } from "./numbers.js";

/**
 * @param {{node: string, in: number, dead: number, pending: number, errors: number, error: string, outputs: {port: string, count: number}[]}[]} nodes
 * @param {(id: string) => string} kindOf
 * @param {Record<string, string>} words
 * @returns {Map<string, {text: string, tone: string, title: string}>} by node
 */
export function sampleMarks(nodes, kindOf, words) {
  return new Map(nodes.map((found) => [found.node, mark(found, kindOf(found.node), words)]));
}

function mark(found, kind, words) {
  const out = found.outputs.filter(({ port }) => port !== "error").reduce((sum, { count }) => sum + count, 0);
  const counts = [
    kind !== "source" && ["sample_in", found.in], kind !== "sink" && ["sample_out", out],
    found.pending > 0 && ["held", found.pending], found.dead > 0 && ["dead", found.dead],
  ].filter(Boolean);
  const text = counts.map(([word, number]) => words[word].replace("{count}", short(number))).join(" · ");
  const tone = found.dead || found.errors ? "bad" : found.in || out ? "" : "none";
  return { text, tone, title: [`${words.sample_mark}: ${text}`, found.error].filter(Boolean).join("\n") };
}
