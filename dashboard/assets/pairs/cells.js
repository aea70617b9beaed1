if (window.pairsView?.host === host) { window.pairsView.take(JSON.parse(host.tags[0])); return; }

const DASH = "–", BARS = 60, WIDTH = 65;
const COLUMNS = [
  { key: "pair", label: "Pair", title: "y/x: y is explained by x", text: true },
  { key: "z", label: "z", decimals: 2, title: "z-score, in-sample: the fit includes the bar" },
  { key: "signal", label: "Signal", title: "what z suggests by the two thresholds, or why there is none", text: true },
  { key: "one-step", label: "1-step z", decimals: 2, title: "z-score by the fit that ends a bar earlier" },
  { key: "spread", label: "Spread", decimals: 1, title: "of the newest bar" },
  { key: "rho", label: "ρ", decimals: 3, title: "correlation of the returns of bars" },
  { key: "ticks", label: "ρ ticks", decimals: 3, title: "Hayashi-Yoshida: of the trades at their own times" },
  { key: "beta", label: "β", decimals: 4, title: "hedge ratio" },
  { key: "fit", label: "R²", decimals: 3, title: "" },
  { key: "half-life", label: "Half-life", decimals: 1, title: "of the newest look, in bars" },
  { key: "verdict", label: "Verdict", title: "after the newest round of looks", text: true },
  { key: "change", label: "Δz 60", decimals: 2, title: "z now minus z 60 bars before" },
  { key: "age", label: "Age s", decimals: 1, title: "of the last trade of the older leg at the end of the bar, in seconds" },
];
/* Where a row of the server holds each column; looks likewise. */
const IN_ROW = { z: 4, "one-step": 5, spread: 6, rho: 7, beta: 8, fit: 9, change: 10, age: 11 };
const IN_LOOK = { ticks: [1, 2], "half-life": [3, 4], verdict: [5, 6] };
/* What the states of a row mean. */
const STATES = {
  gap: "trades are missing from the bar", doubt: "the filter's innovations are of another size than it thinks: z is not to be trusted", "warm-up": "bars there are of those the fit needs",
  stale: "last trade too long ago: statistics pause until it trades again", behind: "its newest row is older than that of the others", none: "nothing to show",
};
const FORMATS = [0, 1, 2, 3, 4].map((n) => new Intl.NumberFormat("en-US", { minimumFractionDigits: n, maximumFractionDigits: n }));

const shown = (value, decimals) => value === null ? DASH : FORMATS[decimals].format(value);
const mark = (node, name, value) => { if (node.getAttribute(name) !== value) node.setAttribute(name, value); };

/* The text of a node that holds nothing else. */
function put(node, text) {
  if (!node.firstChild) { if (text) node.append(text); } else if (node.firstChild.data !== text) node.firstChild.data = text;
}

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/* Indices in the order of their values: unknown (null, "") last whichever way, equal ones in their own order. */
function order(values, descending) {
  const sign = descending ? -1 : 1, unknown = (v) => v === null || v === "";
  const compare = (a, b) => typeof a === "string" ? a.localeCompare(b, "en") : a - b;
  return values.map((_, i) => i).sort((a, b) => {
    const [u, v] = [values[a], values[b]];
    if (unknown(u) || unknown(v)) return unknown(u) - unknown(v) || a - b;
    return sign * compare(u, v) || a - b;
  });
}
