import assert from "node:assert/strict";
import { test } from "node:test";
import {
  apply, aspectOf, cameraOf, dragged, edgeLetters, fitScale, inverse, lengthOf, matrixOf, mirrored, opposite, pan, rectOf, reveal,
  scaleBar, wholeFilm, zoomAt,
} from "../src/stage/geometry.js";

const PLANE = { columns: 800, rows: 1000, aspect: [1, 1] };
const near = (a, b) => a.forEach((value, at) => assert.ok(Math.abs(value - b[at]) < 1e-9, `${a} is not ${b}`));
const views = [0, 1, 2, 3].flatMap((turns) => [false, true].map((flip) => ({ x: 310, y: 470, zoom: 1.7, turns, flip })));

test("a whole film touches two edges of its pane and leaves none", () => {
  const m = matrixOf(PLANE, wholeFilm(PLANE), 640, 500);
  near(apply(m, 0, 0), [120, 0]);
  near(apply(m, 800, 1000), [520, 500]);
  assert.equal(fitScale(PLANE, 1, 640, 500), 500 / 800); // lying, its 800 columns stand up
});

test("pixels that are not square are drawn at their shape", () => {
  assert.deepEqual(aspectOf([0.2, 0.1]), [1, 2]);
  const plane = { columns: 100, rows: 100, aspect: aspectOf([0.2, 0.1]) };
  const m = matrixOf(plane, wholeFilm(plane), 400, 400);
  near([m[0], m[3]], [2, 4]);
  assert.deepEqual(aspectOf(null), [1, 1]);
});

test("a quarter turn clockwise brings the film's top left corner to the top right", () => {
  const m = matrixOf(PLANE, { ...wholeFilm(PLANE), turns: 1 }, 1000, 800);
  near(apply(m, 0, 0), [1000, 0]);
  near(apply(m, 800, 0), [1000, 800]);
});

test("the inverse matrix returns to the film from every turn and mirror", () => {
  for (const view of views) {
    const m = matrixOf(PLANE, view, 700, 900);
    near(apply(inverse(m), ...apply(m, 123, 456)), [123, 456]);
    near(apply(m, view.x, view.y), [350, 450]);
  }
});

test("the camera projects film points to where the lines are drawn", () => {
  // An independent projection: right = forward x up, as any orthographic camera has it.
  const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
  for (const view of views) {
    const [width, height] = [700, 900];
    const camera = cameraOf(PLANE, view, width, height);
    const forward = camera.viewPlaneNormal.map((value) => -value);
    const right = cross(forward, camera.viewUp);
    const scale = height / 2 / camera.parallelScale;
    const world = [123 - 0.5, 456 - 0.5, 0].map((value, at) => value - camera.focalPoint[at]);
    const along = (axis) => world.reduce((sum, value, at) => sum + value * axis[at], 0) * scale;
    near([width / 2 + along(right), height / 2 - along(camera.viewUp)], apply(matrixOf(PLANE, view, width, height), 123, 456));
    assert.equal(Math.sign(camera.position[2]), -Math.sign(forward[2])); // the eye stands before the film
  }
});

test("zooming keeps the point under the pointer and stays within limits", () => {
  for (const view of views) {
    const before = apply(inverse(matrixOf(PLANE, view, 700, 900)), 50, 60);
    const next = zoomAt(PLANE, view, 1.5, 50, 60, 700, 900);
    near(apply(matrixOf(PLANE, next, 700, 900), ...before), [50, 60]);
  }
  assert.equal(zoomAt(PLANE, views[0], 1e9, 0, 0, 700, 900).zoom, 40);
  assert.equal(zoomAt(PLANE, views[0], 1e-9, 0, 0, 700, 900).zoom, 0.2);
});

test("panning moves the film with the pointer", () => {
  for (const view of views) {
    const at = apply(matrixOf(PLANE, view, 700, 900), 300, 300);
    const moved = apply(matrixOf(PLANE, pan(PLANE, view, 12, -7, 700, 900), 700, 900), 300, 300);
    near(moved, [at[0] + 12, at[1] - 7]);
  }
});

test("mirroring exchanges left and right on the screen, whatever the turn", () => {
  for (const view of views) {
    const [x, y] = apply(matrixOf(PLANE, view, 700, 900), 123, 456);
    near(apply(matrixOf(PLANE, mirrored(view), 700, 900), 123, 456), [700 - x, y]);
  }
});

test("orientation letters follow the film through turns and mirrors", () => {
  const letters = (turns, flip) => edgeLetters(["L", "F"], matrixOf(PLANE, { ...wholeFilm(PLANE), turns, flip }, 500, 500));
  assert.deepEqual(letters(0, false), { left: "R", right: "L", top: "H", bottom: "F" });
  assert.deepEqual(letters(0, true), { left: "L", right: "R", top: "H", bottom: "F" });
  assert.deepEqual(letters(1, false), { left: "F", right: "H", top: "R", bottom: "L" });
  assert.deepEqual(letters(2, false), { left: "L", right: "R", top: "F", bottom: "H" });
  assert.deepEqual(letters(3, false), { left: "H", right: "F", top: "L", bottom: "R" });
  assert.deepEqual(letters(1, true), { left: "F", right: "H", top: "L", bottom: "R" });
});

test("letters agree with a landmark carried by the matrix", () => {
  // The patient's left is far along +x of the film: wherever that point lands, there the L must stand.
  for (const view of views) {
    const m = matrixOf(PLANE, view, 700, 900);
    const [cx, cy] = apply(m, 0, 0);
    const [x, y] = apply(m, 1000, 0);
    const side = Math.abs(x - cx) > Math.abs(y - cy) ? (x > cx ? "right" : "left") : y > cy ? "bottom" : "top";
    assert.equal(edgeLetters(["L", "F"], m)[side], "L");
  }
});

test("oblique letters turn over letter by letter, and an unknown orientation shows none", () => {
  assert.equal(opposite("LA"), "RP");
  assert.equal(edgeLetters([], [1, 0, 0, 1, 0, 0]), null);
  assert.equal(edgeLetters(["L", ""], [1, 0, 0, 1, 0, 0]), null);
});

test("a length names its plane and is never a guess", () => {
  const film = { spacing_mm: [0.2, 0.1], spacing_plane: "detector", magnification: null };
  assert.equal(lengthOf(30, 20, film).text, "5.0 mm at detector");
  assert.equal(lengthOf(30, 20, { ...film, spacing_plane: "patient" }).text, "5.0 mm");
  assert.equal(lengthOf(30, 20, { ...film, magnification: 1.25 }).text, "4.0 mm in the patient (magnification 1.25)");
  assert.equal(lengthOf(30, 40, { spacing_mm: null, spacing_plane: null, magnification: null }).text, "50 px");
  assert.equal(lengthOf(30, 20, { ...film, spacing_plane: null }).unit, "mm at detector");
});

test("the scale bar is a round length that fits", () => {
  assert.deepEqual(scaleBar(2, 150), { mm: 50, pixels: 100 });
  assert.equal(scaleBar(0, 150), null);
  assert.equal(scaleBar(1000, 10), null);
});

test("drawn boxes are whole pixels inside the film, in any direction of drawing", () => {
  const box = { x0: 10, y0: 20, x1: 31, y1: 41 };
  assert.deepEqual(rectOf(10.2, 20.7, 30.1, 40.9, PLANE), box);
  assert.deepEqual(rectOf(30.1, 40.9, 10.2, 20.7, PLANE), box);
  assert.deepEqual(rectOf(-50, -50, 5000, 5000, PLANE), { x0: 0, y0: 0, x1: 800, y1: 1000 });
  assert.deepEqual(rectOf(900, 5, 950, 5, PLANE), { x0: 799, y0: 5, x1: 800, y1: 6 });
});

test("dragging keeps a box's size, its handles change one side, and neither leaves the film", () => {
  const box = { x0: 100, y0: 100, x1: 200, y1: 300 };
  assert.deepEqual(dragged(box, "move", -500, 40.4, PLANE), { x0: 0, y0: 140, x1: 100, y1: 340 });
  assert.deepEqual(dragged(box, "se", 10, 20, PLANE), { x0: 100, y0: 100, x1: 210, y1: 320 });
  assert.deepEqual(dragged(box, "w", 150, 99, PLANE), { x0: 200, y0: 100, x1: 250, y1: 300 }); // pulled past the other side
  assert.deepEqual(dragged(box, "n", 0, -900, PLANE), { x0: 100, y0: 0, x1: 200, y1: 300 });
});

test("a selected box comes into view, and one in view leaves the reader's zoom alone", () => {
  const view = { x: 700, y: 900, zoom: 5, turns: 0, flip: false };
  const box = { x0: 100, y0: 100, x1: 200, y1: 300 };
  const next = reveal(PLANE, view, box, 700, 900);
  const m = matrixOf(PLANE, next, 700, 900);
  for (const [x, y] of [apply(m, 100, 100), apply(m, 200, 300)]) assert.ok(x > 0 && x < 700 && y > 0 && y < 900);
  assert.equal(reveal(PLANE, next, box, 700, 900), next);
});
