// All words of the small player. A word that is missing in one language is a type error.

const time: Intl.DateTimeFormatOptions = { weekday: "short", day: "numeric", month: "short", hour: "numeric", minute: "2-digit", timeZoneName: "short" };

const en = {
  when: new Intl.DateTimeFormat("en", time),
  play: "Listen",
  pause: "Stop",
  seek: "Place in the recording",
  chip: "Live",
  replay: "Recorded",
  live: "On stage now.",
  hears: "You hear the stage.",
  doors: "The doors are open.",
  soon: "Not open yet.",
  joining: "Looking for sound…",
  again: "The line broke. Coming back…",
  ended: "This conversation has ended.",
  lost: "No answer. Trying again…",
  room: "Open the room",
};

type Texts = typeof en;

const fr: Texts = {
  when: new Intl.DateTimeFormat("fr", time),
  play: "Écouter",
  pause: "Arrêter",
  seek: "Endroit de l’enregistrement",
  chip: "En direct",
  replay: "Enregistré",
  live: "Sur scène en ce moment.",
  hears: "Vous entendez la scène.",
  doors: "Les portes sont ouvertes.",
  soon: "Pas encore ouvert.",
  joining: "On cherche le son…",
  again: "La ligne est coupée. On revient…",
  ended: "Cette conversation est terminée.",
  lost: "Pas de réponse. Nouvel essai…",
  room: "Ouvrir la salle",
};

export const texts = { en, fr };
export type Language = keyof typeof texts;
