/* The scales, and what hangs on them. */

Object.assign(Desk.prototype, {
  /* y ranges from what is in view. */
  fit(start, end) {
    const v = view.data, a = lower(v.time, start), b = lower(v.time, end), { entry } = this.m;
    const over = (...names) => {
      let low = Infinity, high = -Infinity;
      for (const name of names) for (let i = a; i < b; i++) { const u = v[name][i]; if (u < low) low = u; if (u > high) high = u; }
      return [low, high];
    };
    const set = (name, [low, high], foot = 0.06, head = 0.06, flat = 1) => {
      const known = Number.isFinite(low + high), axis = figures[name].right[0];
      if (axis.visible !== known) axis.visible = known;  // an empty chart has no scale
      if (!known) [low, high] = [0, 1];
      const size = high - low || flat;
      const wanted = { start: low - foot * size, end: high + head * size }, range = y_ranges[name];
      if (range.start !== wanted.start || range.end !== wanted.end) range.setv(wanted);
    };
    for (const leg of LEGS) {
      set(leg, over(`${leg}_low`, `${leg}_high`), 0.28, 0.05, 0.01);
      const [, largest] = over(`${leg}_volume`);
      volumes[leg].setv({ start: 0, end: largest > 0 ? 4.5 * largest : 1 });
      const { start: bottom, end: top } = y_ranges[leg], digits = Math.min(8, Math.max(0, Math.ceil(-Math.log10((top - bottom) / 5))));
      figures[leg].right[0].formatter.format = "0,0" + (digits ? "." + "0".repeat(digits) : "");
      last[leg].location = lastKnown(source.data[`${leg}_close`]);
      this.mark(leg, a, b, 0.035 * (top - bottom));
    }
    set("norm", over("y_norm", "x_norm"), 0.08, 0.08, 0.1);
    const bodies = this.bodies();
    spread_as.line.visible = !bodies;
    spread_as.bodies.visible = bodies;
    let [low, high] = over("spread", "mean", ...(bodies ? ["spread_top", "spread_bottom"] : []));
    for (const u of bands.data.outer) { if (u < low) low = u; if (u > high) high = u; }
    set("spread", [low, high]);
    [low, high] = over("zscore");
    if (!this.pulled) set("zscore", [Math.min(low, -1.15 * entry), Math.max(high, 1.15 * entry)]);  // a scale that moved would pull the line from the hand
    this.markLacks(a, b);
    set("correlation", over("correlation", "r_squared", "ticks"), 0.1, 0.1, 0.1);
    [low, high] = over("hedge_ratio");
    for (let i = a; i < b; i++) { low = Math.min(low, v.hedge_ratio[i] - v.error[i] || low); high = Math.max(high, v.hedge_ratio[i] + v.error[i] || high); }
    set("hedge", [low, high], 0.1, 0.1, 0.01);
  },

  /* A diamond above each bar in view that lacks trades; mostly there is none, and nothing to draw. */
  mark(leg, a, b, above) {
    const v = view.data, time = [], price = [];
    for (let i = a; i < b; i++) if (v[`${leg}_gap`][i] === true) { time.push(v.time[i]); price.push(v[`${leg}_high`][i] + above); }
    if (time.length || marks[leg].data.time.length) marks[leg].data = { time, price };
  },

  /* The same at the foot of spread and z, for a bar of either leg. */
  markLacks(a, b) {
    const v = view.data, time = [];
    for (let i = a; i < b; i++) if (v.y_gap[i] === true || v.x_gap[i] === true) time.push(v.time[i]);
    for (const name of ["spread", "zscore"]) {
      const { start, end } = y_ranges[name], price = time.map(() => start + 0.05 * (end - start));
      if (time.length || marks[name].data.time.length) marks[name].data = { time, price };
    }
  },
});
