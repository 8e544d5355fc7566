// How much is selected, in words.
import { count } from "./numbers.js";

/** Such as "3 nodes and 1 note". */
export function counted(words, { selected, extras }) {
  const of = (kind) => [...extras].filter((key) => key.startsWith(`${kind}:`)).length;
  const parts = [["node", selected.size], ["note", of("note")], ["frame", of("group")]].filter(([, number]) => number);
  const texts = parts.map(([name, number]) => (number === 1 ? words[`one_${name}`] : words[`many_${name}`].replace("{count}", count(number))));
  return texts.length > 1 ? `${texts.slice(0, -1).join(", ")} ${words.and} ${texts.at(-1)}` : texts[0];
}
