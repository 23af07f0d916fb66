// All words of the page. A word that is missing in one language is a type error.

const en = {
  name: "Your name, as everybody will see it",
  line: "What it is about, in a line",
  raise: "Raise my hand",
  again: "Raise it again",
  lower: "Lower my hand",
  notNow: "Not now",
  come: "Come on stage",
  go: "Go on stage",
  hello: "Those who lead the conversation see your name and your line, and may invite you on stage.",
  sending: "Raising your hand…",
  waiting: (ahead: number) => (ahead === 0 ? "Your hand is up. You are next in line." : ahead === 1 ? "Your hand is up. One is before you." : `Your hand is up. ${ahead} are before you.`),
  invited: "You are invited on stage!",
  inviteHint: "Your microphone stays off until you turn it on there. This page stops playing.",
  accepted: "The stage opens…",
  let_go: "Not this time. Thank you for raising your hand.",
  missed: "You were invited, and the invitation has lapsed.",
  lowered: "Your hand is down.",
  offline: "No answer. Trying again…",
  chance: "Very many are listening, and chance picks who may ask. It was not you this time.",
  wait: (s: number) => `Again in ${s} s.`,
  refusal: {
    hands_closed: "The stage takes no hands now.",
    hands_full: "Very many hands are raised already.",
    hand_unknown: "Your hand is down.",
    too_many: "From your network’s address a hand is raised already, or was just now.",
    busy: "Very many raise their hands at this moment.",
    forbidden: "The stage of this room takes no hand from you.",
    room_ended: "This conversation has ended.",
    room_unknown: "There is no such room here.",
    bad_request: "This name or this line cannot be shown. Write it with letters.",
  } as Record<string, string>,
  failed: "It did not work. Try again in a moment.",
};

export type Texts = typeof en;

const fr: Texts = {
  name: "Votre nom, tel que tous le verront",
  line: "De quoi il s’agit, en une ligne",
  raise: "Lever la main",
  again: "La lever de nouveau",
  lower: "Baisser la main",
  notNow: "Pas maintenant",
  come: "Venir sur scène",
  go: "Aller sur scène",
  hello: "Ceux qui mènent la conversation voient votre nom et votre ligne, et peuvent vous inviter sur scène.",
  sending: "Votre main se lève…",
  waiting: (ahead) => (ahead === 0 ? "Votre main est levée. Vous êtes le prochain." : ahead === 1 ? "Votre main est levée. Une personne est avant vous." : `Votre main est levée. ${ahead} personnes sont avant vous.`),
  invited: "On vous invite sur scène !",
  inviteHint: "Votre micro reste éteint jusqu’à ce que vous l’allumiez là-bas. Cette page cesse de jouer.",
  accepted: "La scène s’ouvre…",
  let_go: "Pas cette fois. Merci d’avoir levé la main.",
  missed: "On vous a invité, et l’invitation n’est plus valable.",
  lowered: "Votre main est baissée.",
  offline: "Pas de réponse. Nouvel essai…",
  chance: "Beaucoup de monde écoute, et le hasard choisit qui peut demander. Ce n’était pas vous cette fois.",
  wait: (s) => `De nouveau dans ${s} s.`,
  refusal: {
    hands_closed: "La scène ne prend pas de main en ce moment.",
    hands_full: "Beaucoup de mains sont déjà levées.",
    hand_unknown: "Votre main est baissée.",
    too_many: "De votre adresse une main est déjà levée, ou vient de l’être.",
    busy: "Beaucoup de mains se lèvent en ce moment.",
    forbidden: "La scène de cette salle ne prend pas votre main.",
    room_ended: "Cette conversation est terminée.",
    room_unknown: "Cette salle n’existe pas ici.",
    bad_request: "Ce nom ou cette ligne ne peut être affiché. Écrivez-le avec des lettres.",
  },
  failed: "Cela n’a pas marché. Réessayez dans un instant.",
};

/** The language of the listener's page around this one; alone, of the browser. */
const wanted = frameElement?.ownerDocument.documentElement.lang || navigator.language;
export const language = wanted.toLowerCase().startsWith("fr") ? "fr" : "en";
export const t: Texts = language === "fr" ? fr : en;
