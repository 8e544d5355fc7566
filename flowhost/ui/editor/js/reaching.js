// From a problem to the field it is about: its form open, the caret in it.
import { stepsOf } from "./problems.js";

const INPUT = "input:not([disabled]):not([hidden]), select:not([disabled]), textarea:not([disabled])";

/**
 * Put the caret into the field at a place of a form; false if the form has none there.
 * @param {HTMLElement} root
 * @param {string} place within the node, such as `config.rules[0].where`, or a part of the flow itself
 */
export function focusField(root, place) {
  const steps = stepsOf(place);
  if (steps[0] === "config" && steps.length > 1) steps.shift();
  for (let length = steps.length; length; length -= 1) {
    const field = root.querySelector(`[data-field="${CSS.escape(steps.slice(0, length).join("."))}"]`);
    const input = field && inputAt(field, steps.slice(length));
    if (input) return enter(input);
  }
  return false;
}

/** The input of what stands within a field, by name or number; else its first. */
function inputAt(field, [step]) {
  const inputs = [...field.querySelectorAll(INPUT)];
  if (/^\d+$/.test(step ?? "")) return inputs[Math.min(Number(step), inputs.length - 1)];
  return inputs.find((one) => one.dataset.key === step) ?? inputs[0];
}

function enter(input) {
  for (let inside = input.closest("details"); inside; inside = inside.parentElement.closest("details")) inside.open = true;
  input.focus({ preventScroll: true });
  input.scrollIntoView({ block: "center" });
  if (input.matches("textarea, input:not([type]), input[type=text]")) input.setSelectionRange(input.value.length, input.value.length);
  return true;
}
