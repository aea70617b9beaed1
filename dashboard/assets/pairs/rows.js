/* The rows of the table and the cards, each with its line of z. */

Object.assign(Pairs.prototype, {
  /* Lines are drawn while they are in sight only. */
  watchPaths() {
    this.sizes = new ResizeObserver((entries) => {
      const dpr = window.devicePixelRatio || 1;
      for (const { target, contentRect: { width, height } } of entries) {
        target.width = Math.round(width * dpr);
        target.height = Math.round(height * dpr);
        this.trace(target);
      }
    });
    this.sights = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) { target.seen = isIntersecting; if (target.late) this.trace(target); }
    });
  },

  path(i) {
    const canvas = element("canvas", { class: "path", "aria-hidden": "true" });
    canvas.pair = i;
    this.sizes.observe(canvas);
    this.sights.observe(canvas);
    return canvas;
  },

  /* Both thresholds and z of the last 60 bars, on a scale of its own. */
  trace(canvas) {
    const drawn = this.drawings[canvas.pair];
    canvas.late = !canvas.seen || !drawn;
    if (canvas.late) return;
    const { width, height } = canvas, pen = canvas.getContext("2d"), colours = this.colours(), { z, most } = drawn, dpr = window.devicePixelRatio || 1;
    const y = (v) => height / 2 * (1 - 0.94 * v / most), x = (k) => (k + 0.5) * width / BARS;
    pen.clearRect(0, 0, width, height);
    pen.lineWidth = dpr;
    pen.setLineDash([3 * dpr, 3 * dpr]);
    for (const [level, role] of [[this.h.entry, "down"], [-this.h.entry, "up"]]) {
      pen.strokeStyle = colours[role];
      pen.beginPath(); pen.moveTo(0, y(level)); pen.lineTo(width, y(level)); pen.stroke();
    }
    pen.setLineDash([]);
    pen.lineWidth = 1.3 * dpr;
    pen.strokeStyle = colours["leg-x"];
    pen.beginPath();
    let down = false;
    z.forEach((v, k) => { if (v !== null) { if (down) pen.lineTo(x(k), y(v)); else pen.moveTo(x(k), y(v)); } down = v !== null; });
    pen.stroke();
  },

  line(i) {
    const data = this.rows[i], { row, cells, value, card } = this.lines[i], [, , state, word, z] = data, beyond = z !== null && Math.abs(z) >= this.h.entry;
    for (const { key, decimals } of COLUMNS) if (key in IN_ROW) put(cells[key], shown(data[IN_ROW[key]], decimals));
    put(cells.signal, word || DASH);
    mark(cells.signal, "title", state ? `${word}: ${STATES[state]}` : word);
    const side = state || !beyond ? "" : z > 0 ? "down" : "up";
    mark(row, "class", state ? `off ${state}` : "");
    mark(cells.z, "class", side);
    mark(cells.signal, "class", `text ${side}`);
    const [y, x] = this.pairs[i].split("/");
    mark(cells.age, "title", data[12] ? `${data[12] === "y" ? y : x}, in seconds` : "");
    put(value, z === null ? DASH : (z > 0 ? "+" : "") + shown(z, 2));
    mark(card, "class", `spark ${state ? "off" : side}`);
    mark(card, "title", state ? `${word}: ${STATES[state]}` : "");
  },

  aside(i) {
    const look = this.looks[i], { cells } = this.lines[i];
    for (const { key, decimals } of COLUMNS) {
      if (!(key in IN_LOOK)) continue;
      const [at, why] = IN_LOOK[key];
      put(cells[key], key === "verdict" ? look[at] || DASH : shown(look[at], decimals));
      mark(cells[key], "title", look[why]);
    }
    mark(cells.verdict, "class", `text ${look[7]}`);
  },

  /* What the lines are drawn of: closed bars, then the newest row, which may be forming. */
  sketch(i) {
    const z = this.history[i].slice(), [, bar, , , now] = this.rows[i], at = bar - this.newest + WIDTH - 1;
    if (at >= 0 && bar >= 0) z[at] = now;
    const last = z.slice(WIDTH - BARS);
    let most = 1.25 * this.h.entry;
    for (const v of last) if (v !== null && Math.abs(v) > most) most = Math.abs(v);
    this.drawings[i] = { z: last, most };
    for (const canvas of this.lines[i].paths) this.trace(canvas);
  },
});
