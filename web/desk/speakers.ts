// Plays the other voices: one element per receiving section, because echo cancellation only knows what elements play.

import { RECEIVING } from "./wire";

export class Speakers {
  private readonly elements: HTMLAudioElement[] = [];

  /** Puts the elements into the page; a gesture that comes before the first voice unlocks them. */
  constructor(parent: HTMLElement) {
    for (let i = 0; i < RECEIVING; i++) {
      const element = document.createElement("audio");
      element.autoplay = true;
      element.dataset.testid = `slot-${i}`;
      parent.append(element);
      this.elements.push(element);
    }
  }

  /** Plays these tracks, in the order of the sections; without tracks all fall silent. */
  play(tracks: MediaStreamTrack[]): void {
    this.elements.forEach((element, i) => {
      const track = tracks[i];
      element.srcObject = track ? new MediaStream([track]) : null;
      // Refused only while the page had no gesture, and going on stage is one.
      if (track) element.play().catch(() => {});
    });
  }
}
