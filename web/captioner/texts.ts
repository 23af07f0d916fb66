// The words of the captioner's page.

const en = {
  heading: "Captions",
  untitled: "A conversation",
  hear: "Hear the room",
  mute: "Stop hearing it",
  joining: "Taking a seat…",
  hearing: "You hear what listeners hear. A line is placed where its words were.",
  deaf: "You do not hear the room here: a line is taken for what is said on stage at this moment.",
  waiting: "The sound does not come. Trying again…",
  over: "The room has ended.",
  moved: "The conversation goes on in another room, and captions of it need a link of that room: ask whoever gave you this one.",
  before: "The room is not live yet. Captions begin with the first word.",
  shown: "What listeners see",
  line: "What is said",
  hint: "Enter sends the line. After a pause it is shown while it grows. ↑ in an empty field takes the last line back into it.",
  send: "Send",
  correct: "Correct the last line",
  cancel: "Leave it as it was",
  correcting: "The last line, to be corrected:",
  language: "Language",
  sent: "Sent.",
  held: (s: number) => `Sent. It is shown in ${s} s, with what it is of.`,
  speaks: (names: string) => `Speaking: ${names}`,
  noToken: "This link is incomplete: open it as it was sent to you.",
};

export type Texts = typeof en;

const fr: Texts = {
  heading: "Sous-titres",
  untitled: "Une conversation",
  hear: "Écouter la salle",
  mute: "Ne plus l’écouter",
  joining: "On vous place…",
  hearing: "Vous entendez ce que la salle entend. Une ligne est placée là où étaient ses mots.",
  deaf: "Vous n’écoutez pas la salle ici : une ligne compte pour ce qui se dit sur scène à cet instant.",
  waiting: "Le son ne vient pas. Nouvel essai…",
  over: "La salle est terminée.",
  moved: "La conversation continue dans une autre salle, qui a ses propres liens pour sous-titrer : demandez-en un à qui vous a donné celui-ci.",
  before: "La salle n’est pas encore en direct. Les sous-titres commencent au premier mot.",
  shown: "Ce que la salle lit",
  line: "Ce qui est dit",
  hint: "Entrée envoie la ligne. Après une pause elle se montre, inachevée. ↑ dans un champ vide y reprend la dernière ligne.",
  send: "Envoyer",
  correct: "Corriger la dernière ligne",
  cancel: "La laisser ainsi",
  correcting: "La dernière ligne, à corriger :",
  language: "Langue",
  sent: "Envoyé.",
  held: (s) => `Envoyé. La ligne se montre dans ${s} s, avec ce qu’elle dit.`,
  speaks: (names) => `À la parole : ${names}`,
  noToken: "Ce lien est incomplet : ouvrez-le tel qu’on vous l’a envoyé.",
};

/** The browser's language, or the one that the address asks for: as the desk has it. */
const wanted = new URLSearchParams(location.search).get("lang") ?? navigator.language;
export const language = wanted.toLowerCase().startsWith("fr") ? "fr" : "en";
export const t: Texts = language === "fr" ? fr : en;
