// Times as all pages write them: by the clock of the plant, which comes with each (`2026-11-23T00:30:05.123+01:00`), not the browser's.
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const PARTS = /^(\d+-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:[.](\d{1,3})\d*)?(?:Z|([+-])(\d\d):(\d\d))/;

function parts(iso) {
  const [, day, time, fraction = "", sign, hours = "00", minutes = "00"] = PARTS.exec(iso) ?? [];
  const ahead = Number(`${sign ?? "+"}1`) * (Number(hours) * 60 + Number(minutes));
  return { day, time, ms: fraction.padEnd(3, "0"), ahead, zone: ahead ? `UTC${sign}${hours}:${minutes}` : "UTC" };
}

/** `00:30:05` today in the plant, `23 Nov 00:30:05` on another day; with milliseconds if asked for. As `format.clock`. */
export function clock(iso, { fine = false, now = Date.now() } = {}) {
  const { day, time, ms, ahead } = parts(iso);
  if (!day) return "";
  const today = new Date(now + ahead * 60_000).toISOString().slice(0, 10);
  const written = fine ? `${time}.${ms}` : time;
  return day === today ? written : `${Number(day.slice(8))} ${MONTHS[Number(day.slice(5, 7)) - 1]} ${written}`;
}

/** The moment to the millisecond with its zone, for the hover text. As `format.exact`. */
export function exact(iso) {
  const { day, time, ms, zone } = parts(iso);
  return day ? `${day} ${time}.${ms} ${zone}` : "";
}
