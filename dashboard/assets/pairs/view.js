/* The Pairs view in the browser: table, sparklines, heat map, drawn from what the server tells.

   The body of a CustomJS that runs whenever host.tags[0] is another text, a JSON object of what has changed:
   { heading: { pairs, bar_ms, unit, fit: [label, decimals, title], entry, exit },   everything anew
     newest: bar number, asked, rows: [[pair, bar, state, word, z, one-step, spread, ρ, β, fit, Δz, age s, older leg]],
     points: [pair, bar, z, …] of closed bars, looks: [[pair, ρ of ticks, why, half-life, why, verdict, sentence, class]],
     map: { symbols, values (upper triangle, in 1/10,000), counts, least, until }, said: what the database says }
   What a person chooses (sort, filter, map) is asked of the server, which keeps it in the address: pairsDesk.asked. */

class Pairs {
  constructor() {
    this.pairs = []; this.rows = []; this.looks = []; this.history = []; this.newest = -1; this.lines = [];
    this.drawings = []; this.asked = false; this.said = ""; this.map = null; this.index = new Map(); this.updates = 0;
    this.watchPaths();
    this.build();
    const nav = host.document.get_model_by_name("nav");
    nav.connect(nav.properties.tags.change, () => this.choose());
    setInterval(() => this.mount(), 250);
  }

  /* The colours of the theme in force, by role. */
  colours() {
    const { theme } = document.documentElement.dataset;
    if (this.palette?.theme !== theme || !this.palette?.panel) {
      const style = getComputedStyle(this.root), of = (role) => [role, style.getPropertyValue(`--${role}`).trim()];
      const roles = ["panel", "raised", "rule", "strong", "soft", "muted", "up", "down", "leg-x", "heat-up", "heat-down"];
      this.palette = { theme, font: style.fontFamily, ...Object.fromEntries(roles.map(of)) };
    }
    return this.palette;
  }

  get chosen() { return pairsDesk.asked(); }

  build() {
    this.head = element("tr");
    this.headings = {};
    for (const { key, label, title } of COLUMNS) {
      const button = element("button", { title }, label), cell = element("th", { scope: "col", "data-key": key, "aria-sort": "none" }, button);
      button.addEventListener("click", () => this.sortBy(key));
      this.headings[key] = { cell, button };
      this.head.append(cell);
    }
    this.head.append(element("th", { scope: "col", class: "path" }, `z, ${BARS} bars`));
    this.body = element("tbody");
    this.filter = element("input", { type: "search", placeholder: "filter", "aria-label": "Filter pairs by words", maxlength: "40" });
    this.filter.addEventListener("input", () => { this.order(true); clearTimeout(this.typing); this.typing = setTimeout(() => pairsDesk.ask({ filter: this.filter.value }), 300); });
    this.count = element("span", { class: "count", role: "status" });
    this.message = element("div", { class: "message", role: "status" });
    this.scroll = element("div", { class: "scroll" }, element("table", { class: "board", "aria-label": "Pairs" },
      element("colgroup", {}, ...[...COLUMNS.map(({ key }) => key), "path"].map((key) => element("col", { class: key }))), element("thead", {}, this.head), this.body), this.message);
    this.scroll.addEventListener("pointerleave", () => { if (this.late) this.order(); });
    this.body.addEventListener("click", (event) => this.open(event.target.closest("tr")?.dataset.pair));
    this.body.addEventListener("keydown", (event) => this.key(event));
    const title = (text) => element("h4", {}, text);
    this.cards = element("div", { class: "cards" });
    this.cards.addEventListener("click", (event) => this.open(event.target.closest("button")?.dataset.pair));
    this.buttons = ["rho", "z"].map((kind) => {
      const button = element("button", { "data-map": kind }, kind === "rho" ? "ρ of returns" : "z of pairs");
      button.addEventListener("click", () => pairsDesk.ask({ map: kind }));
      return button;
    });
    this.caption = element("span", { class: "caption" });
    this.buildMap();
    this.root = element("div", { class: "pairs-view" },
      element("section", { class: "panel table" }, element("div", { class: "line" }, title("Pairs"), this.filter, this.count), this.scroll),
      element("section", { class: "panel map" }, element("div", { class: "line" }, title("Heat map"), element("div", { class: "switch", role: "group", "aria-label": "Heat map of" }, ...this.buttons), this.caption),
        this.plot, element("div", { class: "foot" }, this.read, element("div", { class: "legend", "aria-hidden": "true" }, this.ends[0], element("i"), this.ends[1]))),
      element("section", { class: "panel strip" }, element("div", { class: "line" }, title(`z, last ${BARS} bars`), this.strip = element("span", { class: "caption" })), this.cards));
  }

  /* Into the region, also after it has been drawn anew. */
  mount() {
    const at = Bokeh.index.find_one(host)?.shadow_el?.querySelector(".mount");
    if (at && this.root.parentNode !== at) { at.replaceChildren(this.root); this.choose(); }
  }

  take(news) {
    if (news.said !== undefined) this.said = news.said;
    if (news.asked !== undefined) this.asked = news.asked;
    if (news.heading) this.anew(news.heading);
    const touched = new Set();
    if (news.newest !== undefined) this.move(news.newest, touched);
    for (let k = 0; k < (news.points ?? []).length; k += 3) {
      const [i, bar, z] = news.points.slice(k, k + 3), at = bar - this.newest + WIDTH - 1;
      if (at >= 0) this.history[i][at] = z;
      touched.add(i);
    }
    for (const row of news.rows ?? []) { this.rows[row[0]] = row; this.line(row[0]); touched.add(row[0]); }
    for (const look of news.looks ?? []) { this.looks[look[0]] = look; this.aside(look[0]); }
    for (const i of touched) this.sketch(i);
    if (news.map) this.map = news.map;
    if (this.map && (news.map || (touched.size && this.chosen.map === "z"))) this.heat();
    this.order();
    this.mount();
    this.updates += 1;
  }

  anew(heading) {
    const { pairs, unit, fit } = heading;
    this.h = heading;
    if (pairs.join() !== this.pairs.join()) {
      this.pairs = pairs;
      this.index = new Map(pairs.map((pair, i) => [pair, i]));
      this.sizes.disconnect();
      this.sights.disconnect();
      this.lines = pairs.map((pair, i) => this.makeLine(pair, i));
      this.body.replaceChildren(...this.lines.map(({ row }) => row));
      this.cards.replaceChildren(...this.lines.map(({ card }) => card));
    }
    this.rows = pairs.map((_, i) => [i, -1, "none", "", null, null, null, null, null, null, null, null, ""]);
    this.looks = pairs.map((_, i) => [i, null, "", null, "", "", "", "off"]);
    this.history = pairs.map(() => new Array(WIDTH).fill(null));
    this.drawings = [];
    this.newest = -1;
    const label = (key, text, title, decimals) => {
      const column = COLUMNS.find((one) => one.key === key);
      put(this.headings[key].button, text); mark(this.headings[key].button, "title", title); column.decimals = decimals;
    };
    label("fit", fit[0], fit[2], fit[1]);
    label("spread", unit === "bp" ? "Spread bp" : "Spread", unit === "bp" ? "in basis points" : "in price units", 1);
    put(this.strip, `thresholds ±${heading.entry}`);
    pairs.forEach((_, i) => { this.line(i); this.aside(i); });
  }

  makeLine(pair, i) {
    const cells = {}, row = element("tr", { "data-pair": pair, tabindex: "-1" });
    for (const { key, text } of COLUMNS) {
      cells[key] = element(key === "pair" ? "th" : "td", { "data-key": key, ...(key === "pair" ? { scope: "row" } : {}), ...(text ? { class: "text" } : {}) });
      row.append(cells[key]);
    }
    put(cells.pair, pair);
    const paths = [this.path(i), this.path(i)], value = element("b");
    row.append(element("td", { class: "path" }, paths[0]));
    const card = element("button", { class: "spark", "data-pair": pair, "aria-label": `open ${pair}` }, element("span", {}, pair), value, paths[1]);
    return { row, cells, paths, value, card };
  }

  /* The window of z goes on to a newer bar. */
  move(newest, touched) {
    const by = this.newest < 0 ? 0 : newest - this.newest;
    if (by > 0) this.history.forEach((z, i) => { z.splice(0, Math.min(by, WIDTH)); while (z.length < WIDTH) z.push(null); touched.add(i); });
    this.newest = newest;
  }
}
