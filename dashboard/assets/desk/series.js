/* Searches in columns of rows. Times rise; what is not known is NaN. */

/* First index whose value is not below x. */
function lower(values, x) {
  let a = 0, b = values.length;
  while (a < b) { const m = (a + b) >> 1; if (values[m] < x) a = m + 1; else b = m; }
  return a;
}

function nearest(times, x, step) {
  const i = lower(times, x);
  const best = i > 0 && (i === times.length || x - times[i - 1] < times[i] - x) ? i - 1 : i;
  return Math.abs(times[best] - x) <= 2 * step || best === 0 || best === times.length - 1 ? best : -1;
}

function firstKnown(values, from) {
  for (let i = from; i < values.length; i++) if (Number.isFinite(values[i])) return values[i];
  return NaN;
}

/* The largest of values[a..b), or of their negatives. */
function most(values, a, b, sign = 1) {
  let best = -Infinity;
  for (let i = a; i < b; i++) if (sign * values[i] > best) best = sign * values[i];
  return best;
}

function any(values, a, b) {
  for (let i = a; i < b; i++) if (values[i] === 1) return true;
  return false;
}

function lastIndex(values) {
  for (let i = values.length - 1; i >= 0; i--) if (Number.isFinite(values[i])) return i;
  return -1;
}

const lastKnown = (values) => values[lastIndex(values)] ?? null;
