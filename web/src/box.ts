/** The box below a cell that shows what Python says of it, and the button that ends a run. */

import { hide, make } from "./dom";
import { show } from "./output";
import type { Item } from "./python";
import type { Busy } from "./session";

/** Pixels below what is revealed, and the share of the window that stays above it. */
const MARGIN = 16;
const ABOVE = 0.4;
/** A run that is shorter than this has no Stop: a button that flickers helps nobody. */
const MOMENT = 700;

export class Box implements Busy {
  readonly element = make("div", { class: "in-page-output", role: "group", "aria-live": "polite" });
  private timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param label What a screen reader calls it.
   * @param stop The button that ends the run, shown while it lasts.
   */
  constructor(
    label: string,
    private readonly stop: HTMLButtonElement,
  ) {
    this.element.setAttribute("aria-label", label);
  }

  show(items: readonly Item[], alt?: string): void {
    show(this.element, items, alt);
  }

  /** Show what came of a run. */
  result(items: readonly Item[], alt?: string): void {
    if (items.length > 0) this.show(items, alt);
    else this.say("It ran, and shows nothing.");
    this.reveal();
  }

  /** Scroll until most of it is seen, and some of what stands above it as well. */
  private reveal(): void {
    const { top, bottom } = this.element.getBoundingClientRect();
    const hidden = Math.min(bottom + MARGIN - window.innerHeight, top - window.innerHeight * ABOVE);
    if (hidden > 0) window.scrollBy({ top: hidden });
  }

  /** Show sentences of the page's own. */
  say(...texts: string[]): void {
    this.show(texts.map((text) => ({ kind: "note", text })));
  }

  trouble(text: string): void {
    this.show([{ kind: "trouble", text }]);
  }

  busy(busy: boolean): void {
    this.element.setAttribute("aria-busy", String(busy));
    clearTimeout(this.timer);
    if (busy) {
      this.say("Python works …");
      this.timer = setTimeout(() => {
        this.stop.hidden = false;
      }, MOMENT);
    } else hide(this.stop);
  }
}
