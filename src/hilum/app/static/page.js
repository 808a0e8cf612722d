"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const one = (selector) => document.querySelector(selector);

  const search = one(".filter input");
  if (search) {
    const rows = all("tbody:not(.sums) tr");
    search.addEventListener("input", () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const row of rows) row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
    });
  }
  const stage = one(".stage");
  if (!stage) return;

  // Selecting: list row, drawing and sentence carry the same number.
  const numbers = all(".finding").map((row) => Number(row.dataset.f));
  const linked = all("[data-f]");
  const belongs = (item, number) => item.dataset.f.split(" ").includes(String(number));
  let chosen = 0;
  const choose = (number, keepAddress) => {
    chosen = numbers.includes(number) ? number : 0;
    root.classList.toggle("has-choice", linked.some((item) => item.matches(".mark") && belongs(item, chosen)));
    for (const item of linked) {
      const on = chosen > 0 && belongs(item, chosen);
      item.classList.toggle("on", on);
      if (item.matches(".finding")) item.firstElementChild.setAttribute("aria-current", String(on));
      if (on && item.matches(".finding")) item.scrollIntoView({ block: "nearest" });
      // An SVG paints in document order: the chosen drawing goes on top.
      if (on && item.matches(".mark")) item.parentNode.append(item);
    }
    const row = chosen && one(`.finding[data-f="${chosen}"]`);
    one(".spoken").textContent = row
      ? `Finding ${chosen} of ${numbers.length}: ${all(".concept, .state, .percent", row).map((part) => part.textContent).join(", ")}`
      : "No finding selected";
    if (chosen) reveal();
    if (keepAddress) return;
    // Refused inside some notebooks and frames, where the address is not ours to change.
    try { history.replaceState(null, "", chosen ? `#finding=${chosen}` : "#"); } catch { /* selection works without it */ }
  };
  // A drawing on a film that is put away brings all films back.
  const reveal = () => {
    const holders = all(".mark.on").map((mark) => mark.closest(".film"));
    if (!holders.length || holders.some((film) => film.offsetParent)) return;
    alone(null);
    if (stage.dataset.mode !== "beside") show("beside");
  };
  const step = (by) => {
    if (!numbers.length) return;
    const at = numbers.indexOf(chosen);
    const next = at < 0 ? (by > 0 ? 0 : numbers.length - 1) : (at + by + numbers.length) % numbers.length;
    choose(numbers[next]);
  };
  const pick = (item) => {
    const own = item.dataset.f.split(" ").map(Number);
    const at = own.indexOf(chosen);
    choose(own.length === 1 && at === 0 ? 0 : own[(at + 1) % own.length]);
  };
  const fromAddress = () => {
    const match = /^#finding=(\d+)$/.exec(location.hash);
    if (match) choose(Number(match[1]), true);
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest(".finding a, .stated");
    if (!link) return;
    event.preventDefault();
    pick(link.closest("[data-f]"));
  });
  addEventListener("hashchange", fromAddress);

  // Display: shared by all films, so that current and prior stay comparable.
  const shown = {};
  const sliders = Object.fromEntries(all("[data-set]").map((slider) => [slider.dataset.set, slider]));
  const set = (name, value) => {
    const slider = sliders[name];
    slider.value = value;
    shown[name] = Number(slider.value);
    root.style.setProperty(`--${name}`, shown[name] / 100);
  };
  for (const [name, slider] of Object.entries(sliders)) slider.addEventListener("input", () => set(name, slider.value));
  const press = (action, on) => one(`[data-do="${action}"]`).setAttribute("aria-pressed", String(on));
  const invert = (on) => { shown.invert = on; root.style.setProperty("--invert", on ? 1 : 0); press("invert", on); };
  const overlay = (on) => { shown.overlay = on; root.classList.toggle("hide-overlay", !on); press("overlay", on); };

  // Zoom and position: one per film, in fractions of its frame.
  const films = all(".film");
  const places = new Map();
  let active = films[0];
  const place = (film, zoom, x, y) => {
    zoom = Math.min(12, Math.max(1, zoom));
    const keep = (value) => Math.min(0, Math.max(1 - zoom, value));
    const now = { zoom, x: keep(x), y: keep(y) };
    places.set(film, now);
    const layer = film.querySelector(".layer");
    layer.style.transform = zoom > 1 ? `translate(${100 * now.x}%, ${100 * now.y}%) scale(${zoom})` : "";
    layer.style.setProperty("--zoom", zoom);
    film.classList.toggle("zoomed", zoom > 1);
    if (film === active) one(".zoom").textContent = `${Math.round(100 * zoom)} %`;
  };
  const zoomBy = (film, factor, px = 0.5, py = 0.5) => {
    if (!film) return;
    active = film;
    const { zoom, x, y } = places.get(film);
    const next = Math.min(12, Math.max(1, zoom * factor));
    place(film, next, px - ((px - x) / zoom) * next, py - ((py - y) / zoom) * next);
  };
  const within = (film, event) => {
    const box = film.querySelector(".frame").getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height, box];
  };
  const reset = () => {
    set("opacity", 85); set("brightness", 100); set("contrast", 100);
    invert(false); overlay(true);
    for (const film of films) place(film, 1, 0, 0);
  };
  for (const film of films) {
    const port = film.querySelector(".port");
    const touches = new Map();
    let moved = 0;
    let button = 0;
    port.addEventListener("contextmenu", (event) => event.preventDefault());
    port.addEventListener("wheel", (event) => {
      if (innerWidth <= 820 && !event.ctrlKey) return; // stacked layout: the wheel scrolls the page
      event.preventDefault();
      const [px, py] = within(film, event);
      zoomBy(film, Math.exp(-event.deltaY / 500), px, py);
    }, { passive: false });
    port.addEventListener("pointerdown", (event) => {
      if (event.button === 1) event.preventDefault();
      touches.set(event.pointerId, event);
      moved = 0;
      button = event.button;
      active = film;
      port.setPointerCapture(event.pointerId);
    });
    port.addEventListener("pointermove", (event) => {
      const last = touches.get(event.pointerId);
      if (!last) return;
      const [px, py, box] = within(film, event);
      const [dx, dy] = [event.clientX - last.clientX, event.clientY - last.clientY];
      moved += Math.abs(dx) + Math.abs(dy);
      const other = [...touches.values()].find((touch) => touch.pointerId !== event.pointerId);
      const { zoom, x, y } = places.get(film);
      touches.set(event.pointerId, event);
      if (other) {
        const apart = (from) => Math.hypot(from.clientX - other.clientX, from.clientY - other.clientY) || 1;
        zoomBy(film, apart(event) / apart(last), px, py);
      } else if (button === 2) zoomBy(film, Math.exp(-dy / 200));
      else if (button === 1 || event.shiftKey || event.pointerType === "touch") place(film, zoom, x + dx / box.width, y + dy / box.height);
      else if (moved > 4) { set("brightness", shown.brightness - dy / 2); set("contrast", shown.contrast + dx / 2); }
    });
    const release = (event) => {
      touches.delete(event.pointerId);
      if (event.type !== "pointerup" || moved > 4 || event.button !== 0) return;
      const under = document.elementsFromPoint(event.clientX, event.clientY).map((item) => item.closest(".mark[data-f]")).find(Boolean);
      if (under) pick(under);
    };
    port.addEventListener("pointerup", release);
    port.addEventListener("pointercancel", release);
    film.querySelector(".solo").addEventListener("click", () => alone(film));
  }
  const alone = (film) => {
    const on = film && !film.classList.contains("only");
    for (const each of films) {
      each.classList.toggle("only", on && each === film);
      each.querySelector(".solo").setAttribute("aria-pressed", String(on && each === film));
    }
    stage.classList.toggle("single", Boolean(on));
    if (on) active = film;
  };

  const modes = { beside: "now", now: "then", then: "beside" };
  const spoken = { beside: "Prior: beside", now: "Current only", then: "Prior only" };
  const show = (mode) => {
    stage.dataset.mode = mode;
    one('[data-do="prior"]').textContent = spoken[mode];
    active = films.find((film) => film.offsetParent) || active;
  };
  const prior = () => {
    if (!one(".then")) return;
    alone(null);
    show(modes[stage.dataset.mode]);
  };
  const help = () => { const keys = one(".keys"); if (keys.open) keys.close(); else keys.showModal(); };
  const actions = {
    invert: () => invert(!shown.invert), overlay: () => overlay(!shown.overlay), reset, prior, help,
    in: () => zoomBy(active, 1.25), out: () => zoomBy(active, 0.8),
  };
  for (const button of all("[data-do]")) button.addEventListener("click", actions[button.dataset.do]);
  const keys = {
    i: actions.invert, o: actions.overlay, p: prior, "?": help, "+": actions.in, "=": actions.in, "-": actions.out,
    n: () => step(1), N: () => step(-1), f: () => active && alone(active), Escape: () => choose(0),
    "[": () => set("opacity", shown.opacity - 10), "]": () => set("opacity", shown.opacity + 10), " ": reset,
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    if (one(".keys").open && event.key !== "?") return;
    if (event.key === " " && event.target.closest && event.target.closest("button, summary")) return;
    event.preventDefault();
    keys[event.key]();
  });
  addEventListener("beforeprint", () => { for (const item of all("details")) item.open = true; });

  // Labels keep their size on the screen whatever the size of the film; without a script they scale with it.
  const sizing = new ResizeObserver((entries) => {
    for (const { target, contentRect } of entries) {
      const across = target.querySelector(".overlay").viewBox.baseVal.width;
      if (contentRect.width) target.style.setProperty("--label", `${(13 * across) / contentRect.width}px`);
    }
  });
  for (const frame of all(".frame")) sizing.observe(frame);

  reset();
  fromAddress();
  // The browser scrolls to the address by itself; start again from the top, so that no heading is cut.
  addEventListener("load", () => { one(".panel").scrollTop = 0; fromAddress(); });
})();
