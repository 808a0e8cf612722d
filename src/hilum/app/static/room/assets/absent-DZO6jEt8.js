// Stands in for a decoder that the page does not carry: asked for, it says so.
export default async function absent() {
  throw new Error("This page carries no decoder for the film's transfer syntax.");
}
