/* The page for who does not see it: every chart has a name that reads its newest bar out, and changes of state are said. */

const WORDS_EVERY_MS = 3000;
const RING = "<style>[role=img]:focus-visible, [role=group]:focus-visible { outline: 2px solid var(--leg-x); outline-offset: -2px; } div:focus:not(:focus-visible) { outline: none; }</style>";

Object.assign(Desk.prototype, {
  describe() {
    if (Date.now() - (this.described ?? 0) < WORDS_EVERY_MS) return;
    this.described = source.data.time.length ? Date.now() : 0;  // the first bar is said at once
    const words = this.words();
    for (const [name, figure] of Object.entries(figures)) {
      const bed = viewOf(figure)?.canvas_view?.events_el;
      if (!bed) continue;
      if (!bed.hasAttribute("role")) {
        bed.setAttribute("role", name === "zscore" ? "group" : "img");  // the thresholds of z are within it
        bed.insertAdjacentHTML("afterend", RING);
      }
      if (bed.getAttribute("aria-label") !== words[name]) bed.setAttribute("aria-label", words[name]);
    }
  },

  /* By chart. */
  words() {
    const { y = "", x = "", scale = 1, unit = "", step, entry, exit } = this.m, { d, newest, value } = this.readout(false);
    const said = (name, u, digits) => `${name} ${Number.isFinite(u) ? shown(u, digits) : "not known"}`;
    const at = (k) => k >= 0 ? `, bar of ${clockText(d.time[k]).slice(11, 19)} UTC` : "";
    if (!step || !d.time.length) return Object.fromEntries(Object.keys(figures).map((name) => [name, `${name} chart: no bars yet`]));
    const leg = (name, symbol) => {
      const prices = ["open", "high", "low", "close"].map((part) => [part, value(`${name}_${part}`)]), digits = Math.max(2, ...prices.map(([, u]) => decimalsOf(u)));
      return `Candles of ${symbol}: ${prices.map(([part, u]) => said(part, u, digits)).join(", ")}, ${said("volume", value(`${name}_volume`), 2)}${at(newest[name])}`;
    };
    const first = lower(d.time, x_range.start), change = (name, symbol) => said(symbol, 100 * (value(`${name}_close`) / firstKnown(d[`${name}_close`], first) - 1), 3);
    const when = at(newest.stats), ticks = this.m.no_ticks ? NaN : lastKnown(d.ticks_correlation) ?? NaN;
    return {
      y: leg("y", y), x: leg("x", x), norm: `Change in percent since the left edge: ${change("y", y)}, ${change("x", x)}`,
      spread: `Spread in ${unit === "bp" ? "basis points" : unit}: ${said("now", value("spread") * scale, 2)}, ${said("mean", value("spread_mean") * scale, 2)}, ${said("deviation", value("spread_std") * scale, 2)}${when}`,
      zscore: `z-score: ${said("now", value("zscore"), 2)}, entry ${entry}, exit ${exit}${when}`,
      correlation: `Correlation of returns: ${said("now", value("correlation"), 3)}, ${said("R squared", value("r_squared"), 3)}, ${said("of ticks", ticks, 3)}${when}`,
      hedge: `Hedge ratio: ${said("now", value("hedge_ratio"), 4)}, ${said("error", newest.stats >= 0 ? errorAt(d, newest.stats) : NaN, 4)}${when}`,
    };
  },

  /* Told once, when it changes. */
  sayState() {
    const state = this.lost ? "The server of the page is away" : this.m.down ? "The database is away; the charts stand still" : this.following ? "Following the newest bar" : "Paused";
    if (this.state !== undefined && state !== this.state) this.say(state);
    this.state = state;
  },

  say(text) { this.status.textContent = text; },
});
