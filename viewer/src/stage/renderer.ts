/** Cornerstone3D: loading, decoding and drawing films. The only module that knows it; loaded when a stage is created. */
import { Enums, RenderingEngine, cache, getRenderingCapabilities, getShouldUseCPURendering, getWebWorkerManager, imageLoader, init, metaData, setUseCPURendering } from "@cornerstonejs/core";
import type { Types } from "@cornerstonejs/core";
import { createImage, init as initLoader, wadouri } from "@cornerstonejs/dicom-image-loader";
import { parseDicom } from "dicom-parser";
import type { DataSet } from "dicom-parser";
import { inflateRaw } from "pako";
import type { Film } from "../sheet";
import { aspectOf } from "./geometry.js";
import { greyOf } from "./header";
import { toneOf } from "./tone.js";
import type { Grey, Tone } from "./tone.js";

export type Viewport = Types.IStackViewport;

/** A film that is decoded and ready to be drawn. */
export interface Loaded {
  imageId: string;
  columns: number;
  rows: number;
  grey: Grey;
  tone: Tone;
  colour: boolean;
}

interface Entry {
  film: Film;
  imageId: string;
  image?: Promise<unknown>;
  /** What decoding needs to know of the pixels; kept without the file itself. */
  pixel?: Record<string, unknown>;
  loaded?: Loaded;
}

/** Decoded films kept: a few studies back and forth, about 8 MB a film. */
const MOST_FILMS = 24;

const films = new Map<string, Entry>();
let started = false;

/** Start the renderer once for the page; "?renderer=cpu" in the page's address and "?renderer=gpu" choose by hand. */
export function start(): "gpu" | "cpu" {
  if (!started) {
    started = true;
    init({ rendering: { webGlContextCount: 4 } } as never); // one for each place on the stage
    const asked = new URLSearchParams(location.search).get("renderer");
    // A graphics driver that itself runs on the CPU is slower than drawing there at once.
    if (asked === "cpu" || (asked !== "gpu" && getRenderingCapabilities().softwareRasterizer)) setUseCPURendering(true);
    // Decoding is one film at a time per worker; two films side by side are the common case.
    initLoader({ maxWebWorkers: Math.min(2, navigator.hardwareConcurrency || 1) });
    imageLoader.registerImageLoader("film", (imageId: string) => ({ promise: decoded(films.get(imageId) as Entry) as Promise<Types.IImage> }));
    warm();
    // Ours go first: the renderer never sees a spacing in millimetres, so it cannot guess with one.
    metaData.addProvider(facts, 10_000);
  }
  return getShouldUseCPURendering() ? "cpu" : "gpu";
}

/** Have a decoder's worker load while the first film is still on its way: one black pixel is decoded. */
function warm(): void {
  const imageFrame = { rows: 1, columns: 1, samplesPerPixel: 1, bitsAllocated: 16, bitsStored: 16, pixelRepresentation: 0 };
  const task = { imageFrame, transferSyntax: "1.2.840.10008.1.2.1", pixelData: new Uint8Array(2), options: { preScale: { enabled: false } } };
  getWebWorkerManager().executeTask("dicomImageLoader", "decodeTask", task, {}).catch(() => undefined);
}

export function newEngine(): RenderingEngine {
  return new RenderingEngine("stage");
}

/** Put one viewport into an element of the page. */
export function enable(engine: RenderingEngine, id: string, element: HTMLDivElement): Viewport {
  engine.enableElement({ viewportId: id, type: Enums.ViewportType.STACK, element, defaultOptions: { background: [0, 0, 0] } });
  return engine.getViewport(id) as Viewport;
}

/** Fetch, decode and show a film in a viewport; null when it was no longer wanted once it was there. */
export async function showFilm(viewport: Viewport, film: Film, wanted: () => boolean): Promise<Loaded | null> {
  const entry = known(film);
  await decoded(entry);
  if (!wanted()) return null;
  await viewport.setStack([entry.imageId]);
  if (!entry.loaded) throw new Error("The film could not be decoded.");
  return wanted() ? entry.loaded : null;
}

/** Start loading a film that will be looked at next. */
export function prefetch(film: Film): void {
  decoded(known(film)).catch(() => undefined);
}

function known(film: Film): Entry {
  const imageId = `film:${new URL(film.dicom, document.baseURI).href}`;
  const entry = films.get(imageId) ?? { film, imageId };
  entry.film = film;
  films.delete(imageId);
  films.set(imageId, entry); // the youngest is last
  for (const old of [...films.keys()].slice(0, -MOST_FILMS)) {
    films.delete(old);
    if (cache.getImageLoadObject(old)) cache.removeImageLoadObject(old, { force: true });
  }
  return entry;
}

/** The film's pixels, fetched once; a failure is forgotten, so that it can be tried again. */
function decoded(entry: Entry): Promise<unknown> {
  entry.image ??= decode(entry).catch((error: unknown) => {
    entry.image = undefined;
    throw error;
  });
  return entry.image;
}

function facts(type: string, imageId: string): unknown {
  if (typeof imageId !== "string" || !imageId.startsWith("film:")) return undefined;
  const entry = films.get(imageId);
  if (!entry) return undefined;
  switch (type) {
    case "imagePlaneModule": {
      const [columnPixelSpacing, rowPixelSpacing] = aspectOf(entry.film.spacing_mm);
      return {
        rows: entry.film.rows, columns: entry.film.columns, columnPixelSpacing, rowPixelSpacing,
        rowCosines: [1, 0, 0], columnCosines: [0, 1, 0], imagePositionPatient: [0, 0, 0],
        imageOrientationPatient: [1, 0, 0, 0, 1, 0], frameOfReferenceUID: imageId, usingDefaultValues: false,
      };
    }
    case "imagePixelModule": {
      // Once decoded, polarity is ours to apply, last.
      return entry.loaded && !entry.loaded.colour ? { ...entry.pixel, photometricInterpretation: "MONOCHROME2" } : entry.pixel;
    }
    case "generalSeriesModule":
      return { modality: "DX" };
    case "voiLutModule":
    case "modalityLutModule":
    case "sopCommonModule":
    case "calibrationModule":
      return {};
    default:
      return undefined;
  }
}

async function decode(entry: Entry): Promise<unknown> {
  const { imageId } = entry;
  const answer = await fetch(imageId.slice("film:".length), { credentials: "same-origin" });
  if (!answer.ok) throw new Error(`The server answered ${answer.status} for the film.`);
  const header = parseDicom(new Uint8Array(await answer.arrayBuffer()), { inflater: inflated } as never);
  entry.pixel = { ...wadouri.metaData.getImagePixelModule(header as never) };
  const syntax = header.string("x00020010") ?? "1.2.840.10008.1.2";
  const bytes = wadouri.getPixelData(header as never, 0);
  const image = (await createImage(imageId, bytes as never, syntax, { preScale: { enabled: false }, useRGBA: false } as never)) as never as Drawn;
  const grey = greyOf(header);
  if (image.color) {
    const tone: Tone = { table: null, first: 0, range: { lower: 0, upper: 255 }, slope: 1, intercept: 0, inverted: false, bent: false };
    entry.loaded = { imageId, columns: image.columns, rows: image.rows, grey, tone, colour: true };
    return image;
  }
  const stored = wholeValues(image.getPixelData(), header, grey);
  const extent = extentOf(stored, grey.padding);
  const tone = toneOf(grey, entry.film.window, extent);
  const pixels = tone.table ? throughTable(stored, tone) : stored;
  entry.loaded = { imageId, columns: image.columns, rows: image.rows, grey, tone, colour: false };
  return drawn(image, pixels, tone, grey.padding ? extentOf(pixels, null) : extent, entry.film);
}

/** A deflated file with its header left as it is. */
function inflated(bytes: Uint8Array, position: number): Uint8Array {
  const rest = inflateRaw(bytes.subarray(position));
  const whole = new Uint8Array(position + rest.length);
  whole.set(bytes.subarray(0, position));
  whole.set(rest, position);
  return whole;
}

type Pixels = Uint8Array | Uint16Array | Int16Array | Float32Array | Int8Array;

interface Extent {
  min: number;
  max: number;
}

interface Drawn {
  color: boolean;
  columns: number;
  rows: number;
  imageFrame: { pixelData: Pixels; photometricInterpretation: string };
  voxelManager: { scalarData: Pixels; getScalarData(): Pixels };
  getPixelData(): Pixels;
  [other: string]: unknown;
}

/** The image as the renderer takes it: pixel values as they are, one window, polarity left to us. */
function drawn(image: Drawn, pixels: Pixels, tone: Tone, extent: Extent, film: Film): Drawn {
  const [columnPixelSpacing, rowPixelSpacing] = aspectOf(film.spacing_mm);
  const all = tone.table ? extentOf(pixels, null) : extent;
  image.imageFrame.photometricInterpretation = "MONOCHROME2";
  if (pixels !== image.imageFrame.pixelData) {
    image.imageFrame.pixelData = pixels;
    image.voxelManager.getScalarData = () => pixels;
    image.voxelManager.scalarData = pixels;
    image.getPixelData = () => pixels;
  }
  return Object.assign(image, {
    dataType: pixels.constructor.name,
    columnPixelSpacing, rowPixelSpacing, invert: false, slope: 1, intercept: 0, preScale: undefined,
    minPixelValue: all.min, maxPixelValue: all.max, sizeInBytes: pixels.byteLength,
    windowCenter: (tone.range.lower + tone.range.upper) / 2 + 0.5, windowWidth: tone.range.upper - tone.range.lower + 1,
    voiLUTFunction: "LINEAR", modalityLUT: undefined, voiLUT: undefined,
  });
}

/** Stored values without bits outside Bits Stored (old overlays live there). */
function wholeValues(pixels: Pixels, header: DataSet, grey: Grey): Pixels {
  const allocated = header.uint16("x00280100") ?? 16;
  const high = header.uint16("x00280102") ?? grey.bitsStored - 1;
  const shift = Math.max(0, Math.min(high, allocated - 1) - grey.bitsStored + 1);
  if (grey.signed || (grey.bitsStored === allocated && shift === 0)) return pixels;
  const most = 2 ** grey.bitsStored - 1;
  if (shift === 0 && extentOf(pixels, null).max <= most) return pixels;
  return pixels.map((value) => (value >> shift) & most) as Pixels;
}

function extentOf(pixels: Pixels, padding: [number, number] | null): Extent {
  let min = Infinity;
  let max = -Infinity;
  for (let i = 0; i < pixels.length; i++) {
    const value = pixels[i];
    if (padding && value >= padding[0] && value <= padding[1]) continue;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return min <= max ? { min, max } : { min: 0, max: 1 };
}

function throughTable(pixels: Pixels, tone: Tone): Uint16Array {
  const table = tone.table as Uint16Array;
  const result = new Uint16Array(pixels.length);
  const last = table.length - 1;
  for (let i = 0; i < pixels.length; i++) result[i] = table[Math.min(last, Math.max(0, pixels[i] - tone.first))];
  return result;
}
