/** The page's beginning: a study's films on the stage. */
import { createStage } from "./stage";

async function begin(room: HTMLElement): Promise<void> {
  const stage = createStage(room);
  const session = (await (await fetch("api/session")).json()) as { start: string };
  await stage.show(await (await fetch(`api/studies/${encodeURIComponent(session.start)}`)).json());
}

const room = document.querySelector<HTMLElement>("#room");
if (room) void begin(room);
