/* Forms, downloads and uploads of the Data view. Runs once in the browser; the parts of the view call it. What a form holds goes to the
   server as the tags of `data-box`; the server answers a preset the same way. */

const PAIRS_FIELDS = ["since", "until"];

class Transfers {
  constructor() { this.saved = this.sending = null; }

  model(name) { return Bokeh.documents[0].get_model_by_name(name); }

  root(name) { return Bokeh.index.find_one(this.model(name))?.shadow_el; }

  /* Tell the server; `n` makes two equal wishes two. Not by the form's own region: any change of a region draws it anew. */
  send(values) {
    const box = this.model("data-box"), before = box.tags[0] ?? {};
    box.tags = [{ ...before, ...values, preset: false, n: (before.n ?? 0) + 1 }];
  }

  submit(form, action) {
    this.send({ ...Object.fromEntries(new FormData(form)), action });
    return false;
  }

  /* The server has chosen a range: a field that somebody types in stays. */
  shown() {
    const form = this.root("export-form")?.querySelector("form"), values = this.model("data-box").tags[0] ?? {};
    if (!form) return;
    for (const name of PAIRS_FIELDS) {
      const field = form.elements[name];
      if (values.preset && field.value !== values[name]) field.value = values[name];
    }
  }

  /* A finished export is saved by itself, once. The text is told before it stands in the page. */
  save(frames = 120) {
    const link = this.root("export-status")?.querySelector("a[data-save]");
    if (link && link.href !== this.saved) { this.saved = link.href; link.click(); return; }
    if (frames && this.model("export-status").text.includes("data-save")) requestAnimationFrame(() => this.save(frames - 1));
  }

  dropped(event, zone) {
    zone.classList.remove("over");
    this.upload([...event.dataTransfer.files]);
    return false;
  }

  chosen(input) {
    this.upload([...input.files]);
    input.value = "";  // the same file may be chosen again
  }

  store(form) {
    this.send({ ...Object.fromEntries(new FormData(form)), action: "store" });
    return false;
  }

  /* Send files one after another, then have them checked together. */
  async upload(files) {
    const zone = this.root("upload-form").querySelector("section"), limit = Number(zone.dataset.limit), keys = [];
    if (!files.length || this.sending) return;
    const large = files.find((file) => file.size > limit);
    if (large) { this.say(`${large.name}: ${zone.dataset.tooLarge.replace("{size}", Math.round(large.size / 1e6).toLocaleString("en-US"))}`, true); return; }
    try {
      for (const file of files) keys.push(await this.put(`${zone.dataset.url}?name=${encodeURIComponent(file.name)}`, file));
      this.say("");
      this.send({ action: "check", files: keys });
    } catch (error) { this.say(error.message, true); }
    this.sending = null;
  }

  put(url, file) {
    return new Promise((done, failed) => {
      const request = this.sending = new XMLHttpRequest();
      request.open("PUT", url);
      request.upload.onprogress = (event) => this.progress(file.name, event.loaded / Math.max(1, file.size));
      request.onload = () => request.status === 200 ? done(JSON.parse(request.responseText).key) : failed(new Error(`${file.name}: ${request.responseText || request.status}`));
      request.onerror = () => failed(new Error(`${file.name}: the server broke off`));
      request.onabort = () => failed(new Error("cancelled: nothing was kept"));
      request.send(file);
    });
  }

  /* What the browser knows better than the server: how much has been sent. */
  progress(name, share) {
    const place = this.root("upload-form").querySelector(".sending");
    if (!place.querySelector("button")) {
      place.innerHTML = '<div class="row"><span></span><button type="button">Cancel</button></div><div class="track" role="progressbar" aria-label="Sending" aria-valuemin="0" aria-valuemax="100"><i></i></div>';
      place.querySelector("button").onclick = () => this.sending?.abort();
    }
    const percent = (100 * Math.min(1, share)).toFixed(0);
    place.querySelector("span").textContent = `Sending ${name} · ${percent}%`;
    place.querySelector(".track").setAttribute("aria-valuenow", percent);
    place.querySelector("i").style.width = `${percent}%`;
  }

  say(text, bad = false) {
    const place = this.root("upload-form").querySelector(".sending");
    place.innerHTML = "";
    if (!text) return;
    const line = document.createElement("div");
    line.textContent = text;
    line.className = bad ? "down" : "";
    line.setAttribute("role", bad ? "alert" : "status");
    place.append(line);
  }
}

window.pairsTransfers = new Transfers();
