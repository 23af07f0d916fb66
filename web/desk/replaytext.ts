// The words about chapters and replays, in both languages. A text that one of them lacks is a type error.

import { t } from "./text";

const en = {
  chapters: "Chapters",
  mark: "Mark a chapter",
  markKey: "C",
  markHint: "Listeners who come later jump to it. Give it a title now or later.",
  marked: "Marked.",
  chapterTitle: (n: number) => `Title of chapter ${n}`,
  chapterTime: (n: number) => `Beginning of chapter ${n}`,
  untitled: "Without a title",
  drop: "Take away",
  dropOf: (n: number) => `Take chapter ${n} away`,

  edit: "Edit the replay",
  editOf: (title: string) => `Edit the replay: ${title}`,
  title: "Title",
  from: "Begins at",
  to: "Ends at",
  bounds: (whole: string) => `Of ${whole} on tape. What lies outside is heard by nobody, and comes back when you put the bounds back.`,
  badTime: "Write a time such as 1:02:03 or 2:03.",
  clips: "Anybody may make clips of it",
  save: "Save",
  saved: "Saved.",
  withdraw: "Take it back",
  withdrawHint: "Nobody hears it until you post it again. Copies elsewhere are removed.",
  post: "Post it again",
  noTape: "Its recording is not on this server.",

  captions: "Captions",
  captionsHint: "A WebVTT file takes the place of the captions of its language. Its times are those of the replay as it is heard now.",
  captionsLanguage: "Language",
  captionsFile: "Corrected captions (.vtt)",
  captionsDrop: "As they were written live",

  feed: "Podcast feed",
  feedHint: "For players of podcasts: your replays, and what is live or to come.",
};

type Words = typeof en;

const fr: Words = {
  chapters: "Chapitres",
  mark: "Marquer un chapitre",
  markKey: "C",
  markHint: "Ceux qui écoutent plus tard y sautent. Donnez-lui un titre maintenant ou après.",
  marked: "Marqué.",
  chapterTitle: (n) => `Titre du chapitre ${n}`,
  chapterTime: (n) => `Début du chapitre ${n}`,
  untitled: "Sans titre",
  drop: "Enlever",
  dropOf: (n) => `Enlever le chapitre ${n}`,

  edit: "Modifier la réécoute",
  editOf: (title) => `Modifier la réécoute : ${title}`,
  title: "Titre",
  from: "Commence à",
  to: "Finit à",
  bounds: (whole) => `Sur ${whole} enregistrées. Ce qui est en dehors, personne ne l’entend, et cela revient quand vous remettez les bornes.`,
  badTime: "Écrivez un temps comme 1:02:03 ou 2:03.",
  clips: "Chacun peut en faire des extraits",
  save: "Enregistrer",
  saved: "Enregistré.",
  withdraw: "La retirer",
  withdrawHint: "Personne ne l’entend avant que vous la publiiez de nouveau. Les copies ailleurs sont supprimées.",
  post: "La publier de nouveau",
  noTape: "Son enregistrement n’est pas sur ce serveur.",

  captions: "Sous-titres",
  captionsHint: "Un fichier WebVTT remplace les sous-titres de sa langue. Ses temps sont ceux de la réécoute telle qu’on l’entend maintenant.",
  captionsLanguage: "Langue",
  captionsFile: "Sous-titres corrigés (.vtt)",
  captionsDrop: "Tels qu’écrits en direct",

  feed: "Flux de podcast",
  feedHint: "Pour les lecteurs de podcasts : vos réécoutes, et ce qui est en direct ou à venir.",
};

export const r: Words = t.lang === "fr" ? fr : en;
