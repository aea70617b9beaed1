/* The heat map, symbols against symbols: correlation of returns, or z where that pair is watched. One canvas as large as what is seen of it,
   because 2,500 elements cost the browser ten times as much. Arrow keys move a mark over the cells, and the line under the map says the
   exact value of the cell with the mark or under the pointer. */

const SIDE = 52, TOP = 22, LEAST = { width: 30, height: 22 };

/* #rrggbb, a share of the way to another. */
function mixed(from, to, share) {
  const part = (text, k) => parseInt(text.slice(1 + 2 * k, 3 + 2 * k), 16);
  return `rgb(${[0, 1, 2].map((k) => Math.round(part(from, k) + Math.min(1, Math.abs(share)) * (part(to, k) - part(from, k)))).join(",")})`;
}

Object.assign(Pairs.prototype, {
  buildMap() {
    this.canvas = element("canvas");
    this.area = element("div", { class: "area" }, this.canvas);
    this.plot = element("div", { class: "scroll heat", tabindex: "0", role: "application", "aria-roledescription": "heat map", "aria-describedby": "heat-read" }, this.area);
    this.read = element("div", { class: "read", id: "heat-read", "aria-live": "polite" });
    this.ends = [element("span"), element("span")];
    this.plot.addEventListener("pointermove", (event) => this.point(this.hit(event)));
    this.plot.addEventListener("pointerleave", () => this.point(null));
    this.plot.addEventListener("scroll", () => this.redraw());
    this.plot.addEventListener("click", (event) => { const at = this.hit(event); if (at) this.open(this.watched(...at)); });
    this.plot.addEventListener("focus", () => { this.at ??= [0, 0]; this.point(null); });
    this.plot.addEventListener("blur", () => { this.at = null; this.point(null); });
    this.plot.addEventListener("keydown", (event) => this.keyInMap(event));
    new ResizeObserver(() => this.redraw()).observe(this.plot);
    this.at = this.pointed = null;
  },

  heat() {
    const { symbols, counts, until } = this.map, { map } = this.chosen, z = map === "z";
    const tail = ["USDT", "USDC", "USD"].find((end) => symbols.every((s) => s.endsWith(end) && s !== end)) ?? "";
    this.names = symbols.map((s) => s.slice(0, s.length - tail.length));
    this.drawn = map;
    mark(this.plot, "aria-label", z ? "z of watched pairs, y by x" : "Correlation of returns of symbols");
    const common = Array.isArray(counts) ? Math.max(...counts) : counts;
    put(this.caption, z ? "row y, column x" : until === null ? "no closed bars yet" : `last ${common} returns, to ${new Date(until).toISOString().slice(11, 19)} UTC`);
    for (const [k, sign] of [[0, "−"], [1, "+"]]) mark(this.ends[k], "data-end", sign + (z ? 1.5 * this.h.entry : 1));
    this.redraw();
    this.point(this.pointed);
  },

  /* In the next frame, however often it is asked for. */
  redraw() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => { this.frame = null; if (this.map && this.h) this.fill(); });
  },

  /* Where the cells are: size of the whole and of one. */
  measure() {
    const n = this.map.symbols.length, width = Math.max(LEAST.width, (this.plot.clientWidth - SIDE) / n), height = Math.max(LEAST.height, (this.plot.clientHeight - TOP) / n);
    return { n, width, height };
  },

  fill() {
    const { n, width, height } = this.measure(), { clientWidth: w, clientHeight: h, scrollLeft: left, scrollTop: top } = this.plot, dpr = window.devicePixelRatio || 1;
    if (!w || !h) return;
    mark(this.area, "style", `width:${SIDE + n * width - 0.5}px;height:${TOP + n * height - 0.5}px`);
    mark(this.canvas, "style", `width:${w}px;height:${h}px`);
    for (const [name, size] of [["width", Math.round(w * dpr)], ["height", Math.round(h * dpr)]]) if (this.canvas[name] !== size) this.canvas[name] = size;
    const pen = this.canvas.getContext("2d"), colours = this.colours(), font = (size) => `${size}px ${colours.font}`;
    pen.setTransform(dpr, 0, 0, dpr, 0, 0);
    pen.clearRect(0, 0, w, h);
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    const first = (size, offset) => Math.max(0, Math.floor(offset / size)), marked = this.at ?? this.pointed;
    for (let i = first(height, top); i < n && TOP + i * height - top < h; i++) {
      for (let j = first(width, left); j < n && SIDE + j * width - left < w; j++) {
        const { text, share, off, self } = this.cell(i, j), x = SIDE + j * width - left, y = TOP + i * height - top;
        pen.fillStyle = self ? colours.rule : mixed(colours.raised, share < 0 ? colours["heat-down"] : colours["heat-up"], share);
        pen.fillRect(x, y, width - 1, height - 1);
        pen.fillStyle = off || self ? colours.muted : colours.strong;
        pen.font = font(n > 14 ? 10 : 11);
        pen.fillText(text, x + width / 2, y + height / 2, width - 2);
        if (text && this.watched(i, j)) { pen.beginPath(); pen.arc(x + width - 4.5, y + 3.5, n > 14 ? 1.3 : 2, 0, 7); pen.fill(); }
        if (marked && marked[0] === i && marked[1] === j) { pen.strokeStyle = colours.strong; pen.lineWidth = 2; pen.strokeRect(x + 1, y + 1, width - 3, height - 3); }
      }
    }
    pen.font = font(n > 14 ? 10 : 11);
    const head = (x, y, width, height, text, tx) => { pen.fillStyle = colours.panel; pen.fillRect(x, y, width, height); pen.fillStyle = colours.soft; pen.fillText(text, tx, y + height / 2, width - 4); };
    for (let j = first(width, left); j < n && SIDE + j * width - left < w; j++) head(SIDE + j * width - left, 0, width, TOP, this.names[j], SIDE + (j + 0.5) * width - left);
    pen.textAlign = "right";
    for (let i = first(height, top); i < n && TOP + i * height - top < h; i++) head(0, TOP + i * height - top, SIDE, height, this.names[i], SIDE - 6);
    head(0, 0, SIDE, TOP, "", 0);
  },

  /* The middle of a cell in the window, after it has been scrolled into sight. */
  reveal(i, j) {
    const { width, height } = this.measure(), box = this.plot.getBoundingClientRect(), x = SIDE + j * width, y = TOP + i * height;
    const into = (start, size, offset, edge, room) => start - offset < edge ? start - edge : start + size - offset > room ? start + size - room : offset;
    this.plot.scrollLeft = into(x, width, this.plot.scrollLeft, SIDE, this.plot.clientWidth);
    this.plot.scrollTop = into(y, height, this.plot.scrollTop, TOP, this.plot.clientHeight);
    return { x: box.x + x + width / 2 - this.plot.scrollLeft, y: box.y + y + height / 2 - this.plot.scrollTop };
  },

  /* The cell under the pointer. */
  hit(event) {
    if (!this.map) return null;
    const { n, width, height } = this.measure(), box = this.plot.getBoundingClientRect(), x = event.clientX - box.x, y = event.clientY - box.y;
    const i = Math.floor((y - TOP + this.plot.scrollTop) / height), j = Math.floor((x - SIDE + this.plot.scrollLeft) / width);
    return x >= SIDE && y >= TOP && i < n && j < n ? [i, j] : null;
  },

  /* The watched pair of two symbols, whichever explains the other. */
  watched(i, j) {
    const { symbols } = this.map, [y, x] = [symbols[i], symbols[j]];
    return [`${y}/${x}`, `${x}/${y}`].find((pair) => this.index.has(pair));
  },

  /* The value of a cell, its share of the scale, and what is said of it. */
  cell(i, j) {
    const { symbols, values, counts, least } = this.map, [y, x] = [symbols[i], symbols[j]];
    if (this.drawn === "z") {
      const at = this.index.get(`${y}/${x}`);
      if (at === undefined) return { text: "", share: 0, says: i === j ? y : `${y}/${x} is not watched` };
      const [, , state, word, z] = this.rows[at];
      return { text: shown(z, 2), share: z === null ? 0 : z / (1.5 * this.h.entry), says: `${y}/${x} z ${shown(z, 2)}: ${word || DASH}`, off: z === null || state !== "" };
    }
    if (i === j) return { text: "1.00", share: 1, says: y, self: true };
    const [a, b] = i < j ? [i, j] : [j, i], n = symbols.length, k = a * n - a * (a + 1) / 2 + b - a - 1, count = Array.isArray(counts) ? counts[k] : counts;
    const value = values[k] === null ? null : values[k] / 10000;
    const why = value !== null ? "" : count < least ? `: fewer than ${least} common returns` : ": one does not move";
    return { text: shown(value, 2), share: value ?? 0, says: `${y} · ${x} ρ ${shown(value, 4)} over ${count} returns${why}`, off: value === null };
  },

  /* Say what is known of the cell under the pointer, else of the one with the mark. */
  point(at) {
    const moved = String(at) !== String(this.pointed);
    this.pointed = at;
    const of = at ?? this.at, says = this.map && of && of[0] < this.map.symbols.length ? this.cell(...of).says : "";
    put(this.read, says || "point at a cell for its value; a click on one with a dot opens the pair");
    this.plot.style.cursor = at && this.watched(...at) ? "pointer" : "";
    if (moved || this.at) this.redraw();
  },

  keyInMap(event) {
    if (!this.map || !this.at) return;
    if (event.key === "Enter") this.open(this.watched(...this.at));
    const by = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] }[event.key];
    if (!by) return;
    event.preventDefault();
    this.at = this.at.map((k, axis) => Math.min(this.map.symbols.length - 1, Math.max(0, k + by[axis])));
    this.reveal(...this.at);
    this.point(null);
  },
});
