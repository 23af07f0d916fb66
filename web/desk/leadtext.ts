// The words of those who lead a conversation, in both languages. A text that one of them lacks is a type error.

import { t } from "./text";

const en = {
  muteAll: "Mute everybody else",
  muteAllDone: "Everybody else is muted. Each may undo it.",
  more: "More",
  moreOf: (name: string) => `More about ${name}`,
  sendBack: "To the audience",
  sendBackPerson: (name: string) => `Send ${name} back to the audience`,
  block: "Block",
  blockPerson: (name: string) => `Block ${name} for this room`,
  blockAsk: (name: string) => `Block ${name}? The link will not work any more, and no hand is taken from the same address.`,
  blockYes: "Yes, block",
  handOver: "Make host",
  handOverPerson: (name: string) => `Make host: hand over the room to ${name}`,
  handOverAsk: (name: string) => `Hand over the room to ${name}? You become a co-host, and only ${name} can give it back.`,
  handOverYes: "Yes, hand over",
  nameless: "Somebody without a name",
  backstage: "Backstage",
  waitsThere: "follows the stage",
  wasSentBack: "sent back to the audience",
  callUp: "Call up again",
  callUpPerson: (name: string) => `Call up again: ${name}`,

  hands: "Raised hands",
  handsNone: "Nobody has raised a hand.",
  handsClosed: "Listeners are asked not to raise hands.",
  handsTake: "Listeners may raise a hand",
  waited: (minutes: number) => (minutes < 1 ? "just now" : `for ${minutes} min`),
  handInvite: "Invite",
  handInviteOf: (name: string) => `Invite ${name} on stage`,
  handLetGo: "Not now",
  handLetGoOf: (name: string) => `Not now: ${name}`,
  handInvited: "invited: no answer yet",

  invited: "Who was invited",
  withdraw: "Withdraw",
  withdrawOf: (name: string) => `Withdraw the invitation of ${name}`,
  withdrawAsk: (name: string) => `Withdraw the invitation? The link of ${name} will not work any more.`,
  withdrawYes: "Yes, withdraw",
};

export type LeadText = typeof en;

const fr: LeadText = {
  muteAll: "Couper tous les autres micros",
  muteAllDone: "Tous les autres micros sont fermés. Chacun peut rouvrir le sien.",
  more: "Plus",
  moreOf: (name) => `Plus sur ${name}`,
  sendBack: "Dans la salle",
  sendBackPerson: (name) => `Renvoyer ${name} dans la salle`,
  block: "Bloquer",
  blockPerson: (name) => `Bloquer ${name} pour cette salle`,
  blockAsk: (name) => `Bloquer ${name} ? Son lien ne fonctionnera plus, et aucune main de la même adresse ne sera prise.`,
  blockYes: "Oui, bloquer",
  handOver: "Nommer hôte",
  handOverPerson: (name) => `Nommer hôte : confier la salle à ${name}`,
  handOverAsk: (name) => `Confier la salle à ${name} ? Vous devenez co-hôte, et ${name} seul peut vous la rendre.`,
  handOverYes: "Oui, confier",
  nameless: "Quelqu’un sans nom",
  backstage: "En coulisses",
  waitsThere: "suit la scène",
  wasSentBack: "renvoyé dans la salle",
  callUp: "Rappeler",
  callUpPerson: (name) => `Rappeler ${name} sur scène`,

  hands: "Mains levées",
  handsNone: "Personne n’a levé la main.",
  handsClosed: "Les auditeurs sont priés de ne pas lever la main.",
  handsTake: "Les auditeurs peuvent lever la main",
  waited: (minutes) => (minutes < 1 ? "à l’instant" : `depuis ${minutes} min`),
  handInvite: "Inviter",
  handInviteOf: (name) => `Inviter ${name} sur scène`,
  handLetGo: "Pas maintenant",
  handLetGoOf: (name) => `Pas maintenant : ${name}`,
  handInvited: "invité : pas encore de réponse",

  invited: "Qui a été invité",
  withdraw: "Retirer",
  withdrawOf: (name) => `Retirer l’invitation de ${name}`,
  withdrawAsk: (name) => `Retirer l’invitation ? Le lien de ${name} ne fonctionnera plus.`,
  withdrawYes: "Oui, retirer",
};

export const l: LeadText = t.lang === "fr" ? fr : en;
