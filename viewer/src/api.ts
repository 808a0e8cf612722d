/** The room's JSON API: relative URLs only, so that the page works under any prefix of a proxy. */
import type { Box, Item, Sheet } from "./sheet";

/** One edit of a reader; a list of them turns the saved study into the draft. */
export type Action =
  | { do: "accept" | "reject" | "restore"; key: string }
  | { do: "add"; concept: string; state: Item["state"]; side: Item["side"]; boxes: Box[] }
  | { do: "move"; key: string; boxes: Box[] }
  | { do: "set"; key: string; state?: Item["state"]; side?: Item["side"]; change?: Item["change"]; severity?: string }
  | { do: "write"; section: "findings" | "impression"; text: string };

export interface Session {
  user: string;
  roles: string[];
  version: string;
  caution: string;
  readonly: boolean;
  csrf: string;
  features: { worklist: boolean; jobs: boolean; signout?: boolean };
  /** The study to open first, or "". */
  start: string;
}

export interface Concept {
  concept: string;
  label: string;
  sided: boolean;
}

export interface Row {
  id: string;
  label: string;
  patient: string;
  time: string;
  views: string[];
  state: string;
  reason: string;
  present: { concept: string; label: string; probability: number | null; side: string }[];
  edited: boolean;
  prior: string | null;
  progress: number | null;
  arrived: string;
}

export interface Job {
  id: string;
  study: string;
  state: string;
  attempts: number;
  reason: string;
  started: string;
}

export interface StudyEvent {
  study: string;
  state: string;
  progress: number | null;
  reason: string;
}

export interface Query {
  text: string;
  state: string;
  limit: number;
  offset: number;
}

/** What the server answered instead of what was asked for: `message` says what is wrong, `fix` what to do. */
export class ApiError extends Error {
  readonly status: number;
  readonly fix: string;

  constructor(status: number, message: string, fix: string) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.fix = fix;
  }
}

const SILENT: Record<number, [string, string]> = {
  401: ["Your session has ended.", "Sign in again in another tab, then continue here."],
  403: ["You may not do that here.", "Ask an administrator for the role it needs."],
  404: ["That study is not here.", "Go back to the worklist; it may have been deleted."],
  409: ["Someone else saved this study meanwhile.", "Load their version, or put your edits on top of it."],
  413: ["That is too large for this server.", "Send less at once."],
  429: ["Too many requests in a short time.", "Wait a few seconds, then try again."],
};

function told(status: number, body: unknown): ApiError {
  const error = (body as { error?: { message?: unknown; fix?: unknown } } | null)?.error;
  const [message, fix] = SILENT[status] ?? [`The server answered with ${status}.`, "Try again; if it stays, tell whoever runs the server."];
  return new ApiError(
    status,
    typeof error?.message === "string" && error.message ? error.message : message,
    typeof error?.fix === "string" ? error.fix : fix,
  );
}

const part = encodeURIComponent;

export class Api {
  #csrf = "";

  async #ask<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
    const headers: Record<string, string> = { Accept: "application/json" };
    if (method !== "GET") headers["X-Hilum-CSRF"] = this.#csrf;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const options: RequestInit = { method, headers, credentials: "same-origin", signal: signal ?? null };
    if (body !== undefined) options.body = JSON.stringify(body);
    let answer: Response;
    try {
      answer = await fetch(path, options);
    } catch (problem) {
      if (problem instanceof DOMException && problem.name === "AbortError") throw problem;
      throw new ApiError(0, "The server does not answer.", "See whether it still runs and you are still connected, then try again.");
    }
    const found: unknown = await answer.json().catch(() => null);
    if (!answer.ok) throw told(answer.status, found);
    if (found === null) throw new ApiError(answer.status, "The server's answer could not be read.", "Reload the page.");
    return found as T;
  }

  /** Who is signed in and what this server offers; also takes the token that writes need. */
  async session(): Promise<Session> {
    const session = await this.#ask<Session>("GET", "api/session");
    this.#csrf = session.csrf;
    return session;
  }

  concepts(): Promise<Concept[]> {
    return this.#ask("GET", "api/concepts");
  }

  worklist(query: Query, signal?: AbortSignal): Promise<{ total: number; rows: Row[] }> {
    const asked = new URLSearchParams();
    if (query.text) asked.set("text", query.text);
    if (query.state) asked.set("state", query.state);
    asked.set("limit", String(query.limit));
    asked.set("offset", String(query.offset));
    return this.#ask("GET", `api/worklist?${asked}`, undefined, signal);
  }

  study(id: string, signal?: AbortSignal): Promise<Sheet> {
    return this.#ask("GET", `api/studies/${part(id)}`, undefined, signal);
  }

  /** What the study would say after these edits; nothing is stored. */
  draft(id: string, actions: readonly Action[], signal?: AbortSignal): Promise<Sheet> {
    return this.#ask("POST", `api/studies/${part(id)}/draft`, { actions }, signal);
  }

  save(id: string, revision: number, actions: readonly Action[], final: boolean): Promise<Sheet> {
    return this.#ask("PUT", `api/studies/${part(id)}/reading`, { revision, actions, final });
  }

  jobs(): Promise<{ rows: Job[] }> {
    return this.#ask("GET", "api/jobs");
  }

  job(id: string, what: "cancel" | "retry"): Promise<unknown> {
    return this.#ask("POST", `api/jobs/${part(id)}/${what}`);
  }

  /** Live events of studies; `onState` tells whether the line is open. The browser reconnects by itself. */
  events(onStudy: (event: StudyEvent) => void, onState: (open: boolean) => void): EventSource {
    const source = new EventSource("api/events");
    source.addEventListener("open", () => onState(true));
    source.addEventListener("error", () => onState(false));
    source.addEventListener("study", (event) => {
      try {
        onStudy(JSON.parse((event as MessageEvent<string>).data) as StudyEvent);
      } catch {
        // An event that cannot be read changes nothing; the next look at the list tells the same.
      }
    });
    return source;
  }
}
