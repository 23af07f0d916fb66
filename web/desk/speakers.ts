// Plays the other voices: one element per receiving section, because echo cancellation only knows what elements play.

/** How loud the others are while somebody speaks into this person's ear. */
const DUCKED = 0.35;

export class Speakers {
  private readonly elements: HTMLAudioElement[] = [];

  /** Puts the elements into the page, one for each slot and one for the ear; a gesture that comes before the first voice unlocks them. */
  constructor(parent: HTMLElement, slots: number, name: string) {
    for (let i = 0; i <= slots; i++) {
      const element = document.createElement("audio");
      element.autoplay = true;
      element.dataset.testid = i < slots ? `${name}-${i}` : `${name}-ear`;
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

  /** Makes all but the ear softer, or as loud as before. */
  duck(softer: boolean): void {
    for (const element of this.elements.slice(0, -1)) element.volume = softer ? DUCKED : 1;
  }
}
