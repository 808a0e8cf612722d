import assert from "node:assert/strict";
import { test } from "node:test";
import { grid, hang, inOrder, kindOf } from "../src/stage/hanging.js";

const film = (id, view) => ({ id, view });
const names = (places) => places.map((place) => `${place.film.id}${place.when === "prior" ? "*" : ""}`).join(" ");
const PAIR = [film("lat", "LL"), film("pa", "PA")];

test("PA hangs left, lateral right, whatever the order they came in", () => {
  assert.equal(names(hang(PAIR, null)), "pa lat");
  assert.equal(names(hang([film("x", ""), film("lat", "LATERAL"), film("ap", "AP"), film("pa", "PA")], null)), "pa ap x lat");
});

test("the prior hangs beside the film of its own view", () => {
  const places = hang(PAIR, [film("oldlat", "RL"), film("oldpa", "AP")]);
  assert.equal(names(places), "pa oldpa* lat oldlat*");
  assert.deepEqual(places.map((place) => place.mate), [1, 0, 3, 2]);
  assert.equal(names(hang(PAIR, [film("oldpa", "PA")])), "pa oldpa* lat");
});

test("a prior without a film of that view takes no place", () => {
  assert.equal(names(hang([film("lat", "LL")], [film("oldpa", "PA")])), "lat");
});

test("swapping exchanges the places of each pair and keeps them mates", () => {
  const places = hang(PAIR, [film("oldpa", "PA")], { mode: "swapped" });
  assert.equal(names(places), "oldpa* pa lat");
  assert.deepEqual(places.map((place) => place.mate), [1, 0, null]);
});

test("off leaves current films only", () => {
  assert.equal(names(hang(PAIR, [film("oldpa", "PA")], { mode: "off" })), "pa lat");
});

test("films that find no place can be turned to in a place of their study", () => {
  const places = hang(["a", "b", "c", "d", "e", "f"].map((id) => film(id, "AP")), null);
  assert.equal(names(places), "a b c d");
  assert.deepEqual(places.flatMap((place) => place.rest.map((one) => one.id)), ["e", "f"]);
  const few = hang(PAIR, [film("oldpa", "PA")], { most: 1 });
  assert.equal(names(few), "pa");
  assert.deepEqual(few[0].rest.map((one) => one.id), ["lat"]);
});

test("no film is lost or shown twice", () => {
  for (const mode of ["beside", "swapped", "off"]) {
    for (let most = 1; most <= 4; most++) {
      const films = ["PA", "LL", "AP", "", "LL"].map((view, at) => film(`f${at}`, view));
      const prior = ["AP", "LL", "PA"].map((view, at) => film(`p${at}`, view));
      const places = hang(films, prior, { mode, most });
      const current = places.filter((place) => place.when === "current");
      const seen = current.flatMap((place) => [place.film.id, ...place.rest.map((one) => one.id)]);
      assert.deepEqual(seen.sort(), films.map((one) => one.id));
      assert.ok(places.length <= most);
    }
  }
});

test("views are known by their DICOM names", () => {
  assert.equal(kindOf("PA"), "frontal");
  assert.equal(kindOf("AP SUPINE"), "frontal");
  assert.equal(kindOf("ll"), "lateral");
  assert.equal(kindOf("RAO"), "other");
  assert.deepEqual(inOrder([]), []);
});

test("an upright tablet stacks films, a wide screen sets them side by side", () => {
  assert.deepEqual(grid(2, 1200, 800), { columns: 2, rows: 1 });
  assert.deepEqual(grid(2, 800, 1200), { columns: 1, rows: 2 });
  assert.deepEqual(grid(3, 1460, 965), { columns: 3, rows: 1 });
  assert.deepEqual(grid(3, 800, 1200), { columns: 1, rows: 3 });
  assert.deepEqual(grid(3, 1000, 1000), { columns: 2, rows: 2 });
  assert.deepEqual(grid(4, 3000, 700), { columns: 4, rows: 1 });
  assert.deepEqual(grid(4, 1600, 900), { columns: 2, rows: 2 });
  assert.deepEqual(grid(1, 300, 900), { columns: 1, rows: 1 });
});
