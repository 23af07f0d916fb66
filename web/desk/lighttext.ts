// The sentences of the lights, and what to do: what is said where the server knows a name, and a fix where one is needed.

import { t } from "./text";

type Say = (n: string, of: string) => [sentence: string, fix?: string];
type Sentences = Record<string, Record<string, Say>>;

const en = {
  title: "Ready to begin?",
  names: { speakers: "Speakers", sound: "Sound outside", tape: "Recorder", seats: "Seats", line: "Line", publish: "File host", clock: "Clock", drill: "Last drill" },
  colours: { green: "well", amber: "look at it", red: "not well", dark: "not known" },
  safe: (n: string) => `${n} seated, and sound reaches them. Starting is safe.`,
  early: "Before the doors not everything can be looked at.",
  unsafe: (n: string) => `${n} seated. Look at what is red first.`,
  say: {
    speakers: {
      nobody: () => ["Nobody is on stage.", "Go on stage, or call your guests."],
      silent: (_, of) => [`Of ${of} on stage nobody is heard.`, "Are the microphones open? Ask everybody to say a word."],
      some: (n, of) => [`${n} of ${of} on stage are heard.`, "Ask the others to say a word, or to open their microphone."],
      heard: (n) => [`All ${n} on stage are heard.`],
      not_open: () => ["The stage opens with the doors."],
      elsewhere: () => ["Another server makes this room's sound.", "Open the desk there to see its speakers."],
    },
    sound: {
      arrives: (n) => [`A listener's request got sound within ${n} ms.`],
      none: () => ["A listener's request got no sound.", "Is the listeners' address reachable? The server's log has the reason."],
      not_open: () => ["There is no sound before the doors open."],
    },
    tape: {
      on: (n) => [`Recording. ${n} GB free.`],
      planned: (n) => [`Will record. ${n} GB free.`],
      off: () => ["This room is not recorded."],
      failed: () => ["The recording cannot be written.", "Make room on the server's disk, or begin without a recording."],
      disk_low: (n) => [`Only ${n} GB are free for the recording.`, "Make room on the server's disk."],
      disk_full: () => ["The server's disk is full.", "Make room on it: nothing will be recorded otherwise."],
      elsewhere: () => ["Another server records."],
    },
    seats: {
      free: (n, of) => [`${n} of ${of} seats are free.`],
      few: (n, of) => [`${n} seats are free, and ${of} listeners are expected.`, "Add edges, or close the doors at a number."],
      none: (_, of) => [`All ${of} seats are taken.`, "Add edges. Nobody who is in is sent away."],
      no_edge: () => ["No edge speaks.", "Start one: there is nowhere to sit."],
    },
    line: {
      near: () => ["The edges have time: listeners are as near as they can be."],
      far: (n, of) => [`${n} of ${of} edges write seldom: their listeners hear you later.`, "Add edges, if the delay matters."],
      some_full: (n, of) => [`${n} of ${of} edges are full.`, "Newcomers go to the others; add edges."],
      full: () => ["Every edge is full.", "Add edges. Nobody who is in is sent away."],
      no_edge: () => ["No edge speaks.", "Start one."],
    },
    publish: {
      on: () => ["All that was said is on the file host."],
      behind: (n) => [`The file host gets it ${n} s late.`, "Is the server's line full, or the host slow? Listeners there hear it later."],
      failed: (n) => [`For ${n} s nothing has reached the file host.`, "The server's log says why. It is tried again until it works."],
      off: () => ["Nothing is published to a file host."],
      not_open: () => ["Nothing is published before the doors open."],
      not_yet: () => ["This server publishes nothing of the room now."],
    },
    clock: {
      right: (n) => [`The server's clock is right to ${n} ms.`],
      free: () => ["Nothing keeps the server's clock right.", "Turn on NTP there (chrony): the start would be as wrong as the clock is."],
      wrong: (n) => [`The server's clock may be wrong by ${n} ms.`, "Give NTP some minutes, or another source."],
      unknown: () => ["The server does not say how right its clock is."],
    },
    drill: {
      valid: (n) => [`This build was drilled as it is configured, ${n} days ago.`],
      none: () => ["This server was never drilled.", "epidaurus drill plays the crowd beforehand."],
      unreadable: () => ["The last drill's result cannot be read.", "Drill again."],
      invalid: (n) => [`The last drill, ${n} days ago, says nothing about the server.`, "Its report says why. Drill again."],
      build: (n) => [`The last drill, ${n} days ago, was of another build.`, "Drill again."],
      config: (n) => [`The last drill, ${n} days ago, was of another configuration.`, "Drill again."],
      old: (n) => [`The last drill was ${n} days ago.`, "Drill again: machines and lines change."],
    },
  } satisfies Sentences as Sentences,
};

type Words = typeof en;

const fr: Words = {
  title: "Prêt à commencer ?",
  names: { speakers: "Intervenants", sound: "Son au dehors", tape: "Enregistreur", seats: "Places", line: "Ligne", publish: "Hébergeur", clock: "Horloge", drill: "Dernier exercice" },
  colours: { green: "bien", amber: "à regarder", red: "pas bien", dark: "inconnu" },
  safe: (n) => `${n} assis, et le son leur parvient. On peut commencer.`,
  early: "Avant les portes, tout ne peut pas être regardé.",
  unsafe: (n) => `${n} assis. Regardez d’abord ce qui est rouge.`,
  say: {
    speakers: {
      nobody: () => ["Il n’y a personne sur scène.", "Montez sur scène, ou appelez vos invités."],
      silent: (_, of) => [`Des ${of} sur scène, on n’entend personne.`, "Les micros sont-ils ouverts ? Demandez un mot à chacun."],
      some: (n, of) => [`On entend ${n} des ${of} sur scène.`, "Demandez un mot aux autres, ou d’ouvrir leur micro."],
      heard: (n) => [`On entend tout le monde sur scène (${n}).`],
      not_open: () => ["La scène ouvre avec les portes."],
      elsewhere: () => ["Un autre serveur fait le son de cette salle.", "Ouvrez son pupitre pour voir qui parle."],
    },
    sound: {
      arrives: (n) => [`La demande d’un auditeur a reçu du son en ${n} ms.`],
      none: () => ["La demande d’un auditeur n’a reçu aucun son.", "L’adresse des auditeurs est-elle joignable ? Le journal du serveur dit pourquoi."],
      not_open: () => ["Il n’y a pas de son avant l’ouverture des portes."],
    },
    tape: {
      on: (n) => [`Enregistrement en cours. ${n} Go libres.`],
      planned: (n) => [`Sera enregistré. ${n} Go libres.`],
      off: () => ["Cette salle n’est pas enregistrée."],
      failed: () => ["L’enregistrement ne peut pas être écrit.", "Faites de la place sur le disque du serveur, ou commencez sans enregistrer."],
      disk_low: (n) => [`Il ne reste que ${n} Go pour l’enregistrement.`, "Faites de la place sur le disque du serveur."],
      disk_full: () => ["Le disque du serveur est plein.", "Faites-y de la place : sinon rien ne sera enregistré."],
      elsewhere: () => ["Un autre serveur enregistre."],
    },
    seats: {
      free: (n, of) => [`${n} places libres sur ${of}.`],
      few: (n, of) => [`${n} places libres, et ${of} auditeurs attendus.`, "Ajoutez des relais, ou fermez les portes à un nombre."],
      none: (_, of) => [`Les ${of} places sont prises.`, "Ajoutez des relais. Personne n’est renvoyé."],
      no_edge: () => ["Aucun relais ne répond.", "Démarrez-en un : il n’y a pas où s’asseoir."],
    },
    line: {
      near: () => ["Les relais ont le temps : les auditeurs sont aussi près que possible."],
      far: (n, of) => [`${n} relais sur ${of} écrivent rarement : leurs auditeurs vous entendent plus tard.`, "Ajoutez des relais, si le délai importe."],
      some_full: (n, of) => [`${n} relais sur ${of} sont pleins.`, "Les nouveaux vont aux autres ; ajoutez des relais."],
      full: () => ["Tous les relais sont pleins.", "Ajoutez des relais. Personne n’est renvoyé."],
      no_edge: () => ["Aucun relais ne répond.", "Démarrez-en un."],
    },
    publish: {
      on: () => ["Tout ce qui a été dit est chez l’hébergeur."],
      behind: (n) => [`L’hébergeur le reçoit avec ${n} s de retard.`, "La ligne du serveur est-elle pleine, ou l’hébergeur lent ? On y entend plus tard."],
      failed: (n) => [`Depuis ${n} s rien ne parvient à l’hébergeur.`, "Le journal du serveur dit pourquoi. Il essaie jusqu’à ce que cela passe."],
      off: () => ["Rien n’est publié chez un hébergeur."],
      not_open: () => ["Rien n’est publié avant l’ouverture des portes."],
      not_yet: () => ["Ce serveur ne publie rien de la salle en ce moment."],
    },
    clock: {
      right: (n) => [`L’horloge du serveur est juste à ${n} ms près.`],
      free: () => ["Rien ne tient l’horloge du serveur à l’heure.", "Activez-y NTP (chrony) : le début serait aussi faux que l’horloge."],
      wrong: (n) => [`L’horloge du serveur peut se tromper de ${n} ms.`, "Laissez quelques minutes à NTP, ou donnez-lui une autre source."],
      unknown: () => ["Le serveur ne dit pas si son horloge est juste."],
    },
    drill: {
      valid: (n) => [`Cette version a été exercée telle qu’elle est réglée, il y a ${n} jours.`],
      none: () => ["Ce serveur n’a jamais été exercé.", "epidaurus drill joue la foule avant l’heure."],
      unreadable: () => ["Le résultat du dernier exercice est illisible.", "Refaites-en un."],
      invalid: (n) => [`Le dernier exercice, il y a ${n} jours, ne dit rien du serveur.`, "Son rapport dit pourquoi. Refaites-en un."],
      build: (n) => [`Le dernier exercice, il y a ${n} jours, était d’une autre version.`, "Refaites-en un."],
      config: (n) => [`Le dernier exercice, il y a ${n} jours, était d’un autre réglage.`, "Refaites-en un."],
      old: (n) => [`Le dernier exercice date d’il y a ${n} jours.`, "Refaites-en un : machines et lignes changent."],
    },
  },
};

export const words: Words = t.lang === "fr" ? fr : en;
