// Drives the reading room in a Chromium without a window: node room.mjs LINK FOLDER. Prints what was seen as JSON.
import { createRequire } from "node:module";

const require = createRequire(`${process.env.HILUM_PLAYWRIGHT}/package.json`);
const { chromium } = require("playwright-core");
const [link, folder] = process.argv.slice(2);
const seen = { problems: [], requests: [] };
const home = new URL(link).origin;

const browser = await chromium.launch({
  executablePath: process.env.HILUM_CHROMIUM,
  args: ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
});
const context = await browser.newContext({ viewport: { width: 1920, height: 1080 } });
const page = await context.newPage();
page.setDefaultTimeout(60_000);
page.on("pageerror", (error) => seen.problems.push(error.message));
page.on("console", (message) => {
  if (message.type() === "error" && !/favicon/.test(message.location().url)) seen.problems.push(`${message.text()} ${message.location().url}`);
});
page.on("request", (request) => {
  if (!/^(data|blob):/.test(request.url()) && new URL(request.url()).origin !== home) seen.requests.push(request.url());
});

const shot = (name) => page.screenshot({ path: `${folder}/${name}.png` });
const film = page.getByRole("group", { name: /^PA, current/ });
const words = async (locator) => (await locator.innerText()).replace(/\s+/g, " ");
const windowed = async () => /C (-?[\d.]+) W ([\d.]+)/.exec(await words(film))?.slice(1).map(Number);
const settle = () => page.waitForTimeout(400);
/** What `look` sees once it is `right`, or after twenty seconds whatever it sees: the test then says what was wrong. */
async function once(look, right) {
  for (let tries = 0, found; ; tries++) {
    found = await look();
    if (right(found) || tries >= 80) return found;
    await page.waitForTimeout(250);
  }
}
const grey = () => film.screenshot().then((png) => page.evaluate(async (bytes) => {
  const picture = await createImageBitmap(new Blob([new Uint8Array(bytes)], { type: "image/png" }));
  const canvas = new OffscreenCanvas(64, 64), pen = canvas.getContext("2d");
  pen.drawImage(picture, 0, 0, 64, 64);
  const data = pen.getImageData(16, 16, 32, 32).data;
  return data.reduce((sum, value, at) => sum + (at % 4 === 0 ? value : 0), 0) / (data.length / 4);
}, [...png]));

// Open: the film, its words, the list.
const began = Date.now();
await page.goto(link);
await page.getByRole("heading", { name: "Worklist" }).or(film).first().waitFor();
seen.address = page.url().includes("token") ? "the link stays in the address" : "clean";
if (!(await film.isVisible())) {
  await shot("worklist");
  await page.goto(`${home}/#/study/${process.env.HILUM_STUDY}`);
}
await film.waitFor();
await page.waitForFunction(() => /C -?[\d.]+ W [\d.]+/.test(document.body.innerText.replace(/\s+/g, " ")));
seen.opened_ms = Date.now() - began;
await settle();
seen.film = await words(film);
seen.groups = await page.getByRole("group", { name: /, (current|prior)/ }).evaluateAll((all) => all.map((one) => one.ariaLabel));
await shot("study");

// Window: by dragging, by a preset's key, and back.
seen.window = { sent: await windowed() };
const box = await film.boundingBox();
await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
await page.mouse.down();
await page.mouse.move(box.x + box.width / 2 + 120, box.y + box.height / 2 + 60, { steps: 6 });
await page.mouse.up();
const sent = seen.window.sent;
seen.window.dragged = await once(windowed, (now) => now[0] !== sent[0] && now[1] !== sent[1]);
await page.keyboard.press("2");
seen.window.lungs = await once(windowed, (now) => now[1] === Math.round(0.6 * sent[1]));
await page.keyboard.press("1");
seen.window.again = await once(windowed, (now) => now[1] === sent[1]);
await settle();

// Invert and back; overlays off and on.
seen.grey = { before: await grey() };
const was = seen.grey.before;
await page.keyboard.press("i");
seen.grey.inverted = await once(grey, (now) => Math.abs(now - was) > 5);
await page.keyboard.press("i");
seen.grey.again = await once(grey, (now) => Math.abs(now - was) < 2);
const overlays = page.getByRole("button", { name: "Boxes and masks" });
seen.overlay = { before: await overlays.getAttribute("aria-pressed") };
await page.keyboard.press("o");
seen.overlay.off = await overlays.getAttribute("aria-pressed");
seen.grey.bare = await once(grey, (now) => Math.abs(now - was) > 0.5);
await page.keyboard.press("o");
seen.overlay.on = await overlays.getAttribute("aria-pressed");

// Keys are told.
await page.keyboard.press("?");
seen.help = await words(page.getByRole("dialog"));
await shot("keys");
await page.keyboard.press("Escape");

// Edit: the list leads, the prose follows; nothing is stored before it is saved.
const prose = page.getByRole("region", { name: "Findings" }).last();
const name = process.env.HILUM_FINDING;
seen.prose = { before: await words(prose) };
await page.getByRole("button", { name: `Reject ${name}` }).click();
await page.getByText("1 unsaved").waitFor();
const first = seen.prose.before;
seen.prose.rejected = await once(() => words(prose), (now) => now !== first);
await shot("edited");
await page.getByRole("button", { name: "Undo", exact: true }).click();
await page.getByText("1 unsaved").waitFor({ state: "hidden" });
seen.prose.undone = await once(() => words(prose), (now) => now === first);
await page.getByRole("button", { name: `Reject ${name}` }).click();
await page.getByText("1 unsaved").waitFor();
await settle();

// Save, and open again.
await page.getByRole("button", { name: "Save", exact: true }).click();
await page.getByText("1 unsaved").waitFor({ state: "hidden" });
await page.getByRole("tab", { name: "Record" }).click();
seen.record = await once(() => words(page.getByRole("tabpanel")), (now) => now.includes("Dr. Browser"));
await shot("record");
await page.reload();
await film.waitFor();
seen.prose.reopened = await once(() => words(prose), (now) => now === seen.prose.rejected);
await page.setViewportSize({ width: 1180, height: 820 });
await settle();
await shot("tablet");

console.log(JSON.stringify(seen));
await browser.close();
