// All words of the page. A word that is missing in one language is a type error.

import type { Role, RoomState } from "./events";

const en = {
  language: "English",
  listen: "Listen",
  pause: "Pause",
  resume: "Go on",
  again: "Try again",
  cancel: "Cancel",
  ready: "One tap, and you have a seat.",
  joining: "Taking a seat…",
  doors: "The doors are open. Music plays until it begins.",
  live: "You hear the stage.",
  dry: "Waiting for sound…",
  paused: "Paused. Your seat is kept.",
  armed: "Your seat is here. One tap, and you hear the stage.",
  lost: "The line broke. Coming back…",
  unreached: "No answer yet. Trying again…",
  full: (inside?: string) => (inside ? `Full: ${inside} inside.` : "Every seat is taken."),
  kept: "You keep your place on reload.",
  busy: "Many are coming in at once. Your turn comes in a moment.",
  closing: "This entrance is closing. Trying again…",
  crowded: "Too many listeners share your internet address.",
  early: "The doors are not open yet.",
  ended: "This conversation has ended.",
  unknown: "There is no such room here. Check the link.",
  removed: "You were removed from this room.",
  plain: "You hear the stage, later than others: this browser plays no other way.",
  retry: (s: number) => `Trying again in ${s} s.`,
  room: { doors: "Doors open", live: "Live", ended: "Ended" } satisfies Record<RoomState, string>,
  role: { host: "host", cohost: "co-host", speaker: "speaker" } satisfies Record<Role, string>,
  stage: "On stage",
  nobody: "Nobody yet",
  muted: "muted",
  speaking: "speaking",
  volume: "Volume",
  hand: "Raise hand",
  mute: "Mute",
  unmute: "Unmute",
  seats: (n: number, shown: string) => (n > 1 ? `${shown} seats taken, one is yours` : "1 seat taken: yours"),
  close: "less than a second behind the stage",
  seconds: (n: number) => `about ${n} second${n > 1 ? "s" : ""} behind the stage`,
  minutes: (n: number) => `about ${n} minute${n > 1 ? "s" : ""} behind the stage`,
  behind: (time: string) => `${time} behind · go live`,
  free: "no account, no cookies",
  tape: "Recorded: from the beginning",
  data: (mb: number) => `about ${mb} MB an hour`,
  elsewhere: "How it is going · listen elsewhere",
  untitled: "A conversation",
  nowhere: "Nowhere",
};

export type Texts = typeof en;

const fr: Texts = {
  language: "Français",
  listen: "Écouter",
  pause: "Pause",
  resume: "Reprendre",
  again: "Réessayer",
  cancel: "Annuler",
  ready: "Un geste, et vous avez une place.",
  joining: "On vous place…",
  doors: "Les portes sont ouvertes. Musique jusqu’au début.",
  live: "Vous entendez la scène.",
  dry: "En attente du son…",
  paused: "En pause. Votre place est gardée.",
  armed: "Votre place est là. Un geste, et vous entendez la scène.",
  lost: "La ligne est coupée. On revient…",
  unreached: "Pas encore de réponse. Nouvel essai…",
  full: (inside) => (inside ? `Complet : ${inside} dans la salle.` : "Toutes les places sont prises."),
  kept: "Vous gardez votre place si vous rechargez.",
  busy: "Beaucoup de monde arrive en même temps. Votre tour vient dans un instant.",
  closing: "Cette entrée ferme. Nouvel essai…",
  crowded: "Trop d’auditeurs partagent votre adresse internet.",
  early: "Les portes ne sont pas encore ouvertes.",
  ended: "Cette conversation est terminée.",
  unknown: "Cette salle n’existe pas ici. Vérifiez le lien.",
  removed: "L’accès à cette salle vous a été retiré.",
  plain: "Vous entendez la scène, plus tard que d’autres : ce navigateur ne peut pas autrement.",
  retry: (s) => `Nouvel essai dans ${s} s.`,
  room: { doors: "Portes ouvertes", live: "En direct", ended: "Terminé" },
  role: { host: "hôte", cohost: "co-hôte", speaker: "intervenant" },
  stage: "Sur scène",
  nobody: "Personne encore",
  muted: "micro coupé",
  speaking: "parle",
  volume: "Volume",
  hand: "Lever la main",
  mute: "Couper le son",
  unmute: "Rétablir le son",
  seats: (n, shown) => (n > 1 ? `${shown} places prises, dont la vôtre` : "1 place prise : la vôtre"),
  close: "moins d’une seconde après la scène",
  seconds: (n) => `environ ${n} seconde${n > 1 ? "s" : ""} après la scène`,
  minutes: (n) => `environ ${n} minute${n > 1 ? "s" : ""} après la scène`,
  behind: (time) => `${time} de retard · revenir au direct`,
  free: "ni compte, ni cookies",
  tape: "Enregistré : depuis le début",
  data: (mb) => `environ ${mb} Mo par heure`,
  elsewhere: "État de la salle · écouter ailleurs",
  untitled: "Une conversation",
  nowhere: "Nulle part",
};

export const texts = { en, fr };
export type Language = keyof typeof texts;

/** The language of ?lang=, else the first one of the browser's that we speak, else English. */
export function pickLanguage(): Language {
  const wanted = [new URLSearchParams(location.search).get("lang") ?? "", ...navigator.languages];
  for (const tag of wanted) {
    const language = tag.slice(0, 2).toLowerCase();
    if (language in texts) return language as Language;
  }
  return "en";
}
