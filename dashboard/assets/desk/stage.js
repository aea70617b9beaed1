/* The views, one upon the other. Which is seen is settled here, at once; `stage.tags[0]`, { view, shown }, is the server's word, which
   comes later: where a page looks back, it alone knows whether the view has anything to show. */

Object.assign(Desk.prototype, {
  /* Watch for views that are being made. */
  listenToStage() {
    stage.connect(stage.properties.tags.change, () => this.stand());
    for (const place of Object.values(places)) {
      const root = viewOf(place)?.shadow_el;
      if (root) new MutationObserver(() => this.stand()).observe(root, { childList: true });
    }
  },

  stand() {
    const { view } = this.asked(), word = stage.tags[0] ?? {}, said = word.view === view;
    if (!said && this.asOf() !== null) return;
    if (said && !word.shown) return this.put(null);
    const made = viewOf(places[view])?.element_views[0]?.el.isConnected;
    if (made) this.put(view);  // else what is seen stays until it is
  },

  put(view) {
    if (view === this.standing) return;
    this.standing = view;
    for (const [name, place] of Object.entries(places)) viewOf(place)?.el.toggleAttribute("data-shown", name === view);
    this.schedule();  // charts are drawn when they are seen
  },

  showing(view) { return this.standing === view; },
});
