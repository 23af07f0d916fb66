// The words about voices, in both languages: consent, the check, the keys, and a host who is gone. A text that one of them lacks is a type error.

import { t } from "./text";

/** Versions of the question that this page asks; room.ConsentText and TracksText on the server. */
export const CONSENT_TEXT = 1;
export const TRACKS_TEXT = 2;

export type Verdict = "silent" | "lossy" | "echo" | "jumpy" | "far" | "quiet" | "loud" | "noisy" | "good";

const en = {
  consent: "Recording",
  consentAsk: "This conversation is recorded and may be heard again.",
  consentAskTracks: "This conversation is recorded and may be heard again. Your voice is also kept as a track of its own, for the editor.",
  agree: "I agree",
  agreeMix: "Recorded, but without a track of my own",
  decline: "Listen only",
  agreed: "You agreed to be recorded.",
  declined: "You listen only, and cannot go on stage. You may agree at any time.",
  takeBack: "Take it back",
  takeBackAsk: "Take your consent back? You leave the stage at once; what was recorded until now stays.",
  takeBackYes: "Yes, leave the stage",
  listensOnly: "You listen only: you have not agreed to be recorded.",
  stands: {
    asked: "has not agreed to be recorded yet",
    agreed: "",
    declined: "does not agree to be recorded, and listens only",
  },
  consents: "Who agreed to be recorded",
  consentsNone: "Nobody was asked yet.",
  consentOf: (name: string, agreed: boolean, when: string, text: number) => `${name}: ${agreed ? "agreed" : "listens only"}, ${when}, text ${text}`,
  vouched: (by: string) => `vouched for by ${by}`,
  theHost: "the host",
  vouch: "I vouch that this person agrees to be recorded",
  vouchTracks: "I vouch that this person agrees to be recorded, also on a track of its own for the editor",
  vouchHint: "For an encoder, which nobody can ask. Guests who come by the link are asked there.",

  check: "Check my voice",
  checkAgain: "Check again",
  checkHint: "Seven seconds: silence, then a sentence. Nobody hears it.",
  checkHintOnAir: "You are on air: everybody hears the sentence.",
  checkQuiet: "Stay silent for a moment. You will hear three chirps.",
  checkQuietOnAir: "Stay silent for a moment.",
  checkSpeak: "Now say a sentence, as you will on stage.",
  checkJudge: "One moment…",
  checkFailed: "The check did not work. Try again.",
  verdict: {
    silent: "No sound comes from your microphone: choose another one, or look for its switch.",
    lossy: "Your line loses too much: go nearer to the router, or plug in a cable.",
    echo: "The others would hear themselves through you: put on headphones, or turn the loudspeaker down.",
    jumpy: "Your line is uneven: close what else uses it, or plug in a cable.",
    far: "Your line is slow: switch off a VPN, or try another network.",
    quiet: "You are too quiet: move closer or raise the input level.",
    loud: "You are too loud: move away or lower the input level.",
    noisy: "Your room is noisy: close the window, or move closer to the microphone.",
    good: "You sound good: there is nothing to change.",
  } satisfies Record<Verdict, string>,
  short: {
    silent: "no sound", lossy: "line loses", echo: "echo", jumpy: "line uneven", far: "line slow", quiet: "too quiet", loud: "too loud", noisy: "noisy", good: "voice checked",
  } satisfies Record<Verdict, string>,

  keys: "Keys",
  keysOpen: "Keys (?)",
  close: "Close",
  keyTalk: "Talk while it is held, when you are muted",
  keyMute: "Mute and unmute",
  keyDump: "Dump what has not gone out",
  keyHelp: "This list",
  keyClose: "Close it",
  keySpace: "Space, held",
  muteKey: "M",
  mutedKeys: "M, or hold Space",
  pushToTalk: "Push to talk",
  pushToTalkHint: "You go on stage muted, and are heard while you hold Space.",

  hostGone: {
    kept: "The host is not here. A co-host keeps the room until they are.",
    grace: (left: string) => `The host is not here. The room stays theirs for ${left}; the conversation goes on.`,
    open: "The host is gone. A co-host or a producer may take the room; the conversation goes on.",
    left: (left: string) => `The host is gone, and nobody is on stage. The room ends in ${left}.`,
  },
  takeLead: "Take the room",
  takeLeadAsk: "Take the room? You become its host, and the host of before a co-host.",
  takeLeadYes: "Yes, take it",
  time: (s: number) => (s >= 60 ? `${Math.ceil(s / 60)} min` : `${s} s`),
};

export type VoiceText = typeof en;

const fr: VoiceText = {
  consent: "Enregistrement",
  consentAsk: "Cette conversation est enregistrée et pourra être réécoutée.",
  consentAskTracks: "Cette conversation est enregistrée et pourra être réécoutée. Votre voix est aussi gardée sur une piste à part, pour le montage.",
  agree: "J’accepte",
  agreeMix: "Enregistré, mais sans piste à part",
  decline: "Écouter seulement",
  agreed: "Vous acceptez d’être enregistré.",
  declined: "Vous écoutez seulement, et ne pouvez pas monter sur scène. Vous pouvez accepter à tout moment.",
  takeBack: "Retirer mon accord",
  takeBackAsk: "Retirer votre accord ? Vous quittez la scène aussitôt ; ce qui est déjà enregistré reste.",
  takeBackYes: "Oui, quitter la scène",
  listensOnly: "Vous écoutez seulement : vous n’avez pas accepté d’être enregistré.",
  stands: {
    asked: "n’a pas encore accepté d’être enregistré",
    agreed: "",
    declined: "n’accepte pas d’être enregistré, et écoute seulement",
  },
  consents: "Qui a accepté d’être enregistré",
  consentsNone: "Personne n’a encore été interrogé.",
  consentOf: (name, agreed, when, text) => `${name} : ${agreed ? "accepte" : "écoute seulement"}, ${when}, texte ${text}`,
  vouched: (by) => `garanti par ${by}`,
  theHost: "l’hôte",
  vouch: "Je garantis que cette personne accepte d’être enregistrée",
  vouchTracks: "Je garantis que cette personne accepte d’être enregistrée, aussi sur une piste à part pour le montage",
  vouchHint: "Pour un encodeur, que personne ne peut interroger. Les invités qui viennent par le lien y sont interrogés.",

  check: "Vérifier ma voix",
  checkAgain: "Vérifier encore",
  checkHint: "Sept secondes : un silence, puis une phrase. Personne ne l’entend.",
  checkHintOnAir: "Vous êtes à l’antenne : tout le monde entend la phrase.",
  checkQuiet: "Restez silencieux un instant. Vous entendrez trois petits sons.",
  checkQuietOnAir: "Restez silencieux un instant.",
  checkSpeak: "Dites maintenant une phrase, comme sur scène.",
  checkJudge: "Un instant…",
  checkFailed: "La vérification n’a pas marché. Réessayez.",
  verdict: {
    silent: "Aucun son ne vient de votre micro : choisissez-en un autre, ou cherchez son interrupteur.",
    lossy: "Votre ligne perd trop : rapprochez-vous de la borne, ou branchez un câble.",
    echo: "Les autres s’entendraient à travers vous : mettez un casque, ou baissez le haut-parleur.",
    jumpy: "Votre ligne est irrégulière : fermez ce qui l’occupe, ou branchez un câble.",
    far: "Votre ligne est lente : coupez le VPN, ou essayez un autre réseau.",
    quiet: "Vous parlez trop bas : rapprochez-vous ou montez le niveau d’entrée.",
    loud: "Vous parlez trop fort : éloignez-vous ou baissez le niveau d’entrée.",
    noisy: "Votre pièce est bruyante : fermez la fenêtre, ou rapprochez-vous du micro.",
    good: "On vous entend bien : il n’y a rien à changer.",
  },
  short: {
    silent: "aucun son", lossy: "ligne qui perd", echo: "écho", jumpy: "ligne irrégulière", far: "ligne lente", quiet: "trop bas", loud: "trop fort", noisy: "bruyant", good: "voix vérifiée",
  },

  keys: "Touches",
  keysOpen: "Touches (?)",
  close: "Fermer",
  keyTalk: "Parler tant qu’elle est tenue, micro fermé",
  keyMute: "Fermer et ouvrir le micro",
  keyDump: "Couper ce qui n’est pas encore parti",
  keyHelp: "Cette liste",
  keyClose: "La fermer",
  keySpace: "Espace, tenu",
  muteKey: "M",
  mutedKeys: "M, ou tenir Espace",
  pushToTalk: "Parler en tenant la touche",
  pushToTalkHint: "Vous montez sur scène micro fermé, et l’on vous entend tant que vous tenez Espace.",

  hostGone: {
    kept: "L’hôte n’est pas là. Un co-hôte tient la salle en attendant.",
    grace: (left) => `L’hôte n’est pas là. La salle reste la sienne pendant ${left} ; la conversation continue.`,
    open: "L’hôte n’est plus là. Un co-hôte ou un producteur peut prendre la salle ; la conversation continue.",
    left: (left) => `L’hôte n’est plus là, et la scène est vide. La salle se termine dans ${left}.`,
  },
  takeLead: "Prendre la salle",
  takeLeadAsk: "Prendre la salle ? Vous en devenez l’hôte, et l’hôte d’avant co-hôte.",
  takeLeadYes: "Oui, la prendre",
  time: (s) => (s >= 60 ? `${Math.ceil(s / 60)} min` : `${s} s`),
};

export const v: VoiceText = t.lang === "fr" ? fr : en;
