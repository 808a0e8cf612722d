/** The stage itself: panes, what links them, what the panels and the keys ask for. */
import type { RenderingEngine } from "@cornerstonejs/core";
import type { Box, Film, Item } from "../sheet";
import { marked } from "./boxes";
import { lengthOf, mirrored, reveal, wholeFilm, zoomAt } from "./geometry.js";
import type { Rect } from "./geometry.js";
import { grid, hang } from "./hanging.js";
import { handleKey } from "./keyboard";
import { Pane } from "./pane";
import type { Overlay } from "./pane";
import { listen } from "./pointer";
import * as renderer from "./renderer";
import { carried, presetRange } from "./tone.js";
import type { Shown, Stage, StageHandlers, Status } from "./types";

let stages = 0;

export class FilmStage implements Stage {
  private readonly kind = renderer.start();
  private engine: RenderingEngine | null = null;
  private panes: Pane[] = [];
  private active: Pane | null = null;
  private sheet: Shown | null = null;
  private items: Item[] = [];
  private priorItems: Item[] = [];
  private turnsOfShow = 0;
  private readonly overlay: Overlay & { hidden: Set<string> } = { on: true, opacity: 0.6, hidden: new Set(), selected: "", edit: false };
  private mode: "beside" | "swapped" | "off" = "beside";
  private rulerOn = false;
  private fader = 1;
  private drawing: ((box: Box | null) => void) | null = null;
  private state: Status["state"] = "ready";
  private message = "";
  private readonly watcher: ResizeObserver;
  private readonly onKey = (event: KeyboardEvent) => {
    if (!event.defaultPrevented && handleKey(this, event, this.element)) event.preventDefault();
  };
  private frame = 0;
  private readonly dirty = new Set<Pane>();
  private outgrown = false;
  /** How the reader left each film, so that swapping the prior does not undo it. */
  private readonly left = new Map<string, Pick<Pane, "view" | "range" | "turned">>();

  constructor(private readonly element: HTMLElement, private readonly handlers: StageHandlers) {
    element.classList.add("stage");
    element.setAttribute("role", "region");
    element.setAttribute("aria-label", "Films");
    this.watcher = new ResizeObserver(() => this.resize());
    this.watcher.observe(element);
    document.addEventListener("keydown", this.onKey);
  }

  async show(sheet: Shown): Promise<void> {
    const before = this.sheet;
    this.sheet = sheet;
    this.items = sheet.findings;
    this.priorItems = sheet.prior?.findings ?? [];
    if (before && !sheet.findings.some((item) => item.key === this.overlay.selected)) this.overlay.selected = "";
    this.cancelDrawing();
    this.remember();
    if (!before || before.films[0]?.dicom !== sheet.films[0]?.dicom) this.left.clear();
    await this.hang();
  }

  private remember(): void {
    for (const { film, loaded, view, range, turned } of this.panes) if (film && loaded) this.left.set(film.dicom, { view, range, turned });
  }

  /** Put the sheet's films into panes. */
  private async hang(): Promise<void> {
    const sheet = this.sheet;
    if (!sheet) return;
    const turn = ++this.turnsOfShow;
    const small = Math.min(this.element.clientWidth, this.element.clientHeight) < 420;
    const places = hang(sheet.films, sheet.prior?.films ?? null, { mode: this.mode, most: small ? 2 : 4 });
    this.clear();
    this.panes = places.map(() => new Pane(`stage-${++stages}`));
    places.forEach((place, at) => {
      const pane = this.panes[at];
      pane.mate = place.mate === null ? null : this.panes[place.mate];
      pane.rest = place.rest;
      this.element.append(pane.element);
      listen(pane, this.hand);
    });
    this.layout();
    this.activate(this.panes[0] ?? null);
    this.tell("loading", places.length ? "" : "This study has no films.");
    this.engine ??= renderer.newEngine();
    for (const pane of this.panes) pane.viewport = renderer.enable(this.engine, pane.id, pane.surface);
    await Promise.all(places.map((place, at) => this.load(this.panes[at], place.film, place.when)));
    if (turn !== this.turnsOfShow) return;
    const failed = this.panes.filter((pane) => !pane.loaded);
    this.tell(failed.length ? "failed" : "ready", failed.length ? "A film could not be shown." : "");
    for (const pane of this.panes) pane.rest.forEach(renderer.prefetch);
  }

  private async load(pane: Pane, film: Film, when: "current" | "prior"): Promise<void> {
    const sheet = this.sheet;
    if (!sheet || !pane.viewport) return;
    const items = when === "current" ? this.items : this.priorItems;
    const time = when === "current" ? sheet.time : sheet.prior?.time ?? "";
    const made = items.some((item) => !item.reader) || film.layers.length > 0;
    pane.take(film, { title: `${film.view || "Film"}${when === "prior" ? " · prior" : ""}\n${time.slice(0, 10)}`, when, made });
    try {
      const loaded = await renderer.showFilm(pane.viewport, film, () => pane.film === film && this.panes.includes(pane));
      if (!loaded) return;
      pane.ready(loaded);
      Object.assign(pane, this.left.get(film.dicom));
      pane.boxes = marked(items, film.id);
      pane.draw(this.overlay, this.fader);
      this.report();
    } catch (error) {
      if (pane.film !== film) return;
      pane.failed(`This film cannot be shown: ${reasonOf(error)}`);
    }
  }

  private clear(): void {
    this.active = null;
    for (const pane of this.panes) {
      if (pane.viewport) this.engine?.disableElement(pane.id);
      pane.destroy();
    }
    this.panes = [];
    this.dirty.clear();
  }

  private layout(): void {
    const { columns, rows } = grid(this.panes.length, this.element.clientWidth, this.element.clientHeight);
    this.element.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
    this.element.style.gridTemplateRows = `repeat(${rows}, minmax(0, 1fr))`;
  }

  private resize(): void {
    this.layout();
    this.outgrown = true;
    this.redraw();
  }

  /** Draw panes again, all together before the next frame. */
  private redraw(...panes: Pane[]): void {
    for (const pane of panes.length ? panes : this.panes) this.dirty.add(pane);
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      // Here and not at once: the renderer ignores a new size while it still owes a frame.
      if (this.outgrown) this.engine?.resize(true, true);
      this.outgrown = false;
      for (const pane of this.dirty) pane.draw(this.overlay, this.fader);
      this.dirty.clear();
    });
  }

  private readonly hand = {
    tool: () => (this.drawing ? "box" : this.rulerOn ? "ruler" : "window") as "box" | "ruler" | "window",
    editing: () => (this.overlay.edit ? this.overlay.selected : ""),
    activate: (pane: Pane) => this.activate(pane),
    changed: (pane: Pane, what: "view" | "tone" | "lines") => this.changed(pane, what),
    clicked: (pane: Pane, x: number, y: number) => {
      const inside = x >= 0 && y >= 0 && x < pane.plane.columns && y < pane.plane.rows;
      if (pane.film && inside) this.handlers.onFilmClick?.(pane.film.id, Math.floor(x), Math.floor(y));
    },
    boxClicked: (pane: Pane, key: string) => {
      if (pane.when === "prior") return;
      this.overlay.selected = key;
      this.redraw();
      this.report();
      this.handlers.onBoxClick?.(key);
    },
    boxDragged: (pane: Pane, key: string, index: number, box: Rect, done: boolean) => this.moveBox(pane, key, index, box, done),
    drawn: (pane: Pane, box: Rect) => {
      if (pane.film && pane.when === "current") this.finishDrawing({ film: pane.film.id, ...box });
    },
    turn: (pane: Pane, by: 1 | -1) => this.turnFilm(pane, by),
  };

  private changed(pane: Pane, what: "view" | "tone" | "lines"): void {
    if (what === "lines" && pane.film) {
      for (const line of pane.rulers) line.text = lengthOf(line.x1 - line.x0, line.y1 - line.y0, pane.film).text;
    }
    const mate = pane.mate;
    if (mate?.loaded && pane.loaded && what !== "lines") {
      if (what === "tone") mate.range = carried(pane.range, pane.loaded.tone, mate.loaded.tone);
      else {
        const [x, y] = [pane.view.x / pane.plane.columns, pane.view.y / pane.plane.rows];
        mate.view = { ...mate.view, zoom: pane.view.zoom, x: x * mate.plane.columns, y: y * mate.plane.rows };
      }
      this.redraw(mate);
    }
    this.redraw(pane);
  }

  private moveBox(pane: Pane, key: string, index: number, box: Rect, done: boolean): void {
    const item = this.items.find((one) => one.key === key);
    if (!item) return;
    pane.boxes = pane.boxes.map((one) => (one.key === key && one.index === index ? { ...one, box } : one));
    this.redraw(pane);
    if (!done) return;
    const boxes = item.boxes.map((old, at) => (at === index ? { film: old.film, ...box } : old));
    this.items = this.items.map((one) => (one === item ? { ...one, boxes } : one));
    this.handlers.onBoxMoved?.(key, boxes);
  }

  private turnFilm(pane: Pane, by: 1 | -1): void {
    if (!pane.film || !pane.rest.length) return;
    const all = [...pane.rest];
    const next = by > 0 ? all.shift() : all.pop();
    if (!next) return;
    pane.rest = by > 0 ? [...all, pane.film] : [pane.film, ...all];
    void this.load(pane, next, pane.when);
  }

  /** The pane that keys act on. */
  private activate(pane: Pane | null): void {
    if (pane === this.active) return;
    this.active = pane;
    for (const one of this.panes) one.element.classList.toggle("stage-active", one === pane && this.panes.length > 1);
    this.report();
  }

  // ---- what the panels ask for

  select(key: string | null): void {
    this.overlay.selected = key ?? "";
    const pane = this.panes.find((one) => one.when === "current" && one.boxes.some((box) => box.key === key));
    const box = pane?.boxes.find((one) => one.key === key)?.box;
    if (pane && box) {
      pane.view = reveal(pane.plane, pane.view, box, pane.width, pane.height);
      this.changed(pane, "view");
    }
    this.redraw();
    this.report();
  }

  step(by: 1 | -1): void {
    const keys = this.items.filter((item) => item.verdict !== "rejected" && item.boxes.length > 0).map((item) => item.key);
    if (!keys.length) return;
    const at = keys.indexOf(this.overlay.selected);
    const next = keys[(at < 0 ? (by > 0 ? 0 : keys.length - 1) : at + by + keys.length) % keys.length];
    this.select(next);
    this.handlers.onBoxClick?.(next);
  }

  overlays(on?: boolean): void {
    this.overlay.on = on ?? !this.overlay.on;
    this.redraw();
    this.report();
  }

  opacity(value: number): void {
    this.overlay.opacity = Math.min(1, Math.max(0, value));
    this.redraw();
    this.report();
  }

  layer(name: string, on: boolean): void {
    if (on) this.overlay.hidden.delete(name);
    else this.overlay.hidden.add(name);
    this.redraw();
  }

  preset(n: number): void {
    const pane = this.active;
    const preset = pane?.film?.presets[n - 1];
    if (!pane?.loaded || !preset) return;
    pane.range = presetRange(preset, pane.loaded.grey, pane.loaded.tone);
    this.changed(pane, "tone");
  }

  prior(mode: "beside" | "swap" | "off"): void {
    if (!this.sheet?.prior) return;
    const next = mode === "swap" ? (this.mode === "swapped" ? "beside" : "swapped") : mode;
    if (next === this.mode) return;
    this.mode = next;
    this.remember();
    void this.hang();
  }

  invert(): void {
    const turned = !(this.active?.turned ?? false);
    for (const pane of this.panes) pane.turned = turned;
    this.redraw();
    this.report();
  }

  reset(): void {
    for (const pane of this.panes) {
      pane.view = wholeFilm(pane.plane);
      pane.turned = false;
      pane.rulers = [];
      if (pane.loaded) pane.range = { ...pane.loaded.tone.range };
    }
    this.fader = 1;
    this.redraw();
    this.report();
  }

  rotate(degrees: 90 | -90): void {
    const pane = this.active;
    if (!pane) return;
    pane.view = { ...pane.view, turns: (pane.view.turns + (degrees > 0 ? 1 : 3)) % 4 };
    this.redraw(pane);
  }

  flip(): void {
    const pane = this.active;
    if (!pane) return;
    pane.view = mirrored(pane.view);
    this.redraw(pane);
  }

  zoom(factor: number): void {
    const pane = this.active;
    if (!pane) return;
    pane.view = zoomAt(pane.plane, pane.view, factor, pane.width / 2, pane.height / 2, pane.width, pane.height);
    this.changed(pane, "view");
  }

  /** The whole film again, or twice as large when it is whole. */
  fit(twice: boolean): void {
    const pane = this.active;
    if (!pane) return;
    const { turns, flip, zoom } = pane.view;
    pane.view = { ...wholeFilm(pane.plane), turns, flip };
    if (twice && Math.abs(zoom - 1) < 0.01) pane.view.zoom = 2;
    this.changed(pane, "view");
  }

  ruler(on?: boolean): void {
    this.rulerOn = on ?? !this.rulerOn;
    this.pointerLook();
    this.report();
  }

  bones(value: number): void {
    if (!this.panes.some((pane) => pane.hasSoft)) return;
    this.fader = Math.min(1, Math.max(0, value));
    this.redraw();
    this.report();
  }

  edit(on: boolean): void {
    this.overlay.edit = on;
    this.redraw();
    this.report();
  }

  drawBox(concept: string): Promise<Box | null> {
    this.cancelDrawing();
    this.message = `Draw a box for ${concept.replaceAll("_", " ")}; Escape stops.`;
    return new Promise((done) => {
      this.drawing = done;
      this.pointerLook();
      this.report();
    });
  }

  private finishDrawing(box: Box | null): void {
    const done = this.drawing;
    this.drawing = null;
    this.message = "";
    this.pointerLook();
    for (const pane of this.panes) pane.sketch(null);
    if (done) this.report();
    done?.(box);
  }

  private cancelDrawing(): void {
    if (this.drawing) this.finishDrawing(null);
  }

  /** Escape: stop drawing, else put the ruler away, else clear the selection. */
  escape(): boolean {
    if (this.drawing) this.cancelDrawing();
    else if (this.rulerOn) this.ruler(false);
    else if (this.overlay.selected) {
      this.select(null);
      this.handlers.onBoxClick?.("");
    } else return false;
    return true;
  }

  private pointerLook(): void {
    this.element.classList.toggle("stage-drawing", this.drawing !== null || this.rulerOn);
  }

  setBoxes(items: Item[], prior?: Item[]): void {
    this.items = items;
    if (prior) this.priorItems = prior;
    if (!items.some((item) => item.key === this.overlay.selected)) this.overlay.selected = "";
    for (const pane of this.panes) {
      if (pane.film) pane.boxes = marked(pane.when === "current" ? items : this.priorItems, pane.film.id);
    }
    this.redraw();
    this.report();
  }

  /** The next pane (or the previous) becomes the one that keys act on. */
  move(by: 1 | -1): void {
    if (!this.panes.length) return;
    const at = this.active ? this.panes.indexOf(this.active) : 0;
    this.panes[(at + by + this.panes.length) % this.panes.length].element.focus({ preventScroll: true });
  }

  page(by: 1 | -1): void {
    if (this.active) this.turnFilm(this.active, by);
  }

  help(): void {
    this.handlers.onHelp?.();
  }

  key(event: KeyboardEvent): boolean {
    return handleKey(this, event, this.element);
  }

  status(): Status {
    const pane = this.active;
    return {
      state: this.state,
      message: this.message,
      renderer: this.kind,
      overlays: this.overlay.on,
      opacity: this.overlay.opacity,
      prior: this.sheet?.prior ? this.mode : "none",
      inverted: pane?.turned ?? false,
      ruler: this.rulerOn,
      edit: this.overlay.edit,
      bones: this.panes.some((one) => one.hasSoft) ? this.fader : null,
      selected: this.overlay.selected,
      film: pane?.film?.id ?? "",
      presets: pane?.film?.presets.slice(0, 4).map((preset) => preset.name) ?? [],
    };
  }

  private tell(state: Status["state"], message: string): void {
    this.state = state;
    this.message = message;
    this.element.setAttribute("aria-busy", String(state === "loading"));
    this.element.dataset.state = state;
    this.report();
  }

  private report(): void {
    this.handlers.onStatus?.(this.status());
  }

  destroy(): void {
    this.turnsOfShow++;
    this.cancelDrawing();
    cancelAnimationFrame(this.frame);
    this.watcher.disconnect();
    document.removeEventListener("keydown", this.onKey);
    this.clear();
    this.engine?.destroy();
    this.engine = null;
    this.element.classList.remove("stage", "stage-drawing");
  }
}

function reasonOf(error: unknown): string {
  const inner = (error as { error?: unknown })?.error ?? error;
  return inner instanceof Error ? inner.message : String(inner);
}
