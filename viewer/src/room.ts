/** The room's state and what can be done in it; panels show it and call it, and only it talks to the server. */
import { Api, ApiError, type Action, type Concept, type Job, type Row, type Session, type StudyEvent } from "./api";
import * as edits from "./panels/actions.js";
import { keys, ofSentence, step } from "./panels/groups.js";
import { spoken } from "./panels/words.js";
import type { Box, Item, Prior, Sheet } from "./sheet";
import type { Stage, Status } from "./stage";

export type Toast = { id: number; kind: "done" | "problem"; text: string; fix: string };
export type Place = { at: "worklist" } | { at: "study"; id: string };
export type Dialog =
  | { open: "none" | "help" | "add" | "final" | "expired" }
  | { open: "moved"; theirs: Sheet | null }
  | { open: "leave"; to: Place };

export const PAGE = 40;

/** Where the address bar says we are: "#/study/ID", or the worklist. */
export function placeOf(hash: string): Place {
  const found = /^#\/study\/(.+)$/.exec(hash);
  return found?.[1] ? { at: "study", id: decodeURIComponent(found[1]) } : { at: "worklist" };
}

export function hashOf(place: Place): string {
  return place.at === "study" ? `#/study/${encodeURIComponent(place.id)}` : "#/";
}

export class Room {
  readonly api = new Api();
  session: Session | null = null;
  /** Why nothing at all can be shown. */
  trouble: ApiError | null = null;
  place: Place = { at: "worklist" };
  dialog: Dialog = { open: "none" };
  toasts: Toast[] = [];
  /** Spoken by screen readers once. */
  said = "";

  list: {
    rows: Row[]; total: number; text: string; state: string; offset: number;
    loading: boolean; problem: ApiError | null; live: boolean | null; at: string; jobs: Map<string, Job>;
  } = { rows: [], total: 0, text: "", state: "", offset: 0, loading: true, problem: null, live: null, at: "", jobs: new Map() };

  /** The study as saved, and as the edits make it. */
  saved: Sheet | null = null;
  shown: Sheet | null = null;
  loading = false;
  problem: ApiError | null = null;
  edits: edits.Edits = edits.NONE;
  drafting = false;
  saving = false;
  selected = "";
  hovered = "";
  /** The section whose text is being typed, and the text. */
  writing: { section: "findings" | "impression"; text: string } | null = null;
  concepts: Concept[] | null = null;
  /** A study of the timeline hung in the place of the prior. */
  hung: Prior | null = null;
  drawing = "";
  tab: "report" | "record" = "report";
  timeline = true;
  folded = new Set<string>(["not assessed"]);

  stage: Stage | null = null;
  status: Status | null = null;

  #watchers = new Set<(now: boolean) => void>();
  #drafts = new AbortController();
  #loads = new AbortController();
  #lists = new AbortController();
  #later = 0;
  #toast = 0;
  #asking = false;

  watch(watcher: (now: boolean) => void): void {
    this.#watchers.add(watcher);
  }

  /** Something is to be shown anew: at the next frame, or now where the next key press must find it. */
  changed(now = false): void {
    for (const watcher of this.#watchers) watcher(now);
  }

  // ---- start and places

  async start(): Promise<void> {
    try {
      this.session = await this.api.session();
    } catch (problem) {
      this.trouble = asApi(problem);
      this.changed();
      return;
    }
    const first = placeOf(location.hash);
    if (first.at === "worklist" && this.session.start && !/^#\/$/.test(location.hash)) {
      history.replaceState(null, "", hashOf({ at: "study", id: this.session.start }));
    }
    if (this.session.features.worklist) this.#listen();
    void this.loadList();
    this.follow();
  }

  /** Go where the address bar says, unless edits would be lost. */
  follow(): void {
    const to = placeOf(location.hash);
    if (this.unsaved && !(to.at === "study" && to.id === this.saved?.id)) {
      history.replaceState(null, "", hashOf({ at: "study", id: this.saved?.id ?? "" }));
      this.open({ open: "leave", to });
      return;
    }
    this.place = to;
    if (to.at === "study" && to.id !== this.saved?.id) void this.loadStudy(to.id);
    else if (to.at === "worklist") {
      this.#closeStudy();
      void this.loadList();
    }
    this.changed();
  }

  go(to: Place): void {
    if (hashOf(to) === location.hash) this.follow();
    else location.hash = hashOf(to);
  }

  /** Go, dropping edits that were not saved. */
  leave(to: Place): void {
    this.edits = edits.NONE;
    this.writing = null;
    this.open({ open: "none" });
    this.go(to);
  }

  open(dialog: Dialog): void {
    this.dialog = dialog;
    if (dialog.open === "add" && !this.concepts) void this.#loadConcepts();
    this.changed(true);
  }

  close(): void {
    this.open({ open: "none" });
  }

  // ---- worklist

  async loadList(quiet = false): Promise<void> {
    this.#lists.abort();
    const { signal } = (this.#lists = new AbortController());
    const { text, state, offset } = this.list;
    this.list.loading = !quiet;
    this.changed();
    try {
      const found = await this.api.worklist({ text, state, limit: PAGE, offset }, signal);
      Object.assign(this.list, { rows: found.rows, total: found.total, problem: null, loading: false });
      if (!found.rows.some((row) => row.id === this.list.at)) this.list.at = found.rows[0]?.id ?? "";
      if (this.canAdmin && this.session?.features.jobs) await this.#loadJobs();
    } catch (problem) {
      if (signal.aborted) return;
      this.list.loading = false;
      this.list.problem = asApi(problem);
      this.#expiry(this.list.problem);
    }
    this.changed();
  }

  find(change: { text?: string; state?: string; offset?: number }): void {
    Object.assign(this.list, { offset: 0 }, change);
    void this.loadList();
  }

  /** Move the list's cursor; in a study, go to the next or previous one of the list. */
  walk(by: 1 | -1): void {
    const ids = this.list.rows.map((row) => row.id);
    const inside = this.place.at === "study";
    const from = inside && this.place.at === "study" ? this.place.id : this.list.at;
    const to = step(ids, from, by);
    if (!to || to === from) return;
    this.list.at = to;
    if (inside) this.go({ at: "study", id: to });
    else this.changed();
  }

  async job(id: string, what: "cancel" | "retry"): Promise<void> {
    try {
      await this.api.job(id, what);
      this.tell("done", what === "retry" ? "The study will be read again." : "The reading was cancelled.");
    } catch (problem) {
      this.complain(problem);
    }
    await this.loadList(true);
  }

  async #loadJobs(): Promise<void> {
    const found = await this.api.jobs().catch(() => null);
    if (found) this.list.jobs = new Map(found.rows.map((job) => [job.study, job]));
  }

  #listen(): void {
    const source = this.api.events(
      (event) => this.#happened(event),
      (open) => {
        // A server that offers no events at all closes the line for good: then nothing is claimed about it.
        if (!open && source.readyState === EventSource.CLOSED && this.list.live === null) return;
        if (open && this.list.live === false && this.list.rows.length) void this.loadList(true);
        this.list.live = open;
        this.changed();
      },
    );
    addEventListener("pagehide", () => source.close());
  }

  #happened(event: StudyEvent): void {
    const row = this.list.rows.find((each) => each.id === event.study);
    const moved = !row || row.state !== event.state;
    if (row) Object.assign(row, { state: event.state, progress: event.progress, reason: event.reason });
    if (!row && !this.list.loading && !this.list.text && !this.list.state && this.list.offset === 0) this.said = "A study arrived.";
    if (moved) {
      // What was found is not in the event; several in one moment ask for the list once.
      clearTimeout(this.#later);
      this.#later = window.setTimeout(() => void this.loadList(true), 400);
    }
    // A study that could not be shown while it was being read can be now.
    if (this.problem && this.place.at === "study" && this.place.id === event.study && moved) void this.loadStudy(event.study);
    const here = this.saved;
    if (here && here.id === event.study && here.state !== event.state && !this.unsaved && !this.saving) void this.loadStudy(here.id, true);
    this.changed();
  }

  // ---- study

  async loadStudy(id: string, quiet = false): Promise<void> {
    this.#loads.abort();
    const { signal } = (this.#loads = new AbortController());
    if (!quiet) {
      this.#closeStudy();
      this.stage?.edit(false);
    }
    this.loading = !quiet;
    this.problem = null;
    this.changed();
    try {
      const sheet = await this.api.study(id, signal);
      this.#take(sheet);
      this.loading = false;
      this.changed();
      await this.hang();
      if (this.canEdit && !this.concepts) void this.#loadConcepts();
    } catch (problem) {
      if (signal.aborted) return;
      this.loading = false;
      this.problem = asApi(problem);
      this.#expiry(this.problem);
      this.changed();
    }
  }

  #closeStudy(): void {
    this.#drafts.abort();
    Object.assign(this, { saved: null, shown: null, problem: null, selected: "", hovered: "", writing: null, hung: null, drawing: "", drafting: false });
    this.edits = edits.NONE;
  }

  #take(sheet: Sheet): void {
    this.#drafts.abort();
    this.saved = sheet;
    this.shown = sheet;
    this.edits = edits.NONE;
    this.writing = null;
    this.drafting = false;
    if (!sheet.findings.some((item) => item.key === this.selected)) this.selected = "";
  }

  /** Show the study's films on the stage, with whatever prior is hung. */
  async hang(): Promise<void> {
    const sheet = this.shown;
    if (!sheet || !this.stage) return;
    await this.stage.show(this.hung ? { ...sheet, prior: this.hung } : sheet);
    if (this.selected) this.stage.select(this.selected);
  }

  /** Hang a study of the timeline as the prior; null takes the study's own again. */
  async hangPrior(id: string | null): Promise<void> {
    try {
      if (id === null || id === this.saved?.prior?.id) this.hung = null;
      else {
        const { time, label, films, findings } = await this.api.study(id);
        this.hung = { id, time, label, films, findings };
      }
      this.changed();
      await this.hang();
      this.stage?.prior("beside");
    } catch (problem) {
      this.complain(problem);
    }
  }

  get prior(): Prior | null {
    return this.hung ?? this.shown?.prior ?? null;
  }

  /** Select a finding everywhere at once; "" selects none. */
  select(key: string, from: "list" | "stage" | "report" = "list"): void {
    this.selected = key;
    if (from !== "stage") this.stage?.select(key || null);
    const item = this.item(key);
    if (item) {
      this.folded.delete(item.state);
      if (from !== "list") this.said = spoken(item);
    }
    this.changed();
  }

  selectSentence(index: number): void {
    const stated = (this.shown?.report.sentences[index]?.findings ?? []).filter((key) => this.item(key));
    if (stated.length) this.select(ofSentence(stated, this.selected), "report");
  }

  stepFinding(by: 1 | -1): void {
    this.select(step(keys(this.shown?.findings ?? []), this.selected, by));
  }

  hover(key: string): void {
    if (this.hovered === key) return;
    this.hovered = key;
    this.changed();
  }

  item(key: string): Item | undefined {
    return this.shown?.findings.find((item) => item.key === key);
  }

  // ---- edits

  get unsaved(): boolean {
    return this.edits.now.length > 0 || this.typed;
  }

  /** Whether text is being typed that no action holds yet. */
  get typed(): boolean {
    return this.writing !== null && this.writing.text !== (this.shown?.report.sections[this.writing.section] ?? "");
  }

  get canEdit(): boolean {
    return this.session !== null && !this.session.readonly && this.saved !== null && !this.saving && !this.coming;
  }

  /** Whether a model is still to read this study; what is edited meanwhile would meet what it finds. */
  get coming(): boolean {
    return this.saved?.state === "waiting" || this.saved?.state === "reading";
  }

  get canAdmin(): boolean {
    return this.session?.roles.includes("admin") ?? false;
  }

  /** Edit: shown at once, then as the server's draft says. */
  async act(action: Action): Promise<boolean> {
    if (!this.canEdit || !this.shown) return false;
    const before = new Set(this.shown.findings.map((item) => item.key));
    this.edits = edits.make(this.edits, action);
    this.shown = { ...this.shown, findings: edits.foresee(this.shown.findings, action) };
    this.#boxes();
    this.changed();
    const done = await this.#draft(() => (this.edits = edits.refuse(this.edits)));
    if (done && action.do === "add") {
      const added = this.shown.findings.find((item) => !before.has(item.key));
      if (added) this.select(added.key);
    }
    return done;
  }

  /** Accept or reject; the same again takes it back. */
  judge(item: Item, to: "accept" | "reject"): void {
    if (!this.canEdit || !this.shown) return;
    const stored = this.saved?.findings.find((each) => each.key === item.key)?.verdict ?? "";
    const back = item.verdict === `${to}ed`;
    const edit = edits.judge(this.edits, item.key, to, stored);
    this.shown = { ...this.shown, findings: edits.foresee(this.shown.findings, { do: back ? "restore" : to, key: item.key }) };
    this.#shift(edit, back ? "Verdict taken back" : `${item.label} ${to}ed`);
  }

  undo(): void {
    this.#shift(edits.undo(this.edits), "Undone");
  }

  redo(): void {
    this.#shift(edits.redo(this.edits), "Done again");
  }

  /** Drop a section's hand-written text: its prose follows the list again. */
  unwrite(section: string): void {
    this.#shift(edits.unwrite(this.edits, section), "The text follows the list again");
  }

  #shift(to: edits.Edits, said: string): void {
    if (to === this.edits || !this.canEdit) return;
    const back = this.edits;
    this.edits = to;
    this.said = said;
    this.changed();
    void this.#draft(() => (this.edits = back));
  }

  async #draft(back: () => void): Promise<boolean> {
    this.#drafts.abort();
    const { signal } = (this.#drafts = new AbortController());
    const id = this.saved?.id ?? "";
    this.drafting = true;
    try {
      const sheet = this.edits.now.length ? await this.api.draft(id, this.edits.now, signal) : this.saved;
      if (signal.aborted || this.saved?.id !== id || !sheet) return false;
      this.shown = sheet;
      if (this.selected && !this.item(this.selected)) this.selected = "";
    } catch (problem) {
      if (signal.aborted) return false;
      if (this.#expiry(asApi(problem))) return false; // the edit stays and is drafted again after signing in
      back();
      await this.#restore(id);
      this.complain(problem);
      return false;
    } finally {
      if (!signal.aborted) this.drafting = false;
      this.#boxes();
      this.changed();
    }
    return true;
  }

  /**
   * After a refused edit: the draft of what is left. Edits made in quick succession are asked about together, so the one
   * that was refused may lie further back: then it goes step by step.
   */
  async #restore(id: string): Promise<void> {
    while (this.saved?.id === id) {
      const sheet = this.edits.now.length ? await this.api.draft(id, this.edits.now).catch(asApi) : this.saved;
      if (!(sheet instanceof ApiError)) {
        if (this.saved?.id === id) this.shown = sheet;
        return;
      }
      if (sheet.status < 400 || sheet.status >= 500 || sheet.status === 401) return;
      this.edits = this.edits.past.length ? edits.refuse(this.edits) : edits.NONE;
    }
  }

  #boxes(): void {
    const sheet = this.shown;
    if (!sheet || !this.stage) return;
    const kept = sheet.findings.filter((item) => item.verdict !== "rejected");
    this.stage.setBoxes(kept, this.prior?.findings ?? []);
    this.stage.select(this.selected || null);
  }

  boxMoved(key: string, boxes: Box[]): void {
    void this.act({ do: "move", key, boxes });
  }

  /** Let the reader draw a box; null when they thought better of it. */
  async draw(concept: string): Promise<Box | null> {
    if (!this.stage) return null;
    this.drawing = concept;
    this.said = `Draw a box for ${concept} on a film. Escape stops.`;
    this.changed();
    const box = await this.stage.drawBox(concept).catch(() => null);
    this.drawing = "";
    this.changed();
    return box;
  }

  async drawFor(item: Item): Promise<void> {
    const box = await this.draw(item.label);
    if (box) await this.act({ do: "move", key: item.key, boxes: [...item.boxes, box] });
  }

  async write(): Promise<void> {
    const writing = this.writing;
    if (!writing) return;
    const typed = this.typed;
    this.writing = null;
    this.changed();
    if (typed && !(await this.act({ do: "write", ...writing }))) {
      this.writing = writing;
      this.changed();
    }
  }

  async save(final: boolean): Promise<void> {
    if (this.writing) await this.write();
    if (this.writing) return; // the text was refused, and why was told
    if (!this.saved || this.saving || (!this.unsaved && !final)) return;
    this.saving = true;
    this.close();
    try {
      const kept = await this.api.save(this.saved.id, this.saved.revision, this.edits.now, final);
      this.#take(kept);
      this.tell("done", final ? "Marked final and written." : "Saved: study.json, SR, SEG, GSPS and FHIR are written.");
      this.#boxes();
      void this.loadList(true);
    } catch (problem) {
      const error = asApi(problem);
      if (error.status === 409) await this.#moved();
      else this.complain(error);
    } finally {
      this.saving = false;
      this.changed();
    }
  }

  async #moved(): Promise<void> {
    const theirs = await this.api.study(this.saved?.id ?? "").catch(() => null);
    this.open({ open: "moved", theirs });
  }

  /** Take the version that somebody else saved; with `merge` this reader's edits go on top of it. */
  async takeTheirs(theirs: Sheet, merge: boolean): Promise<void> {
    const stored = new Set(this.saved?.findings.map((item) => item.key));
    const added = (this.shown?.findings ?? []).filter((item) => !stored.has(item.key)).map((item) => item.key);
    const { kept, lost } = edits.carry(this.edits.now, theirs.findings, added);
    this.saving = false;
    this.#take(theirs);
    this.close();
    if (merge && kept.length) {
      this.edits = { past: [[]], now: kept, next: [] };
      const done = await this.#draft(() => (this.edits = edits.NONE));
      if (done) this.tell("done", `Your edits stand on top of the newer version${lost.length ? `; ${lost.length} did not fit it any more` : ""}. Look at them, then save.`);
    }
    this.#boxes();
    this.changed();
  }

  async #loadConcepts(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    try {
      this.concepts = await this.api.concepts();
    } catch (problem) {
      this.complain(problem);
    }
    this.#asking = false;
    this.changed();
  }

  // ---- messages

  tell(kind: Toast["kind"], text: string, fix = ""): void {
    const id = ++this.#toast;
    this.toasts = [...this.toasts.slice(-3), { id, kind, text, fix }];
    if (kind === "done") window.setTimeout(() => this.dismiss(id), 5000);
    this.changed();
  }

  dismiss(id: number): void {
    this.toasts = this.toasts.filter((toast) => toast.id !== id);
    this.changed();
  }

  complain(problem: unknown): void {
    const error = asApi(problem);
    if (!this.#expiry(error)) this.tell("problem", error.message, error.fix);
  }

  /** After a session has ended: ask again who is here, keep what was edited. */
  async again(): Promise<void> {
    try {
      this.session = await this.api.session();
      this.trouble = null;
      this.close();
      this.tell("done", "Signed in again. Nothing was lost.");
      void this.loadList(true);
      if (!this.saved && this.place.at === "study") void this.loadStudy(this.place.id);
      else if (this.edits.now.length) void this.#draft(() => (this.edits = edits.refuse(this.edits)));
    } catch {
      this.said = "Still signed out.";
      this.changed();
    }
  }

  #expiry(error: ApiError): boolean {
    if (error.status === 401) this.open({ open: "expired" });
    return error.status === 401;
  }
}

function asApi(problem: unknown): ApiError {
  if (problem instanceof ApiError) return problem;
  return new ApiError(-1, "Something went wrong in this page.", problem instanceof Error ? `${problem.message}. Reload the page.` : "Reload the page.");
}
