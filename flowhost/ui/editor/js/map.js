// The scene from far away, on a canvas: also the small map in the corner.
import { clipped } from "./geometry.js";
import { toneOf } from "./tones.js";

/** Draw all nodes and wires as the camera sees them. */
export function drawMap(canvas, scene, camera, marks, figures) {
  const { clientWidth: width, clientHeight: height } = camera.frame;
  const pen = prepare(canvas, width, height);
  const colours = coloursOf(canvas);
  pen.translate(camera.x, camera.y);
  pen.scale(camera.k, camera.k);
  extras(pen, scene, colours, 1.6 / camera.k, marks.extras);
  wires(pen, scene, colours, 1.6 / camera.k);
  for (const item of scene.nodes.values()) node(pen, item, colours, fillOf(item.id, marks, figures), marks.selected.has(item.id));
  if (camera.k > 0.18) titles(pen, scene, colours);
}

/** Draw the small map; gives how to turn a spot on it into one on the plane. */
export function drawMinimap(canvas, scene, camera, marks, figures) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const pen = prepare(canvas, width, height);
  const bounds = scene.bounds();
  if (!bounds || !width) return null;
  const [x, y, w, h] = bounds;
  const k = Math.min((width - 12) / w, (height - 12) / h);
  const [left, top] = [(width - w * k) / 2 - x * k, (height - h * k) / 2 - y * k];
  const colours = coloursOf(canvas);
  pen.translate(left, top);
  pen.scale(k, k);
  extras(pen, scene, colours, 1 / k, marks.extras);
  wires(pen, scene, colours, 1 / k);
  for (const item of scene.nodes.values()) node(pen, item, colours, fillOf(item.id, marks, figures), marks.selected.has(item.id));
  const [sx, sy, sw, sh] = camera.sight();
  pen.strokeStyle = colours.accent;
  pen.lineWidth = 1.5 / k;
  const [fx, fy, fw, fh] = clipped([sx * k + left, sy * k + top, sw * k, sh * k], [width, height]);
  pen.strokeRect((fx - left) / k, (fy - top) / k, fw / k, fh / k);
  return ([px, py]) => [(px - left) / k, (py - top) / k];
}

function prepare(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return pen;
}

function wires(pen, scene, colours, thickness) {
  pen.strokeStyle = colours.line;
  pen.lineWidth = thickness;
  pen.beginPath();
  for (const { from, to } of scene.wires.values()) {
    const pull = Math.max(Math.abs(to[0] - from[0]) / 2, to[0] > from[0] ? 30 : 80);
    pen.moveTo(...from);
    pen.bezierCurveTo(from[0] + pull, from[1], to[0] - pull, to[1], to[0], to[1]);
  }
  pen.stroke();
}

function node(pen, { x, y, w, h }, colours, tone, selected) {
  pen.fillStyle = tone ? colours[tone] : colours.card;
  pen.fillRect(x, y, w, h);
  if (!selected) return;
  pen.strokeStyle = colours.accent;
  pen.lineWidth = 8;
  pen.strokeRect(x, y, w, h);
}

/** Frames and notes, below all else. */
function extras(pen, scene, colours, thickness, selected) {
  pen.lineWidth = thickness;
  for (const { id, x, y, w, h } of scene.groups.values()) {
    pen.strokeStyle = selected.has(`group:${id}`) ? colours.accent : colours.line;
    pen.strokeRect(x, y, w, h);
  }
  for (const { id, x, y, w, h } of scene.notes.values()) {
    pen.fillStyle = colours.note;
    pen.fillRect(x, y, w, h);
    pen.strokeStyle = colours.accent;
    if (selected.has(`note:${id}`)) pen.strokeRect(x, y, w, h);
  }
}

function titles(pen, scene, colours) {
  pen.fillStyle = colours.text;
  pen.font = "600 28px Roboto, system-ui, sans-serif";
  pen.textBaseline = "middle";
  for (const item of scene.nodes.values()) pen.fillText(scene.titleOf(item.id), item.x + 10, item.y + item.h / 2, item.w - 20);
  for (const { name, x, y, w } of scene.groups.values()) pen.fillText(name, x + 10, y + 20, w - 20);
}

function fillOf(id, marks, figures) {
  const found = marks.problems.get(id);
  const now = figures.get(`n:${id}`);
  if (now?.state === "failed" || found?.some((one) => one.severity === "error")) return "bad";
  return now && toneOf(now) === "warn" ? "warn" : "";
}

let kept = { theme: null };

function coloursOf(canvas) {
  const style = getComputedStyle(canvas);
  const theme = style.getPropertyValue("color-scheme") + style.backgroundColor + style.color;
  if (kept.theme === theme) return kept;
  // light-dark() is resolved by the browser only where it is used as a colour
  const probe = document.createElement("span");
  canvas.parentElement.append(probe);
  const read = (name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  kept = {
    theme, line: read("--line-strong"), card: read("--map-node"), accent: read("--accent"), text: read("--text"), bad: read("--bad"), warn: read("--warn"), note: read("--note"),
  };
  probe.remove();
  return kept;
}
