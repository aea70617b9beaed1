/* The read-out in the head line of every chart. */

Object.assign(Desk.prototype, {
  /* Which row each part of a read-out is of, and its values: the bar under the pointer, else the newest one. Without a pointer each part
     has a newest row of its own: legs and statistics of one bar do not arrive at the same moment. */
  readout(hover) {
    const d = source.data, i = hover ? nearest(d.time, this.hovered, this.m.step ?? 1) : d.time.length - 1;
    const newest = hover ? { y: i, x: i, stats: i } : { y: lastIndex(d.y_closed), x: lastIndex(d.x_close), stats: lastIndex(d.stats_closed) };
    const value = (name) => { const k = newest[name.slice(0, 2) === "y_" ? "y" : name.slice(0, 2) === "x_" ? "x" : "stats"]; return k >= 0 ? d[name][k] : NaN; };
    return { d, i, newest, value };
  },

  heads() {
    const { y = "", x = "", scale = 1, unit = "" } = this.m, hover = this.hovered !== null && source.data.time.length > 0;
    const { d, i, newest, value } = this.readout(hover);
    const at = i >= 0 ? clockText(d.time[i]).slice(0, 19).replace("T", " ") : "";
    const head = (panel, title, values) => {
      const [name, body] = this.m.step ? [title, values] : ["", ""];
      const brief = LEGS.includes(panel), time = at && (hover || brief) ? `<span class="at">${brief ? at.slice(11) : at} UTC</span>` : "";
      const text = `<div class="head${hover ? " hover" : ""}"><span class="name">${name}</span><span class="body">${body}</span>${time}</div>`;
      if (heads[panel].text !== text) heads[panel].text = text;
    };
    for (const [leg, symbol] of [["y", y], ["x", x]]) {
      const [o, h, l, c, v] = ["open", "high", "low", "close", "volume"].map((name) => value(`${leg}_${name}`));
      const digits = Math.max(2, ...[o, h, l, c].map(decimalsOf)), kind = c >= o ? "up" : "down";
      const price = (letter, u) => `<span>${letter} <span class="${kind}">${shown(u, digits)}</span></span>`;
      head(leg, escaped(symbol), price("O", o) + price("H", h) + price("L", l) + price("C", c) +
        `<span>Vol ${shown(v, 2)}</span><span class="${kind} wide">${signed(1e4 * (c / o - 1), 1)} bp</span>` +
        (value(`${leg}_gap`) === 1 ? '<span class="amber">◆ trades missing</span>' : ""));
    }
    const colour = (role, u) => `<span style="color:var(--${role})">${u}</span>`;
    const first = lower(d.time, x_range.start);
    const norm = (leg) => signed(100 * (value(`${leg}_close`) / firstKnown(d[`${leg}_close`], first) - 1), 3);
    head("norm", "Normalised %", `<span>${escaped(y)} ${colour("leg-y", norm("y"))}</span><span>${escaped(x)} ${colour("leg-x", norm("x"))}</span>`);
    const lacking = [["y", y], ["x", x]].filter(([leg]) => newest.stats >= 0 && d[`${leg}_gap`][newest.stats] === 1).map(([, symbol]) => escaped(symbol));
    const missing = lacking.length ? `<span class="amber">◆ trades missing: ${lacking.join(", ")}</span>` : "";
    const places = unit === "bp" ? 2 : 4;
    const now = colour("spread", shown(value("spread") * scale, places)), open = newest.stats >= 0 ? this.spreadOpen(newest.stats) : NaN;
    const drawn = this.bodies() ? '<span title="each bar by its own line; the extremes of two legs are not of one moment">open to close, no high or low</span>'
      : this.asked().bodies ? `<span class="amber">no candles: ${escaped(this.m.no_bodies)}</span>` : `<span>bands ±1 σ, ±${this.m.entry ?? DASH} σ</span>`;
    head("spread", `Spread, ${unit}`, (this.bodies() ? `<span>O ${colour("spread", shown(open, places))}</span><span>C ${now}</span>` + drawn : now) +
      `<span>mean ${shown(value("spread_mean") * scale, places)}</span><span>σ ${shown(value("spread_std") * scale, places)}</span>` + (this.bodies() ? "" : drawn) + missing);
    head("zscore", "z-score, in-sample", `${this.m.tried ? `<span class="amber">WHAT IF ${escaped(this.m.tried)}</span>` : ""}${colour("zscore", shown(value("zscore"), 2))}<span>one-step ${shown(value("zscore_one_step"), 2)}</span>` + missing);
    head("correlation", "Correlation · R²", `<span>ρ ${colour("correlation", shown(value("correlation"), 3))}</span><span>R² ${shown(value("r_squared"), 3)}</span>` + this.ticksHead(colour, d, hover ? i : lastIndex(d.ticks_correlation), hover));
    head("hedge", "Hedge ratio β", `${colour("amber", shown(value("hedge_ratio"), 4))}<span>± ${shown(newest.stats >= 0 ? errorAt(d, newest.stats) : NaN, 4)}</span><span title="the band; robust: allows for autocorrelation">${Number.isFinite(value("hedge_ratio_se_hac")) ? "robust error" : "plain error"}</span>`);
  },

  /* Correlation of the ticks; without a pointer the newest that is of now, else why there is none. */
  ticksHead(colour, d, i, hover) {
    const why = hover ? "" : this.m.no_ticks, known = i >= 0 && !why && Number.isFinite(d.ticks_correlation[i]);
    return `<span title="Hayashi-Yoshida: of the trades at their own times">ticks ${known ? colour("ticks", shown(d.ticks_correlation[i], 3)) : DASH}${why ? ` <small>${escaped(why)}</small>` : ""}</span>`;
  },
});
