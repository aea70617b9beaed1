/* From the rows of the look-back to what is drawn. */

const NO_BAR = { open: NaN, high: NaN, low: NaN, close: NaN, volume: NaN };
const LINES = { spread: "spread", mean: "spread_mean", zscore: "zscore", correlation: "correlation", r_squared: "r_squared", ticks: "ticks_correlation", hedge_ratio: "hedge_ratio" };

Object.assign(Desk.prototype, {
  /* Rows [i0, i1) of the source into the drawn one, `merge` bars to one: open first, high max, low min, volume sum, the rest last.
     Groups are cut at absolute times, so that they stand still as bars arrive. A hole in time becomes a gap, not a bridge. Bars
     outside the frame get no candle: Bokeh would paint them as a line at its edge. */
  copy(i0, i1, merge) {
    const d = source.data, { step, scale } = this.m, length = step * merge, out = {};
    for (const name of Object.keys(view.data)) out[name] = [];
    const firstY = firstKnown(d.y_close, lower(d.time, x_range.start)), firstX = firstKnown(d.x_close, lower(d.time, x_range.start));
    const thin = Object.fromEntries(LEGS.map((leg) => [leg, 0.004 * (most(d[`${leg}_high`], i0, i1) + most(d[`${leg}_low`], i0, i1, -1))]));
    let before = null;
    for (let i = i0; i < i1;) {
      const group = Math.floor(d.time[i] / length);
      let j = i + 1;
      while (j < i1 && Math.floor(d.time[j] / length) === group) j++;
      if (before !== null && d.time[i] - before > 1.5 * length) gap(out, before + length);
      const at = merge === 1 ? d.time[i] : group * length + (length - step) / 2;
      out.time.push(at);
      out.width.push(0.72 * length);
      for (const leg of LEGS) {
        const inside = at >= x_range.start && at <= x_range.end;
        const bar = inside ? mergedBar(d, leg, i, j) : NO_BAR, up = bar.close >= bar.open, first = leg === "y" ? firstY : firstX;
        for (const name of ["open", "high", "low", "close", "volume"]) out[`${leg}_${name}`].push(bar[name]);
        const middle = (bar.open + bar.close) / 2, body = Math.max(Math.abs(bar.open - bar.close), thin[leg]) / 2;
        out[`${leg}_top`].push(middle + body);
        out[`${leg}_bottom`].push(middle - body);
        out[`${leg}_colour`].push(this.colour(up ? "up" : "down"));
        out[`${leg}_fill`].push(this.colour(up ? "panel" : "down"));  // a rise is hollow: told apart without hue
        out[`${leg}_gap`].push(inside && any(d[`${leg}_gap`], i, j));
        out[`${leg}_norm`].push(100 * (d[`${leg}_close`][j - 1] / first - 1));
      }
      for (const [name, column] of Object.entries(LINES)) {
        const value = d[column][j - 1];
        out[name].push(name === "spread" || name === "mean" ? value * scale : value);
      }
      const open = this.spreadOpen(i), close = d.spread[j - 1] * scale, body = this.bodies() && at >= x_range.start && at <= x_range.end;
      out.error.push(errorAt(d, j - 1));
      out.spread_top.push(body ? Math.max(open, close) : NaN);
      out.spread_bottom.push(body ? Math.min(open, close) : NaN);
      out.spread_colour.push(this.colour(close >= open ? "up" : "down"));
      out.spread_fill.push(this.colour(close >= open ? "panel" : "down"));
      before = d.time[i];
      i = j;
    }
    view.data = out;
    this.copyBands(i0, i1, merge);
  },

  /* Where the spread stood at the open of a bar, by the bar's own line: of its prices at the close only the differences to the opens are
     needed, as intercept and all else is in the stored spread. The extremes of two legs are not of one moment: there is no high or low. */
  spreadOpen(i) {
    const d = source.data, price = this.m.unit === "bp" ? Math.log : (u) => u, change = (leg) => price(d[`${leg}_open`][i]) - price(d[`${leg}_close`][i]);
    return (d.spread[i] + change("y") - d.hedge_ratio[i] * change("x")) * this.m.scale;
  },

  /* Whether the spread is drawn as candles: wanted, and possible. */
  bodies() { return this.asked().bodies === true && !this.m.no_bodies; },

  showBodies(bodies) {
    this.ask({ bodies });
    this.schedule();
  },

  /* ±1 σ and ±entry σ around the mean of the spread, and ±1 error around the hedge ratio. */
  copyBands(i0, i1, merge) {
    const d = source.data, { scale, entry } = this.m;
    bands.data = this.outlines(i0, i1, merge, (i) => d.spread_mean[i] + d.spread_std[i], {
      inner: (i, side) => (d.spread_mean[i] + side * d.spread_std[i]) * scale,
      outer: (i, side) => (d.spread_mean[i] + side * entry * d.spread_std[i]) * scale,
    });
    errors.data = this.outlines(i0, i1, merge, (i) => d.hedge_ratio[i] + errorAt(d, i), { band: (i, side) => d.hedge_ratio[i] + side * errorAt(d, i) });
  },

  /* Closed outlines, one per stretch without holes in which `known` is a number: there along the upper edges, and back along the lower. */
  outlines(i0, i1, merge, known, edges) {
    const d = source.data, out = Object.fromEntries(["x", ...Object.keys(edges)].map((name) => [name, []]));
    const close = (stretch) => {
      if (!stretch.length) return;
      for (const side of [1, -1]) {
        for (const i of side === 1 ? stretch : stretch.slice().reverse()) {
          out.x.push(d.time[i]);
          for (const name in edges) out[name].push(edges[name](i, side));
        }
      }
      for (const name in out) out[name].push(NaN);
    };
    let stretch = [], before = null;
    for (let i = i1 - 1 - merge * Math.floor((i1 - 1 - i0) / merge); i < i1; i += merge) {
      const there = Number.isFinite(known(i));
      if (!there || (before !== null && d.time[i] - before > 1.5 * this.m.step * merge)) { close(stretch); stretch = []; }
      if (there) stretch.push(i);
      before = d.time[i];
    }
    close(stretch);
    return out;
  },
});

/* The error of the hedge ratio: the robust one where there is one. */
const errorAt = (d, i) => Number.isFinite(d.hedge_ratio_se_hac[i]) ? d.hedge_ratio_se_hac[i] : d.hedge_ratio_se[i];

function gap(out, at) {
  for (const name of Object.keys(out)) out[name].push(name === "time" ? at : name === "width" ? 0 : name.endsWith("colour") || name.endsWith("fill") ? null : name.endsWith("gap") ? false : NaN);
}

function mergedBar(d, leg, i, j) {
  const bar = { open: NaN, high: -Infinity, low: Infinity, close: NaN, volume: 0 };
  const [open, high, low, close, volume] = ["open", "high", "low", "close", "volume"].map((name) => d[`${leg}_${name}`]);
  for (let k = i; k < j; k++) {
    if (!Number.isFinite(close[k])) continue;
    if (!Number.isFinite(bar.open)) bar.open = open[k];
    bar.high = Math.max(bar.high, high[k]);
    bar.low = Math.min(bar.low, low[k]);
    bar.close = close[k];
    bar.volume += volume[k];
  }
  return Number.isFinite(bar.close) ? bar : NO_BAR;
}
