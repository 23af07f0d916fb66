// The words of what happens backstage, in both languages. A text that one of them lacks is a type error.

import { t } from "./text";
import type { CueName, CueState } from "./wire";

const names = (all: string[], and: string) => (all.length < 2 ? (all[0] ?? "") : `${all.slice(0, -1).join(", ")} ${and} ${all[all.length - 1]}`);

const en = {
  title: "Backstage",
  about: "Those backstage and the producer hear each other and the stage. The audience hears none of it.",
  join: "Join with your microphone",
  joining: "Connecting…",
  lost: "The connection is lost. It comes back by itself.",
  heard: "Those backstage hear you.",
  unheard: "You hear those backstage. Nobody hears you.",
  noMic: "You hear those backstage. There is no microphone.",
  open: "Open your microphone",
  close: "Close your microphone",
  leave: "Leave backstage",
  away: "connection lost",
  here: "backstage, microphone closed",
  speaks: "backstage, microphone open",

  wordBackstage: "ONLY BACKSTAGE HEARS YOU",
  whyBackstage: "Those backstage hear you. The stage and the audience do not.",
  wordTeam: "ONLY THE TEAM HEARS YOU",
  whyTeam: "Those backstage and on stage hear you. The audience does not.",
  wordTalkback: "YOU SPEAK INTO AN EAR",
  whyTalkback: "Only those to whom the button belongs hear you.",

  talk: "Talk",
  talkTo: (name: string) => `Hold to speak into the ear of ${name}`,
  talkAll: "Talk to all on stage",
  talkAllSpoken: "Hold to speak into the ears of everybody on stage",
  talkHint: "Hold a talk button, or hold the space bar on it, and speak. Enter keeps it on until you press again.",
  talkFirst: "To speak into ears, join backstage with your microphone.",
  reaches: (all: string[]) => (all.length === 0 ? "Nobody hears you yet." : `${names(all, "and")} ${all.length === 1 ? "hears" : "hear"} you, and nobody else.`),
  spokenTo: (name: string, role: string) => `${name} (${role}) is speaking to you. Nobody else hears it.`,
  spokenToAll: (name: string, role: string) => `${name} (${role}) is speaking to everybody on stage. The audience does not hear it.`,

  cues: "Cues",
  cueTo: "To",
  cueAll: "Everybody on stage",
  cueOwn: "In your own words",
  cueSend: "Send",
  cueFrom: (name: string) => `from ${name}`,
  cueTake: "OK",
  cueTakeSpoken: "Acknowledge the cue",
  cueMore: (n: number) => (n === 1 ? "1 more behind it" : `${n} more behind it`),
  cue: {
    wrap_up: "Wrap up",
    one_minute: "1 minute",
    louder: "Louder",
    stand_by: "Stand by",
    next: "You’re on next",
  } as Record<CueName, string>,
  cueState: {
    sent: (name: string) => `${name}: shown`,
    undelivered: (name: string) => `${name}: not delivered, is away`,
    taken: (name: string) => `${name}: acknowledged`,
    lapsed: (name: string) => `${name}: not acknowledged`,
  } as Record<CueState, (name: string) => string>,

  chat: "Backstage chat",
  chatNone: "Nobody has written yet. Listeners never see this, and it is on no recording.",
  chatWrite: "Write to everybody backstage",
  chatSend: "Send",
  chatNew: (n: number) => (n === 1 ? "1 new message" : `${n} new messages`),
};

export type EarText = typeof en;

const fr: EarText = {
  title: "Coulisses",
  about: "En coulisses, invités et régie s’entendent, et entendent la scène. Les auditeurs n’en entendent rien.",
  join: "Rejoindre avec votre micro",
  joining: "Connexion…",
  lost: "La connexion est perdue. Elle revient d’elle-même.",
  heard: "Les coulisses vous entendent.",
  unheard: "Vous entendez les coulisses. Personne ne vous entend.",
  noMic: "Vous entendez les coulisses. Il n’y a pas de micro.",
  open: "Ouvrir votre micro",
  close: "Fermer votre micro",
  leave: "Quitter les coulisses",
  away: "connexion perdue",
  here: "en coulisses, micro fermé",
  speaks: "en coulisses, micro ouvert",

  wordBackstage: "SEULES LES COULISSES VOUS ENTENDENT",
  whyBackstage: "Les coulisses vous entendent. La scène et les auditeurs, non.",
  wordTeam: "SEULE L’ÉQUIPE VOUS ENTEND",
  whyTeam: "Les coulisses et la scène vous entendent. Les auditeurs, non.",
  wordTalkback: "VOUS PARLEZ À L’OREILLE",
  whyTalkback: "Seuls ceux à qui appartient le bouton vous entendent.",

  talk: "Parler",
  talkTo: (name) => `Maintenir pour parler à l’oreille de ${name}`,
  talkAll: "Parler à toute la scène",
  talkAllSpoken: "Maintenir pour parler à l’oreille de tous sur scène",
  talkHint: "Maintenez un bouton Parler, ou la barre d’espace dessus, et parlez. Entrée le garde actif jusqu’à une nouvelle pression.",
  talkFirst: "Pour parler à l’oreille, rejoignez les coulisses avec votre micro.",
  reaches: (all) => (all.length === 0 ? "Personne ne vous entend encore." : `${names(all, "et")} ${all.length === 1 ? "vous entend" : "vous entendent"}, et personne d’autre.`),
  spokenTo: (name, role) => `${name} (${role}) vous parle. Personne d’autre ne l’entend.`,
  spokenToAll: (name, role) => `${name} (${role}) parle à toute la scène. Les auditeurs ne l’entendent pas.`,

  cues: "Consignes",
  cueTo: "À",
  cueAll: "Tous sur scène",
  cueOwn: "Avec vos mots",
  cueSend: "Envoyer",
  cueFrom: (name) => `de ${name}`,
  cueTake: "Vu",
  cueTakeSpoken: "Confirmer la consigne",
  cueMore: (n) => (n === 1 ? "1 autre derrière" : `${n} autres derrière`),
  cue: {
    wrap_up: "Concluez",
    one_minute: "1 minute",
    louder: "Plus fort",
    stand_by: "Tenez-vous prêt",
    next: "C’est bientôt à vous",
  },
  cueState: {
    sent: (name) => `${name} : affichée`,
    undelivered: (name) => `${name} : non remise, absent`,
    taken: (name) => `${name} : confirmée`,
    lapsed: (name) => `${name} : pas confirmée`,
  },

  chat: "Messages des coulisses",
  chatNone: "Personne n’a encore écrit. Les auditeurs ne voient rien de ceci, et aucun enregistrement ne le garde.",
  chatWrite: "Écrire à toutes les coulisses",
  chatSend: "Envoyer",
  chatNew: (n) => (n === 1 ? "1 nouveau message" : `${n} nouveaux messages`),
};

export const b: EarText = t.lang === "fr" ? fr : en;
