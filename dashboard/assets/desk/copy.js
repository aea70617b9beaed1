/* From the rows of the look-back to what is drawn. */

const NO_BAR = { open: NaN, high: NaN, low: NaN, close: NaN, volume: NaN };
const LINES = { spread: "spread", mean: "spread_mean", zscore: "zscore", correlation: "correlation", r_squared: "r_squared", hedge_ratio: "hedge_ratio" };

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
      before = d.time[i];
      i = j;
    }
    view.data = out;
    this.copyBands(i0, i1, merge);
  },

  /* ±1 σ and ±entry σ around the mean as closed outlines, one per stretch without holes. */
  copyBands(i0, i1, merge) {
    const d = source.data, { scale, entry, step } = this.m, x = [], inner = [], outer = [];
    const close = (stretch) => {
      if (!stretch.length) return;
      for (const side of [1, -1]) {
        for (const i of side === 1 ? stretch : stretch.slice().reverse()) {
          x.push(d.time[i]);
          inner.push((d.spread_mean[i] + side * d.spread_std[i]) * scale);
          outer.push((d.spread_mean[i] + side * entry * d.spread_std[i]) * scale);
        }
      }
      x.push(NaN); inner.push(NaN); outer.push(NaN);
    };
    let stretch = [], before = null;
    for (let i = i1 - 1 - merge * Math.floor((i1 - 1 - i0) / merge); i < i1; i += merge) {
      const known = Number.isFinite(d.spread_mean[i] + d.spread_std[i]);
      if (!known || (before !== null && d.time[i] - before > 1.5 * step * merge)) { close(stretch); stretch = []; }
      if (known) stretch.push(i);
      before = d.time[i];
    }
    close(stretch);
    bands.data = { x, inner, outer };
  },
});

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
