// How loud a moment is, as the sizes of its packets tell, without listening in: an encoder spends bytes where there is something to hear.
// The encoder keeps its rate, so that only pauses stand out clearly; what is spent on syllables differs by a tenth or two, and is stretched.

/** Packets that make one moment: 80 ms, about half a syllable. */
const MOMENT = 4;
/** How fast this encoder's usual size is learnt, per moment heard: slowly downwards, as a pause is not usual. */
const UP = 0.02, DOWN = 0.002;
/** How fast the size of a pause is forgotten. */
const FORGET = 0.001;

export class Loudness {
  #usual = 0; // bytes
  #pause = 0;

  constructor(private readonly size: (frame: number) => number) {}

  /** Learns from what is at the ear. */
  hear(frame: number): void {
    const size = this.#moment(frame);
    if (!this.#usual) this.#usual = size;
    this.#usual += (size - this.#usual) * (size > this.#usual ? UP : DOWN);
    const half = this.#usual / 2;
    // Silence that stands for lost frames has next to no bytes, and says nothing about this encoder's pauses.
    this.#pause = Math.max(half / 2, Math.min(size, this.#pause + (half - this.#pause) * FORGET));
  }

  /** From 0, a pause, to 1. */
  level(frame: number): number {
    const share = (this.#moment(frame) - this.#pause) / (this.#usual - this.#pause + 1);
    return Math.min(1, Math.max(0, (share - 0.75) * 2.4));
  }

  /** The mean size around a frame that may lie between two. */
  #moment(frame: number): number {
    const last = Math.floor(frame);
    let sum = 0;
    for (let i = 0; i < MOMENT; i++) sum += this.size(last - i);
    return sum / MOMENT;
  }
}
