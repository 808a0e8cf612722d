/** A stage that can be used at once: what is asked of it before the renderer is there is done when it is. */
import type { Box, Item } from "../sheet";
import type { FilmStage } from "./stage";
import type { Shown, Stage, StageHandlers, Status } from "./types";

const EMPTY: Status = {
  state: "loading", message: "", renderer: "gpu", overlays: true, opacity: 0.6, prior: "none", inverted: false, ruler: false,
  edit: false, bones: null, selected: "", film: "", presets: [],
};

const load = () => import("./stage");

/** Fetch the renderer ahead of need. */
export function preload(): void {
  load().catch(() => undefined); // tried again, and reported, when a stage is made
}

export class LateStage implements Stage {
  private real: FilmStage | null = null;
  private readonly coming: Promise<FilmStage>;
  private gone = false;

  constructor(element: HTMLElement, handlers: StageHandlers) {
    this.coming = load().then(({ FilmStage }) => {
      const real = new FilmStage(element, handlers);
      if (this.gone) real.destroy();
      return (this.real = real);
    });
    this.coming.catch((error: unknown) => {
      handlers.onStatus?.({ ...EMPTY, state: "failed", message: `The film viewer did not load: ${String(error)}` });
    });
  }

  private later<T>(act: (stage: FilmStage) => T): void {
    if (this.real) act(this.real);
    else this.coming.then(act, () => undefined);
  }

  async show(sheet: Shown): Promise<void> {
    await this.coming.then((stage) => stage.show(sheet), () => undefined);
  }

  select(key: string | null): void {
    this.later((stage) => stage.select(key));
  }
  step(by: 1 | -1): void {
    this.later((stage) => stage.step(by));
  }
  overlays(on?: boolean): void {
    this.later((stage) => stage.overlays(on));
  }
  opacity(value: number): void {
    this.later((stage) => stage.opacity(value));
  }
  layer(name: string, on: boolean): void {
    this.later((stage) => stage.layer(name, on));
  }
  preset(n: number): void {
    this.later((stage) => stage.preset(n));
  }
  prior(mode: "beside" | "swap" | "off"): void {
    this.later((stage) => stage.prior(mode));
  }
  invert(): void {
    this.later((stage) => stage.invert());
  }
  reset(): void {
    this.later((stage) => stage.reset());
  }
  rotate(degrees: 90 | -90): void {
    this.later((stage) => stage.rotate(degrees));
  }
  flip(): void {
    this.later((stage) => stage.flip());
  }
  zoom(factor: number): void {
    this.later((stage) => stage.zoom(factor));
  }
  ruler(on?: boolean): void {
    this.later((stage) => stage.ruler(on));
  }
  bones(value: number): void {
    this.later((stage) => stage.bones(value));
  }
  edit(on: boolean): void {
    this.later((stage) => stage.edit(on));
  }
  drawBox(concept: string): Promise<Box | null> {
    return this.coming.then((stage) => stage.drawBox(concept), () => null);
  }
  setBoxes(items: Item[], prior?: Item[]): void {
    this.later((stage) => stage.setBoxes(items, prior));
  }
  key(event: KeyboardEvent): boolean {
    return this.real?.key(event) ?? false;
  }
  status(): Status {
    return this.real?.status() ?? EMPTY;
  }
  destroy(): void {
    this.gone = true;
    this.real?.destroy();
  }
}
