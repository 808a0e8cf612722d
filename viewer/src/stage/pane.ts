/** One film in its place: the picture, the lines over it and the words at its edges. */
import type { Film } from "../sheet";
import { drawBoxes, drawLines, screen } from "./boxes";
import type { Line, Marked } from "./boxes";
import { aspectOf, cameraOf, edgeLetters, fitScale, matrixOf, scaleBar, wholeFilm } from "./geometry.js";
import type { Matrix, Plane, Rect, View } from "./geometry.js";
import { Layers } from "./layers";
import type { Loaded, Viewport } from "./renderer";
import { html, svg, write } from "./svg";
import { windowOf } from "./tone.js";
import type { Range } from "./tone.js";

export interface Overlay {
  on: boolean;
  opacity: number;
  hidden: ReadonlySet<string>;
  selected: string;
  edit: boolean;
}

/** The words of a pane that do not change while it is looked at. */
export interface Words {
  title: string;
  when: "current" | "prior";
  made: boolean;
}

export class Pane {
  readonly element = html("div", "stage-pane");
  readonly surface = html("div", "stage-film");
  readonly lines = svg("svg", { class: "stage-lines", "aria-hidden": "true" });
  private readonly boxGroup = svg("g");
  private readonly lineGroup = svg("g");
  private readonly draft = svg("rect", { class: "stage-draft", visibility: "hidden" });
  private readonly words = html("div", "stage-words");
  private readonly preview = html("img", "stage-preview");
  private readonly said: Record<string, HTMLElement> = {};
  private readonly bar = svg("path", { class: "stage-bar" });
  private layers: Layers | null = null;
  viewport: Viewport | null = null;
  film: Film | null = null;
  loaded: Loaded | null = null;
  plane: Plane = { columns: 1, rows: 1, aspect: [1, 1] };
  view: View = wholeFilm(this.plane);
  range: Range = { lower: 0, upper: 1 };
  turned = false;
  boxes: Marked[] = [];
  rulers: Line[] = [];
  mate: Pane | null = null;
  rest: Film[] = [];
  when: "current" | "prior" = "current";

  constructor(readonly id: string) {
    this.element.tabIndex = 0;
    this.element.setAttribute("role", "group");
    this.element.dataset.pane = id;
    this.lines.append(this.boxGroup, this.lineGroup, this.draft, this.bar);
    for (const place of ["title", "tone", "marks", "scale", "left", "right", "top", "bottom", "note"]) {
      this.said[place] = html("span", `stage-${place}`);
      this.words.append(this.said[place]);
    }
    this.preview.alt = "";
    this.preview.addEventListener("error", () => this.preview.remove());
    this.element.append(this.surface, this.lines, this.words);
  }

  get width(): number {
    return this.surface.clientWidth || 1;
  }

  get height(): number {
    return this.surface.clientHeight || 1;
  }

  get matrix(): Matrix {
    return matrixOf(this.plane, this.view, this.width, this.height);
  }

  get hasSoft(): boolean {
    return this.layers?.hasSoft ?? false;
  }

  /** Take a film; it shows its thumbnail until `ready`. */
  take(film: Film, words: Words): void {
    this.film = film;
    this.loaded = null;
    this.when = words.when;
    this.plane = { columns: film.columns, rows: film.rows, aspect: aspectOf(film.spacing_mm) };
    this.view = wholeFilm(this.plane);
    this.turned = false;
    this.rulers = [];
    this.layers?.destroy();
    this.layers = new Layers(film);
    this.lines.prepend(this.layers.element);
    this.element.classList.toggle("stage-prior", words.when === "prior");
    this.element.classList.remove("stage-failed");
    this.element.classList.add("stage-loading");
    this.element.setAttribute("aria-label", `${film.view || "Film"}, ${words.when}${film.synthetic ? ", synthetic" : ""}`);
    this.element.dataset.film = film.id;
    if (film.thumbnail) {
      this.preview.src = new URL(film.thumbnail, document.baseURI).href;
      this.surface.after(this.preview);
    }
    write(this.said.title, words.title);
    const marks = [film.synthetic ? "SYNTHETIC" : "", words.made ? "AI-made, research use only" : ""].filter(Boolean);
    this.said.marks.replaceChildren(...marks.map((text) => html("b", text === "SYNTHETIC" ? "stage-synthetic" : "", text)));
    this.say(film.accepted ? "" : `Not read: ${film.reason || "the film was refused"}`);
  }

  /** A sentence in the middle of the pane. */
  say(text: string): void {
    write(this.said.note, text);
  }

  /** The film cannot be shown: say so where it would be, and show no picture that could be taken for it. */
  failed(why: string): void {
    this.element.classList.replace("stage-loading", "stage-failed");
    this.preview.remove();
    this.say(why);
  }

  /** The film is decoded and in the viewport. */
  ready(loaded: Loaded): void {
    this.loaded = loaded;
    this.plane = { ...this.plane, columns: loaded.columns, rows: loaded.rows };
    this.view = wholeFilm(this.plane);
    this.range = { ...loaded.tone.range };
    this.element.classList.remove("stage-loading");
    this.preview.remove();
  }

  /** Draw picture and lines from the pane's state. */
  draw(overlay: Overlay, bones: number): void {
    if (!this.loaded || !this.viewport || !this.film) return;
    this.drawPicture();
    this.drawLines(overlay);
    this.layers?.bones(bones);
    this.layers?.tone(this.range, this.loaded.tone.range, this.loaded.tone.inverted, this.turned);
  }

  private drawPicture(): void {
    const { viewport, loaded } = this;
    if (!viewport || !loaded) return;
    const inverted = loaded.tone.inverted !== this.turned;
    viewport.setProperties({ voiRange: this.range, invert: inverted });
    if (isSlow(viewport)) slowCamera(viewport, this.plane, this.view, this.width, this.height);
    else viewport.setCamera(cameraOf(this.plane, this.view, this.width, this.height) as never);
    viewport.render();
  }

  private drawLines(overlay: Overlay): void {
    const matrix = this.matrix;
    const shown = overlay.on;
    this.layers?.place(matrix);
    this.layers?.show(shown, overlay.opacity, overlay.hidden);
    this.boxGroup.setAttribute("visibility", shown ? "visible" : "hidden");
    this.boxGroup.setAttribute("opacity", String(0.35 + 0.65 * overlay.opacity));
    drawBoxes(this.boxGroup, shown ? this.boxes : [], matrix, overlay.selected, overlay.edit && this.when === "current");
    drawLines(this.lineGroup, this.rulers, matrix);
    this.drawWords(matrix);
  }

  private drawWords(matrix: Matrix): void {
    const { film, loaded } = this;
    if (!film || !loaded) return;
    const letters = edgeLetters(film.orientation, matrix);
    for (const side of ["left", "right", "top", "bottom"] as const) write(this.said[side], letters?.[side] ?? "");
    const zoom = fitScale(this.plane, this.view.turns, this.width, this.height) * this.view.zoom;
    write(this.said.tone, `${windowText(this.range, loaded)}\n${Math.round(zoom * 100)} %${this.turned ? "\ninverted" : ""}`);
    this.drawScale(film, zoom);
  }

  private drawScale(film: Film, zoom: number): void {
    const known = film.spacing_plane !== "patient" && film.magnification ? film.magnification : 1;
    const bar = film.spacing_mm ? scaleBar((zoom / Math.min(...film.spacing_mm)) * known, this.height / 4) : null;
    const [x, y] = [this.width - 14, this.height * 0.69];
    this.bar.setAttribute("d", bar ? `M${x - 6} ${y - bar.pixels / 2}h6v${bar.pixels}h-6` : "");
    const plane = film.spacing_plane === "patient" ? "" : known === 1 ? " at detector" : " in the patient";
    write(this.said.scale, bar ? `${bar.mm} mm${plane}` : film.spacing_mm ? "" : "no spacing");
  }

  /** The rectangle a reader is drawing; null takes it away. */
  sketch(box: Rect | null): void {
    this.draft.setAttribute("visibility", box ? "visible" : "hidden");
    if (!box) return;
    for (const [key, value] of Object.entries(screen(box, this.matrix))) this.draft.setAttribute(key, String(value));
  }

  destroy(): void {
    this.layers?.destroy();
    this.element.remove();
  }
}

function windowText(range: Range, { grey, tone }: Loaded): string {
  const share = (range.upper - range.lower) / (tone.range.upper - tone.range.lower);
  // Behind a film's own curve there are no units to speak of.
  if (tone.bent) return `film's own curve${Math.abs(share - 1) < 0.005 ? "" : `, width ${Math.round(share * 100)} %`}`;
  const { center, width } = windowOf(range, grey, tone);
  return `C ${Math.round(center)}  W ${Math.round(width)}`;
}

interface SlowElement {
  viewport: { scale: number; rotation: number; hflip: boolean; vflip: boolean; translation: { x: number; y: number } };
}

function isSlow(viewport: Viewport): boolean {
  return (viewport as unknown as { useCPURendering: boolean }).useCPURendering;
}

/** The renderer without a GPU keeps its own view; its parts are set one by one, as its public camera cannot turn or mirror. */
function slowCamera(viewport: Viewport, plane: Plane, view: View, width: number, height: number): void {
  const inner = (viewport as unknown as { _cpuFallbackEnabledElement: SlowElement })._cpuFallbackEnabledElement.viewport;
  const ratio = viewport.canvas.width / Math.max(1, width); // it does not always follow the screen's own ratio
  const angle = (view.turns * Math.PI) / 2;
  const [cos, sin] = [Math.round(Math.cos(angle)), Math.round(Math.sin(angle))];
  const x = (view.flip ? -1 : 1) * (view.x - plane.columns / 2);
  const y = view.y - plane.rows / 2;
  inner.scale = fitScale(plane, view.turns, width, height) * view.zoom * ratio;
  inner.rotation = view.turns * 90;
  inner.hflip = view.flip;
  inner.vflip = false;
  inner.translation.x = -(cos * x - sin * y);
  inner.translation.y = -(sin * x + cos * y);
}
