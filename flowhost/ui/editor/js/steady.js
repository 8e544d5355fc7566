// A dialog keeps its size while messages come and go in it: what is pressed next stays under the pointer.

const ROOM = 64; // for what may have to be said
const LEAST = 480;

/** Hold a dialog at the height it has now, with room for a message; what is longer scrolls within. */
export function holdHeight(box) {
  box.style.height = "";
  box.style.height = `${Math.max(LEAST, box.offsetHeight + ROOM)}px`;
}
