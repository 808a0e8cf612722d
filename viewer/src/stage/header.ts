/** What a DICOM header says about grey values; the same reading as the server's (`hilum.io.grey`). */
import type { DataSet } from "dicom-parser";
import type { Grey, Lut } from "./tone.js";

/** The header's grey-scale facts. */
export function greyOf(header: DataSet): Grey {
  const allocated = header.uint16("x00280100") ?? 16;
  const stored = header.uint16("x00280101") ?? allocated;
  const signed = header.uint16("x00280103") === 1;
  const slope = numbers(header, "x00281053")[0];
  const intercept = numbers(header, "x00281052")[0] ?? 0;
  const modalityLut = lut(header, "x00283000", signed);
  const center = numbers(header, "x00281050")[0];
  const width = numbers(header, "x00281051")[0];
  const name = (header.string("x00281056") ?? "").trim().toUpperCase();
  const function_ = ["LINEAR", "LINEAR_EXACT", "SIGMOID"].includes(name) ? name : "LINEAR";
  const applies = center !== undefined && width !== undefined && (function_ === "LINEAR" ? width >= 1 : width > 0);
  return {
    bitsStored: Math.min(stored, allocated),
    signed,
    monochrome1: (header.string("x00280004") ?? "").trim().toUpperCase() === "MONOCHROME1",
    slope: slope ? slope : 1,
    intercept,
    modalityLut,
    voiLut: lut(header, "x00283010", !modalityLut && (signed || intercept < 0)),
    window: applies ? { center, width } : null,
    voiFunction: function_,
    padding: padding(header, signed),
  };
}

function numbers(header: DataSet, tag: string): number[] {
  const text = header.string(tag);
  return text ? text.split("\\").map(Number).filter(Number.isFinite) : [];
}

function lut(header: DataSet, tag: string, signed: boolean): Lut | null {
  const item = header.elements[tag]?.items?.[0]?.dataSet;
  const data = item?.elements.x00283006;
  if (!item || !data) return null;
  const count = item.uint16("x00283002", 0) || 65536;
  const first = (signed ? item.int16("x00283002", 1) : item.uint16("x00283002", 1)) ?? 0;
  const bits = item.uint16("x00283002", 2) ?? 16;
  if (bits < 1 || bits > 16) return null;
  if (bits <= 8 && data.length < 2 * count) {
    if (data.length < count) return null;
    return { first, bits, entries: item.byteArray.slice(data.dataOffset, data.dataOffset + count) as Uint8Array };
  }
  if (data.length < 2 * count) return null;
  const entries = new Uint16Array(count);
  for (let i = 0; i < count; i++) entries[i] = item.uint16("x00283006", i) ?? 0;
  return { first, bits, entries };
}

function padding(header: DataSet, signed: boolean): [number, number] | null {
  const read = (tag: string) => (signed ? header.int16(tag) : header.uint16(tag));
  const value = read("x00280120");
  if (value === undefined) return null;
  const limit = read("x00280121") ?? value;
  return [Math.min(value, limit), Math.max(value, limit)];
}
