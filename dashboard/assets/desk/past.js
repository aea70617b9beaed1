/* The time machine: what `past.tags[0]` says, {at (ms, null while live), playing, speed, first, last, step (ms per
   bar), cover, says}, in its controls; and
   what is asked by `asking.tags`, [{n, do, value}]. */

const utcText = (ms) => clockText(ms).slice(0, 19).replace("T", " ");

Object.assign(Desk.prototype, {
  past(wish, value = null) {
    this.wished = Math.max(Date.now(), (this.wished ?? 0) + 1);
    asking.tags = [{ n: this.wished, do: wish, value }];
  },

  playPast() { this.past(past.tags[0]?.playing ? "pause" : "play"); },

  /* A drag tells where it is a few times a second, and where it ends. */
  slidePast(slide, ended) {
    const { first, step } = past.tags[0];
    if (first == null) return;
    const at = first + Number(slide.value) * step, now = Date.now();
    this.sliding = ended ? 0 : now;
    slide.setAttribute("aria-valuetext", `${utcText(at)} UTC`);
    if (!ended && now - (this.slid ?? 0) < 200) return;
    this.slid = now;
    this.past("seek", at);
  },

  /* The controls as the server says they stand; what is being typed or dragged is left alone. */
  moment() {
    const said = past.tags[0], root = viewOf(past_bar)?.shadow_el, bar = root?.querySelector(".past");
    if (!bar || said?.at == null) return;
    const when = bar.querySelector(".when"), slide = bar.querySelector(".slide"), play = bar.querySelector(".play");
    const set = (element, name, value) => { if (element[name] !== value) element[name] = value; };
    if (root.activeElement !== when || when.dataset.at !== String(said.at)) {
      if (root.activeElement !== when || !said.playing) when.value = utcText(said.at);
      when.dataset.at = String(said.at);
    }
    set(play, "textContent", said.playing ? "❚❚" : "▶");
    play.setAttribute("aria-label", said.playing ? "Pause" : "Play");
    for (const button of bar.querySelectorAll("[data-speed]")) button.setAttribute("aria-pressed", String(Number(button.dataset.speed) === said.speed));
    set(bar.querySelector(".says"), "textContent", said.says);
    const known = said.first != null;
    set(slide, "disabled", !known);
    if (!known) return;
    set(bar.querySelector(".first"), "textContent", utcText(said.first).slice(5, 16));
    set(bar.querySelector(".last"), "textContent", utcText(said.last).slice(5, 16));
    if (Date.now() - (this.sliding ?? 0) > 1000) {
      set(slide, "max", String(Math.round((said.last - said.first) / said.step)));
      slide.value = Math.floor((said.at - said.first) / said.step);
      slide.setAttribute("aria-valuetext", `${utcText(said.at)} UTC`);
    }
    if (this.covered !== said.cover || !bar.querySelector(".cover").style.background) {
      this.covered = said.cover;
      const share = 100 / said.cover.length, parts = [...said.cover].map((c, i) => `var(--${c === "1" ? "spread" : "rule"}) ${i * share}% ${(i + 1) * share}%`);
      bar.querySelector(".cover").style.background = `linear-gradient(90deg, ${parts.join(", ")})`;
    }
  },

  /* The moment that the page shows, ms; null while it is live. */
  asOf() { return past.tags[0]?.at ?? null; },
});
