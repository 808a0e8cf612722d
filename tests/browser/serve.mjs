// Sign in to a department's server, open the first study of the worklist, reject a finding, save, sign out.
// Run: node serve.mjs URL TOKEN FOLDER PLAYWRIGHT CHROMIUM; prints one line of JSON.
import { createRequire } from "node:module";

const [url, token, folder, place, chromium] = process.argv.slice(2);
const { chromium: browsers } = createRequire(`${place}/`)("playwright-core");
const browser = await browsers.launch({
  executablePath: chromium,
  args: ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
});
const page = await browser.newPage({ viewport: { width: 1366, height: 768 } });
const problems = [];
page.on("pageerror", (error) => problems.push(String(error)));
page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
const told = {};
await page.goto(url);
told.asked = page.url();
await page.getByLabel("Access token").fill("wrong");
await page.getByRole("button", { name: "Sign in" }).click();
told.refused = await page.getByRole("alert").textContent();
problems.length = 0; // the browser logs the 401 that was wanted
await page.screenshot({ path: `${folder}/signin.png` });
await page.getByLabel("Access token").fill(token);
await page.getByRole("button", { name: "Sign in" }).click();
await page.getByText("SYNTHETIC").first().waitFor({ timeout: 60000 });
await page.screenshot({ path: `${folder}/department.png` });
await page.keyboard.press("Enter");
await page.getByText("Lung opacity").first().waitFor({ timeout: 60000 });
await page.waitForFunction(() => document.querySelector("canvas"), null, { timeout: 60000 });
await page.getByRole("button", { name: /reject/i }).first().click();
await page.getByRole("button", { name: "Save" }).click();
await page.getByText(/^Saved/).first().waitFor({ timeout: 60000 });
await page.screenshot({ path: `${folder}/department-saved.png` });
await page.getByRole("button", { name: "Sign out" }).click();
await page.getByLabel("Access token").waitFor();
told.left = page.url();
told.problems = problems;
console.log(JSON.stringify(told));
await browser.close();
