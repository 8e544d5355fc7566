// Numbers as a person reads them; the same words as flowhost/ui/format.py, held to it by tests/vectors/numbers.json.
const STEPS = [[1e9, "G"], [1e6, "M"], [1e3, "k"]];

/** A whole number with its thousands apart: `1,204,332`. */
export function count(number) {
  return number.toLocaleString("en");
}

/** A count where room is scarce: exact below 10,000, then `12.3k`, `4.56M`. */
export function short(number) {
  if (Math.abs(number) < 10_000) return count(number);
  const [step, letter] = STEPS.find(([size]) => Math.abs(number) >= size);
  return threeDigits(number / step) + letter;
}

/** Per second, without the unit: `0`, `0.25`, `4.2`, `312`, `12.3k`. */
export function rate(perSecond) {
  if (!(perSecond > 0) || !Number.isFinite(perSecond)) return "0";
  if (perSecond < 0.01) return "<0.01";
  if (perSecond < 0.995) return perSecond.toFixed(2);
  return perSecond < 99.95 ? perSecond.toFixed(1) : short(Math.round(perSecond));
}

/** What became of the messages of a node that filters some out, in words; nothing of others. */
export function wentOn({ out, filtered }, words) {
  return filtered ? [words.went_on.replace("{count}", short(out)), words.filtered.replace("{count}", short(filtered))] : [];
}

function threeDigits(number) {
  const size = Math.abs(number);
  return number.toFixed(size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2);
}
