// What the page of a clip says, in each language.

const en = {
  language: "English",
  play: "Listen",
  pause: "Pause",
  chip: "Clip",
  seek: "Place in the clip",
  whole: "Listen to the whole",
  share: "Share",
  copied: "The link is copied.",
  uncopied: (url: string) => `Its link: ${url}`,
  invited: "Who opens it needs an invitation of their own.",
  file: "Download (Ogg Opus)",
  m4a: "Download (M4A)",
  loading: "Looking for the clip…",
  lost: "The clip cannot be reached. Try again in a moment.",
  gone: "This clip is not here, or not any more.",
  early: "This was said a moment ago. It is here in a few seconds…",
  none: "The host of this conversation gives no clips of it.",
  unplayed: "This browser cannot play the clip. Listen to the whole: it begins at the same place.",
  untitled: "A conversation",
  at: (now: string, total: string) => `${now} of ${total}`,
  of: (date: string, length: string) => `${length} of a conversation, ${date}`,
};

export type Texts = typeof en;

const fr: Texts = {
  language: "Français",
  play: "Écouter",
  pause: "Pause",
  chip: "Extrait",
  seek: "Moment de l’extrait",
  whole: "Écouter le tout",
  share: "Partager",
  copied: "Le lien est copié.",
  uncopied: (url) => `Son lien : ${url}`,
  invited: "Qui l’ouvre a besoin de sa propre invitation.",
  file: "Télécharger (Ogg Opus)",
  m4a: "Télécharger (M4A)",
  loading: "Recherche de l’extrait…",
  lost: "L’extrait est injoignable. Réessayez dans un instant.",
  gone: "Cet extrait n’est pas là, ou n’y est plus.",
  early: "Cela vient d’être dit. Ce sera là dans quelques secondes…",
  none: "L’hôte de cette conversation n’en donne pas d’extraits.",
  unplayed: "Ce navigateur ne peut pas lire l’extrait. Écoutez le tout : il commence au même endroit.",
  untitled: "Une conversation",
  at: (now, total) => `${now} sur ${total}`,
  of: (date, length) => `${length} d’une conversation, ${date}`,
};

export const texts = { en, fr };
export type Language = keyof typeof texts;
