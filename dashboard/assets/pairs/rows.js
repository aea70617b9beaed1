/* The rows of the table and the cards, each with its line of z. */

/* A sparkline: both thresholds and z of the last 60 bars, on a scale of its own. */
function spark() {
  const made = element("template"), at = `x1="0" x2="${BARS}"`;
  made.innerHTML = `<svg viewBox="0 -1 ${BARS} 2" preserveAspectRatio="none" aria-hidden="true"><line class="short" ${at}/><line class="long" ${at}/><path/></svg>`;
  const drawn = made.content.firstChild, parts = [...drawn.children];
  return { made: drawn, draw(path, threshold) {
    for (const [part, y] of [[parts[0], String(-threshold)], [parts[1], String(threshold)]]) { mark(part, "y1", y); mark(part, "y2", y); }
    parts[2].setAttribute("d", path);
  } };
}

Object.assign(Pairs.prototype, {
  line(i) {
    const data = this.rows[i], { row, cells, value, card } = this.lines[i], [, , state, word, z] = data, beyond = z !== null && Math.abs(z) >= this.h.entry;
    for (const { key, decimals } of COLUMNS) if (key in IN_ROW) put(cells[key], shown(data[IN_ROW[key]], decimals));
    put(cells.signal, word || DASH);
    mark(cells.signal, "title", word);
    const side = state || !beyond ? "" : z > 0 ? "down" : "up";
    mark(row, "class", state ? `off ${state}` : "");
    mark(cells.z, "class", side);
    mark(cells.signal, "class", `text ${side}`);
    const [y, x] = this.pairs[i].split("/");
    mark(cells.age, "title", data[12] ? `${data[12] === "y" ? y : x}, in seconds` : "");
    put(value, z === null ? DASH : (z > 0 ? "+" : "") + shown(z, 2));
    mark(card, "class", `spark ${state ? "off" : side}`);
    mark(card, "title", state ? word : "");
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

  /* The path of z: closed bars, then the newest row, which may be forming. */
  sketch(i) {
    const z = this.history[i].slice(), [, bar, state, , now] = this.rows[i], at = bar - this.newest + WIDTH - 1, { entry } = this.h;
    if (at >= 0 && bar >= 0) z[at] = now;
    const last = z.slice(WIDTH - BARS);
    let most = 1.25 * entry, path = "", down = false;
    for (const v of last) if (v !== null && Math.abs(v) > most) most = Math.abs(v);
    last.forEach((v, k) => { if (v === null) { down = false; return; } path += `${down ? "L" : "M"}${k + 0.5} ${(-0.94 * v / most).toFixed(3)}`; down = true; });
    const { small, large } = this.lines[i], threshold = 0.94 * entry / most;
    small.draw(path, threshold);
    large.draw(path, threshold);
  },
});
