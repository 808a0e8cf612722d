/** One tooltip for the whole page: anything with `data-tip` shows it on hover and on keyboard focus. */

/** Listen on the page; the words are set as text, and lines of the attribute stay lines. */
export function tips(): void {
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.setAttribute("role", "tooltip");
  tip.hidden = true;
  document.body.append(tip);
  let owner: Element | null = null;
  let later = 0;

  const hide = () => {
    clearTimeout(later);
    owner?.removeAttribute("aria-describedby");
    owner = null;
    tip.hidden = true;
  };
  const show = (target: EventTarget | null, wait: number) => {
    const next = target instanceof Element ? target.closest("[data-tip]") : null;
    if (next === owner) return;
    hide();
    if (!next?.getAttribute("data-tip")) return;
    owner = next;
    later = window.setTimeout(() => place(tip, next), wait);
  };
  document.addEventListener("mouseover", (event) => show(event.target, 350));
  document.addEventListener("focusin", (event) => {
    if (event.target instanceof Element && event.target.matches(":focus-visible")) show(event.target, 120);
  });
  document.addEventListener("focusout", hide);
  document.addEventListener("pointerdown", hide);
  document.addEventListener("scroll", hide, { capture: true, passive: true });
  document.addEventListener("keydown", hide);
}

function place(tip: HTMLElement, owner: Element): void {
  if (!owner.isConnected) return;
  const modal = owner.closest("dialog");
  (modal ?? document.body).append(tip);
  tip.textContent = owner.getAttribute("data-tip");
  tip.hidden = false;
  owner.setAttribute("aria-describedby", "tip");
  const { left, bottom, top, width } = owner.getBoundingClientRect();
  const size = tip.getBoundingClientRect();
  const x = Math.min(Math.max(8, left + width / 2 - size.width / 2), innerWidth - size.width - 8);
  const below = bottom + 8 + size.height < innerHeight;
  tip.style.left = `${Math.round(x)}px`;
  tip.style.top = `${Math.round(below ? bottom + 6 : top - size.height - 6)}px`;
}
