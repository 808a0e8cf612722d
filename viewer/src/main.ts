/** The page's beginning: a study's films on the stage. */
import { createStage } from "./stage";

async function begin(room: HTMLElement): Promise<void> {
  Object.assign(room.style, { position: "fixed", inset: "0" });
  const events: string[] = [];
  const stage = createStage(room, {
    onBoxClick: (key) => events.push(`click ${key}`),
    onFilmClick: (film, x, y) => events.push(`film ${film} ${x} ${y}`),
    onBoxMoved: (key, boxes) => events.push(`moved ${key} ${JSON.stringify(boxes)}`),
    onHelp: () => events.push("help"),
  });
  Object.assign(window, { stage, events });
  const session = (await (await fetch("api/session")).json()) as { start: string };
  await stage.show(await (await fetch(`api/studies/${encodeURIComponent(session.start)}`)).json());
}

const room = document.querySelector<HTMLElement>("#room");
if (room) void begin(room);
