/** Times, amounts and tables for people. */

// biome-ignore lint/style/noRestrictedGlobals: a calendar for a time that is handed in, not a clock
const dateOf = (ms: number) => new Date(ms);

const two = (n: number) => String(n).padStart(2, '0');

/** `14:03:05.1`, local time, of ms since 1970. */
export function timeOfDay(ms: number): string {
  const d = dateOf(ms);
  const tenth = Math.floor(d.getMilliseconds() / 100);
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}.${tenth}`;
}

/** `2030-01-31 14:03`, local time, of ms since 1970. */
export function dateAndTime(ms: number): string {
  const d = dateOf(ms);
  const date = `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
  return `${date} ${two(d.getHours())}:${two(d.getMinutes())}`;
}

/** `0.62 s`, `12.3 s`, `5 min`, `3 h 12 min`, `2 d 4 h`: two figures that matter. */
export function duration(ms: number): string {
  const s = ms / 1000;
  if (s < 10) return `${s.toFixed(2)} s`;
  if (s < 60) return `${s.toFixed(1)} s`;
  const minutes = Math.floor(s / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** `812 bytes`, `3.4 kB`, `12.0 MB`. */
export function amount(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(1)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** `1 message`, `2 messages`. */
export function counted(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}

/** Rows with their columns aligned on the left, two spaces apart. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, [...cell].length);
    });
  const padded = (cell: string, i: number) => cell + ' '.repeat((widths[i] ?? 0) - [...cell].length);
  return rows.map((row) => row.map(padded).join('  ').trimEnd());
}
