// All words about moving the listeners, and about run-throughs. A word that is missing in one language is a type error.

import { t } from "./text";

const en = {
  move: "Move the listeners to another room",
  moveHint: "They go on listening, and follow without a click. So do you and your team, to another room of yours.",
  room: "To a room of yours",
  address: "Or to the address of a room elsewhere",
  choose: "Choose one whose doors are open",
  go: "Move them in ten seconds",
  moving: (to: string, s: number) => `The listeners are moved to ${to} in ${s} s.`,
  back: "Take it back",
  moved: (to: string) => `The listeners were moved to ${to}. Who comes here is sent there.`,
  still: (n: number) => (n === 0 ? "Nobody is left here." : n === 1 ? "1 seat is still taken here." : `${n.toLocaleString("en")} seats are still taken here.`),
  run: "Run-through",
  runHint: "The whole room, really: stage, sound, carts, recording. Only your team knows of it, and the evening keeps no trace.",
  start: "Begin a run-through",
  goesOn: "A run-through goes on.",
  join: "Go there",
  only: "RUN-THROUGH: ONLY YOUR TEAM HEARS THIS",
  link: "Private link to listen to the run-through",
  linkHint: "Whoever has it can listen, for a week.",
  end: "End the run-through",
  endAsk: "End it? You are back before the doors then.",
  endYes: "End it",
  recordings: "Recordings of run-throughs",
  hear: "Listen",
  remove: "Delete",
  removeOf: (when: string) => `Delete the recording of ${when}`,
  removeAsk: "Delete it for good?",
  removeYes: "Delete it",
  when: (d: Date) => d.toLocaleString("en", { dateStyle: "medium", timeStyle: "short" }),
};

type Words = typeof en;

const fr: Words = {
  move: "Emmener les auditeurs dans une autre salle",
  moveHint: "Ils continuent d’écouter et suivent sans cliquer. Vous et votre équipe aussi, vers une autre de vos salles.",
  room: "Vers une de vos salles",
  address: "Ou vers l’adresse d’une salle ailleurs",
  choose: "Choisissez-en une dont les portes sont ouvertes",
  go: "Les emmener dans dix secondes",
  moving: (to, s) => `Les auditeurs sont emmenés vers ${to} dans ${s} s.`,
  back: "Annuler",
  moved: (to) => `Les auditeurs ont été emmenés vers ${to}. Qui arrive ici y est envoyé.`,
  still: (n) => (n === 0 ? "Il ne reste personne ici." : n === 1 ? "1 place est encore prise ici." : `${n.toLocaleString("fr")} places sont encore prises ici.`),
  run: "Répétition",
  runHint: "Toute la salle, pour de vrai : scène, son, jingles, enregistrement. Seule votre équipe le sait, et la soirée n’en garde aucune trace.",
  start: "Commencer une répétition",
  goesOn: "Une répétition est en cours.",
  join: "Y aller",
  only: "RÉPÉTITION : SEULE VOTRE ÉQUIPE ENTEND",
  link: "Lien privé pour écouter la répétition",
  linkHint: "Qui l’a peut écouter, pendant une semaine.",
  end: "Terminer la répétition",
  endAsk: "La terminer ? Vous revenez alors avant l’ouverture des portes.",
  endYes: "Terminer",
  recordings: "Enregistrements des répétitions",
  hear: "Écouter",
  remove: "Supprimer",
  removeOf: (when) => `Supprimer l’enregistrement du ${when}`,
  removeAsk: "Le supprimer définitivement ?",
  removeYes: "Supprimer",
  when: (d) => d.toLocaleString("fr", { dateStyle: "medium", timeStyle: "short" }),
};

export const words: Words = t.lang === "fr" ? fr : en;
