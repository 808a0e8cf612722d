/** Masks and the boneless film, laid over a film in its own pixels. */
import type { Film, Layer } from "../sheet";
import type { Matrix } from "./geometry.js";
import { svg } from "./svg";
import type { Range } from "./tone.js";

let made = 0;

/** The picture layers of one pane. */
export class Layers {
  readonly element = svg("g", { class: "stage-layers" });
  private readonly masks = svg("g");
  private readonly soft = svg("g");
  private readonly transfer: SVGElement[] = [];
  private readonly byName = new Map<string, SVGImageElement>();
  private softFilter = "";
  private dead = false;
  hasSoft = false;

  constructor(film: Film) {
    this.element.append(this.soft, this.masks);
    for (const layer of film.layers) {
      if (layer.kind === "soft") this.addSoft(layer, film);
      else void this.addMask(layer, film);
    }
  }

  private addSoft(layer: Layer, film: Film): void {
    this.hasSoft = true;
    this.softFilter = `stage-soft-${++made}`;
    const filter = svg("filter", { id: this.softFilter, "color-interpolation-filters": "sRGB", x: 0, y: 0, width: 1, height: 1 });
    const transfer = svg("feComponentTransfer");
    for (const channel of ["feFuncR", "feFuncG", "feFuncB"] as const) {
      const part = svg(channel, { type: "linear", slope: 1, intercept: 0 });
      this.transfer.push(part);
      transfer.append(part);
    }
    filter.append(transfer);
    const image = picture(new URL(layer.url, document.baseURI).href, film);
    image.setAttribute("filter", `url(#${this.softFilter})`);
    this.soft.append(filter, image);
    this.soft.setAttribute("opacity", "0");
    this.soft.setAttribute("visibility", "hidden");
  }

  private async addMask(layer: Layer, film: Film): Promise<void> {
    try {
      const url = await kept(new URL(layer.url, document.baseURI).href, layer.colour);
      if (this.dead) return;
      const image = picture(url, film);
      const name = svg("title");
      name.textContent = layer.label;
      image.append(name);
      this.byName.set(layer.name, image);
      this.masks.append(image);
    } catch {
      // A mask that cannot be had leaves the film as it is; the findings list still names it.
    }
  }

  place(matrix: Matrix): void {
    this.element.setAttribute("transform", `matrix(${matrix.join(" ")})`);
  }

  show(on: boolean, opacity: number, hidden: ReadonlySet<string>): void {
    this.masks.setAttribute("visibility", on ? "visible" : "hidden");
    this.masks.setAttribute("opacity", String(opacity * 0.5));
    for (const [name, image] of this.byName) image.setAttribute("display", hidden.has(name) ? "none" : "inline");
  }

  /** Fade towards the boneless film: 1 the film itself, 0 without bones. */
  bones(value: number): void {
    this.soft.setAttribute("opacity", String(1 - value));
    this.soft.setAttribute("visibility", value < 1 ? "visible" : "hidden");
  }

  /** The boneless film is a picture of the window as hung; follow the reader's window and polarity. */
  tone(range: Range, hung: Range, inverted: boolean, turned: boolean): void {
    const [slope, intercept] = follow(range, hung, inverted, turned);
    for (const part of this.transfer) {
      part.setAttribute("slope", String(slope));
      part.setAttribute("intercept", String(intercept));
    }
  }

  destroy(): void {
    this.dead = true;
    this.element.remove();
  }
}

/** Slope and intercept that carry a picture made with the window as hung to another window and polarity. */
function follow(range: Range, hung: Range, inverted: boolean, turned: boolean): [number, number] {
  const width = range.upper - range.lower;
  const gain = (hung.upper - hung.lower) / width;
  const base = inverted ? 1 - gain - (hung.lower - range.lower) / width : (hung.lower - range.lower) / width;
  return turned ? [-gain, 1 - base] : [gain, base];
}

function picture(url: string, film: Film): SVGImageElement {
  return svg("image", { href: url, x: 0, y: 0, width: film.columns, height: film.rows, preserveAspectRatio: "none" });
}

/** Coloured masks are kept for a few studies back and forth. */
const MOST_MASKS = 48;
const masks = new Map<string, Promise<string>>();

function kept(url: string, colour: string): Promise<string> {
  const name = `${colour} ${url}`;
  const made = masks.get(name) ?? tinted(url, colour);
  masks.delete(name);
  masks.set(name, made);
  made.catch(() => masks.delete(name));
  for (const [old, gone] of [...masks].slice(0, -MOST_MASKS)) {
    masks.delete(old);
    gone.then(URL.revokeObjectURL, () => undefined);
  }
  return made;
}

/** A black and white mask as a coloured picture whose black is clear. */
async function tinted(url: string, colour: string): Promise<string> {
  const image = new Image();
  image.src = url;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("The page cannot draw masks.");
  context.drawImage(image, 0, 0);
  const data = context.getImageData(0, 0, canvas.width, canvas.height);
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) || 0);
  for (let i = 0; i < data.data.length; i += 4) {
    data.data[i + 3] = data.data[i];
    data.data[i] = red;
    data.data[i + 1] = green;
    data.data[i + 2] = blue;
  }
  context.putImageData(data, 0, 0);
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done));
  if (!blob) throw new Error("The page cannot draw masks.");
  return URL.createObjectURL(blob);
}
