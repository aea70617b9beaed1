/* The heat map: cells that can be pointed at, focused and opened. */

Object.assign(Pairs.prototype, {
  /* Symbols against symbols: correlation of returns, or z where that pair is watched. */
  heat() {
    const { symbols } = this.map, { map } = this.chosen, key = symbols.join();
    if (key !== this.mapped) {
      this.mapped = key;
      this.cells.clear();
      const tails = ["USDT", "USDC", "USD"], tail = tails.find((end) => symbols.every((s) => s.endsWith(end) && s !== end)) ?? "";
      const name = (s) => s.slice(0, s.length - tail.length), label = (s, role) => element("div", { role, title: s, class: role }, name(s));
      const watched = new Set(this.pairs);
      const lines = symbols.map((y, i) => element("div", { role: "row" }, label(y, "rowheader"), ...symbols.map((x, j) => {
        const pair = [`${y}/${x}`, `${x}/${y}`].find((one) => watched.has(one)), cell = element("div", { role: "gridcell", class: "cell", tabindex: i + j ? "-1" : "0", ...(pair ? { "data-pair": pair } : {}) });
        this.cells.set(`${i} ${j}`, cell);
        cell.at = [i, j];
        return cell;
      })));
      this.grid.replaceChildren(element("div", { role: "row" }, element("div", { class: "corner" }), ...symbols.map((s) => label(s, "columnheader"))), ...lines);
      mark(this.grid, "class", `heat${symbols.length > 14 ? " many" : ""}`);
      mark(this.grid, "style", `--n:${symbols.length}`);
    }
    this.drawn = map;
    mark(this.grid, "aria-label", map === "z" ? "z of watched pairs, y by x" : "Correlation of returns");
    const { counts, until } = this.map, common = Array.isArray(counts) ? Math.max(...counts) : counts;
    put(this.caption, map === "z" ? "row y, column x" : until === null ? "no closed bars yet" : `last ${common} returns, to ${new Date(until).toISOString().slice(11, 19)} UTC`);
    mark(this.ends[0], "data-end", map === "z" ? `−${1.5 * this.h.entry}` : "−1");
    mark(this.ends[1], "data-end", map === "z" ? `+${1.5 * this.h.entry}` : "+1");
    this.fill();
    this.point(this.pointed);
  },

  /* The value of a cell, its share of the scale, and what is said of it. */
  cell(i, j) {
    const { symbols, values, counts, least } = this.map, [y, x] = [symbols[i], symbols[j]];
    if (this.drawn === "z") {
      const at = this.pairs.indexOf(`${y}/${x}`);
      if (at < 0) return { text: "", share: 0, empty: true, says: i === j ? y : `${y}/${x} is not watched` };
      const [, , state, word, z] = this.rows[at];
      return { text: shown(z, 2), share: z === null ? 0 : z / (1.5 * this.h.entry), says: `${y}/${x} z ${shown(z, 2)}: ${word || DASH}`, off: z === null || state !== "" };
    }
    if (i === j) return { text: "1.00", share: 1, says: y, self: true };
    const [a, b] = i < j ? [i, j] : [j, i], n = symbols.length, k = a * n - a * (a + 1) / 2 + b - a - 1, count = Array.isArray(counts) ? counts[k] : counts;
    const value = values[k] === null ? null : values[k] / 10000;
    const why = value !== null ? "" : count < least ? `: fewer than ${least} common returns` : ": one does not move";
    return { text: shown(value, 2), share: value ?? 0, says: `${y} · ${x} ρ ${shown(value, 4)} over ${count} returns${why}`, off: value === null };
  },

  fill() {
    if (!this.map) return;
    for (const node of this.cells.values()) {
      const { text, share, off, self, empty } = this.cell(...node.at), style = `--share:${Math.round(100 * Math.min(1, Math.abs(share)))}%`;
      put(node, text);
      mark(node, "style", style);
      mark(node, "class", `cell ${off ? "off" : self ? "self" : empty ? "empty" : share < 0 ? "minus" : ""}`);
    }
    if (this.pointed) this.point(this.pointed);
  },

  point(node) {
    this.pointed = node?.at ? node : null;
    const says = this.pointed ? this.cell(...node.at).says : "";
    put(this.read, says || "point at a cell for its value; a click on one with a dot opens the pair");
    if (this.pointed) mark(node, "aria-label", says);
  },

  keyInMap(event) {
    const node = event.target.closest(".cell");
    if (!node?.at) return;
    if (event.key === "Enter") this.open(node.dataset.pair);
    const by = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] }[event.key];
    const to = by && this.cells.get(`${node.at[0] + by[0]} ${node.at[1] + by[1]}`);
    if (!to) return;
    event.preventDefault();
    node.tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
  },
});
