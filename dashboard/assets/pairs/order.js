/* Which rows are shown, in which order, and how keys and clicks get about in them. */

/* The children of a node in another order. The longest run of them that is in order already stays where it is. */
function arrange(parent, wanted) {
  const place = new Map([...parent.children].map((node, at) => [node, at])), at = wanted.map((node) => place.get(node));
  const length = at.map(() => 1), before = at.map(() => -1);
  let end = -1;
  at.forEach((p, k) => {
    for (let m = 0; m < k; m++) if (at[m] < p && length[m] >= length[k]) { length[k] = length[m] + 1; before[k] = m; }
    if (end < 0 || length[k] > length[end]) end = k;
  });
  const staying = new Set();
  for (let k = end; k >= 0; k = before[k]) staying.add(wanted[k]);
  if (staying.size === wanted.length) return;
  let next = null;
  for (const node of wanted.slice().reverse()) { if (!staying.has(node)) parent.insertBefore(node, next); next = node; }
}

Object.assign(Pairs.prototype, {
  /* What a column sorts by. */
  values(key) {
    if (key === "pair") return this.pairs;
    if (key === "signal") return this.rows.map((row) => row[3]);
    return key in IN_ROW ? this.rows.map((row) => row[IN_ROW[key]]) : this.looks.map((look) => look[IN_LOOK[key][0]]);
  },

  sortBy(key) {
    const first = COLUMNS.find((one) => one.key === key).text ? key : `-${key}`, second = first === key ? `-${key}` : key, { sort } = this.chosen;
    pairsDesk.ask({ sort: sort === first ? second : sort === second ? "" : first });
  },

  /* What was chosen, here or by the address. */
  choose() {
    const { sort, map, filter, pair } = this.chosen, focus = this.filter.getRootNode().activeElement;
    if (focus !== this.filter && this.filter.value !== filter) this.filter.value = filter;
    for (const [key, { cell }] of Object.entries(this.headings)) mark(cell, "aria-sort", sort === key ? "ascending" : sort === `-${key}` ? "descending" : "none");
    this.lines.forEach(({ row, card }, i) => { for (const node of [row, card]) if (this.pairs[i] === pair) mark(node, "aria-current", "true"); else node.removeAttribute("aria-current"); });
    for (const button of this.buttons) mark(button, "aria-pressed", String(button.dataset.map === map));
    const { theme } = document.documentElement.dataset;
    if (this.map && (this.drawn !== map || this.shade !== theme)) this.heat();
    if (this.shade !== theme) { this.shade = theme; for (const { paths } of this.lines) for (const canvas of paths) this.trace(canvas); }
    this.order(true);
  },

  /* Rows in the wanted order. While the pointer or the focus is on a row the rows stand still, so that a click hits what it aims at. */
  order(now = false) {
    const held = this.body.matches(":hover") || this.body.contains(this.body.getRootNode().activeElement);
    this.late = held && !now;
    const words = this.filter.value.toLowerCase().split(/\s+/).filter(Boolean), { sort } = this.chosen;
    let visible = 0;
    this.pairs.forEach((pair, i) => {
      const text = `${pair} ${this.rows[i][3]} ${this.looks[i][5]}`.toLowerCase(), hidden = !words.every((word) => text.includes(word));
      for (const node of [this.lines[i].row, this.lines[i].card]) if (node.hidden !== hidden) node.hidden = hidden;
      visible += !hidden;
    });
    if (!this.late) {
      const sorted = sort ? order(this.values(sort.replace("-", "")), sort[0] === "-") : this.pairs.map((_, i) => i);
      arrange(this.body, sorted.map((i) => this.lines[i].row));
      arrange(this.cards, sorted.map((i) => this.lines[i].card));
      this.tabbable();
    }
    put(this.count, this.pairs.length ? `${visible} of ${this.pairs.length}` : "");
    const empty = !this.asked ? "Asking the database …" : this.newest < 0 ? this.said || "No statistics yet: the first rows come with the next closed bar." : visible ? "" : `No pair has “${this.filter.value}”.`;
    put(this.message, empty);
  },

  /* One row at a time is reached by the tab key: where the focus was, else the chosen pair, else the first. */
  tabbable() {
    const visible = [...this.body.children].filter((row) => !row.hidden);
    const at = visible.find((row) => row.dataset.pair === this.focused) ?? visible.find((row) => row.hasAttribute("aria-current")) ?? visible[0];
    for (const row of visible) mark(row, "tabindex", row === at ? "0" : "-1");
  },

  key(event) {
    const visible = [...this.body.children].filter((row) => !row.hidden), at = visible.indexOf(event.target.closest("tr"));
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: visible.length - 1 }[event.key];
    if (event.key === "Enter") this.open(visible[at]?.dataset.pair);
    if (to === undefined || !visible[to]) return;
    event.preventDefault();
    this.focused = visible[to].dataset.pair;
    visible[to].focus();
    this.tabbable();
  },

  open(pair) { if (pair) pairsDesk.ask({ pair, view: "workspace" }); },
});
