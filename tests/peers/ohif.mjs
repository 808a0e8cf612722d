// Opens a study in OHIF without a window: node ohif.mjs URL STUDY FOLDER. Prints what was seen as JSON.
import { createRequire } from "node:module";

const require = createRequire(`${process.env.HILUM_PLAYWRIGHT}/package.json`);
const { chromium, selectors } = require("playwright-core");
selectors.setTestIdAttribute("data-cy");
const [home, study, folder] = process.argv.slice(2);
const seen = { problems: [], abroad: [], failed: [] };

const browser = await chromium.launch({
  executablePath: process.env.HILUM_CHROMIUM,
  args: ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
});
const page = await browser.newPage({ viewport: { width: 1600, height: 1000 } });
page.setDefaultTimeout(90_000);
page.on("pageerror", (error) => seen.problems.push(error.message));
page.on("request", (request) => {
  if (!/^(data|blob):/.test(request.url()) && new URL(request.url()).origin !== new URL(home).origin) seen.abroad.push(request.url());
});
page.on("response", (answer) => {
  if (answer.status() >= 400 && answer.url().includes("/dicomweb/")) seen.failed.push(`${answer.status()} ${answer.url()}`);
});
const shot = (name) => page.screenshot({ path: `${folder}/ohif-${name}.png` });

/** Counts of pixels: coloured ones are overlays, as a film has greys only. */
async function coloured() {
  const png = await page.locator("canvas").first().screenshot();
  return page.evaluate(async (bytes) => {
    const picture = await createImageBitmap(new Blob([new Uint8Array(bytes)], { type: "image/png" }));
    const canvas = new OffscreenCanvas(picture.width, picture.height), pen = canvas.getContext("2d");
    pen.drawImage(picture, 0, 0);
    const data = pen.getImageData(0, 0, picture.width, picture.height).data;
    let colour = 0, light = 0;
    for (let at = 0; at < data.length; at += 4) {
      const most = Math.max(data[at], data[at + 1], data[at + 2]), least = Math.min(data[at], data[at + 1], data[at + 2]);
      colour += most - least > 24;
      light += most > 40;
    }
    return { colour: colour / (data.length / 4), light: light / (data.length / 4) };
  }, [...png]);
}

await page.goto(`${home}/?limit=50`);
await page.getByText("Example").first().waitFor();
await shot("list");
seen.listed = (await page.locator("body").innerText()).includes("PEER-1");

await page.goto(`${home}/viewer?StudyInstanceUIDs=${study}`);
await page.locator("canvas").first().waitFor();
await page.waitForTimeout(4000);
for (const name of ["Skip all", "Confirm and hide"]) {
  const button = page.getByText(name, { exact: true });
  if (await button.count()) await button.first().click();
}
await page.waitForTimeout(1000);
seen.film = await coloured();
seen.words = (await page.locator("body").innerText()).replace(/\s+/g, " ");
await shot("film");

/** Opens an object by a double click on its line at the left, as a person would. */
for (const kind of ["SEG", "SR"]) {
  await page.getByTestId("study-browser-thumbnail-no-image").filter({ hasText: new RegExp(`^${kind}`) }).first().dblclick();
  await page.getByText(kind === "SEG" ? "Do you want to open this Segmentation?" : "Do you want to continue tracking").first().waitFor();
  await page.waitForTimeout(3000);
  seen[kind] = { ...(await coloured()), words: (await page.locator("body").innerText()).replace(/\s+/g, " ") };
  await shot(kind.toLowerCase());
}
console.log(JSON.stringify(seen));
await browser.close();
