// What the replay says, in each language.

const en = {
  language: "English",
  play: "Listen",
  pause: "Pause",
  over: "Replay",
  live: "Live, on tape",
  golive: "Go live",
  back: "−30 s: go back",
  forward: "+30 s: go forward",
  seek: "Place in the conversation",
  speed: "Speed",
  turns: "Who spoke when",
  chapters: "Chapters",
  chapter: (n: number) => `Chapter ${n}`,
  transcript: "What was said",
  search: "Search what was said",
  found: (n: number) => (n === 1 ? "1 line" : `${n} lines`),
  captions: "Captions",
  clip: "Clip",
  clipTitle: "A clip, to share",
  clipSpan: (from: string, to: string, seconds: number) => `${from} – ${to} · ${seconds} s`,
  clipFrom: "Begins",
  clipTo: "Ends",
  clipHere: "here",
  fromHere: "Begin the clip where I listen",
  toHere: "End the clip where I listen",
  earlier: (what: string) => `${what} one second earlier`,
  later: (what: string) => `${what} one second later`,
  clipOpen: "Open the clip",
  clipCopy: "Copy its link",
  clipCopied: "Copied",
  clipInvited: "Who opens it needs an invitation of their own.",
  files: "Download",
  loading: "Looking for the tape…",
  none: "This conversation is not on tape, or not yet.",
  deleted: "The tape of this conversation is not here any more.",
  lost: "The line is lost. Trying again…",
  waiting: "Waiting for sound…",
  tap: "Tap to listen.",
  edge: "You are where the tape ends for now.",
  untitled: "A conversation",
  at: (now: string, total: string) => `${now} of ${total}`,
  of: (date: string) => `Recorded on ${date}`,
  speaks: (names: string) => `Speaking: ${names}`,
};

export type Texts = typeof en;

const fr: Texts = {
  language: "Français",
  play: "Écouter",
  pause: "Pause",
  over: "Réécoute",
  live: "En direct, enregistré",
  golive: "Rejoindre le direct",
  back: "−30 s : reculer",
  forward: "+30 s : avancer",
  seek: "Moment de la conversation",
  speed: "Vitesse",
  turns: "Qui a parlé quand",
  chapters: "Chapitres",
  chapter: (n) => `Chapitre ${n}`,
  transcript: "Ce qui a été dit",
  search: "Chercher dans ce qui a été dit",
  found: (n) => (n > 1 ? `${n} lignes` : `${n} ligne`),
  captions: "Sous-titres",
  clip: "Extrait",
  clipTitle: "Un extrait, à partager",
  clipSpan: (from, to, seconds) => `${from} – ${to} · ${seconds} s`,
  clipFrom: "Début",
  clipTo: "Fin",
  clipHere: "ici",
  fromHere: "Commencer l’extrait où j’écoute",
  toHere: "Finir l’extrait où j’écoute",
  earlier: (what) => `${what} une seconde plus tôt`,
  later: (what) => `${what} une seconde plus tard`,
  clipOpen: "Ouvrir l’extrait",
  clipCopy: "Copier son lien",
  clipCopied: "Copié",
  clipInvited: "Qui l’ouvre a besoin de sa propre invitation.",
  files: "Télécharger",
  loading: "Recherche de l’enregistrement…",
  none: "Cette conversation n’est pas enregistrée, ou pas encore.",
  deleted: "L’enregistrement de cette conversation n’est plus là.",
  lost: "La ligne est coupée. Nouvel essai…",
  waiting: "En attente du son…",
  tap: "Touchez pour écouter.",
  edge: "Vous êtes à la fin de ce qui est enregistré pour l’instant.",
  untitled: "Une conversation",
  at: (now, total) => `${now} sur ${total}`,
  of: (date) => `Enregistré le ${date}`,
  speaks: (names) => `Parle : ${names}`,
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
