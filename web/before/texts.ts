// All words before the beginning. A word that is missing in one language is a type error.

const day: Intl.DateTimeFormatOptions = { weekday: "long", day: "numeric", month: "long", hour: "numeric", minute: "2-digit", timeZoneName: "short" };
const hour: Intl.DateTimeFormatOptions = { hour: "numeric", minute: "2-digit" };

const en = {
  when: new Intl.DateTimeFormat("en", day),
  time: new Intl.DateTimeFormat("en", hour),
  days: (n: number) => (n > 1 ? `${n} days` : "1 day"),
  tap: (doors: string) => `The doors open at ${doors}. One tap, and you will hear it begin.`,
  open: "The doors are open: one tap, and you have a seat.",
  armed: "Your sound is armed: silent until the doors open, then music, then the stage. Leave this page open.",
  soon: "It begins at any moment.",
  arm: "Arm the sound",
  disarm: "Armed",
  calendar: "Put it in your calendar",
  closed: "The doors are closed.",
  host: "host",
};

type Texts = typeof en;

const fr: Texts = {
  when: new Intl.DateTimeFormat("fr", day),
  time: new Intl.DateTimeFormat("fr", hour),
  days: (n) => (n > 1 ? `${n} jours` : "1 jour"),
  tap: (doors) => `Les portes ouvrent à ${doors}. Un geste, et vous entendrez le début.`,
  open: "Les portes sont ouvertes : un geste, et vous avez une place.",
  armed: "Votre son est armé : silence jusqu’aux portes, puis musique, puis la scène. Laissez cette page ouverte.",
  soon: "Cela commence d’un instant à l’autre.",
  arm: "Armer le son",
  disarm: "Armé",
  calendar: "Mettre dans votre agenda",
  closed: "Les portes sont fermées.",
  host: "hôte",
};

export const texts = { en, fr };
export type Language = keyof typeof texts;
