// All words of the panel. A word that is missing in one language is a type error.

const en = {
  clip: "Clip what was just said",
  players: "Open one of these in VLC, mpv, a radio or a podcast app.",
  ogg: "Players (Ogg Opus)",
  aac: "Radios (AAC)",
  hls: "Phones, televisions (HLS)",
  m3u: "List for radios (.m3u)",
  pls: "List for radios (.pls)",
  embed: "In your page",
  copy: "Copy",
  copied: "Copied",
  code: "Code that leads to this room",
  photograph: "For another device",
  open: "Open this in your browser",
  inside: (app: string) => `Inside ${app || "another app"} the sound may stop when you look at something else, or not begin. Use the app’s menu, “Open in browser”, or copy the address.`,
  stay: "Listen here all the same",
};

export type Texts = typeof en;

const fr: Texts = {
  clip: "Un extrait de ce qui vient d’être dit",
  players: "À ouvrir dans VLC, mpv, une radio ou une application de podcasts.",
  ogg: "Lecteurs (Ogg Opus)",
  aac: "Radios (AAC)",
  hls: "Téléphones, téléviseurs (HLS)",
  m3u: "Liste pour radios (.m3u)",
  pls: "Liste pour radios (.pls)",
  embed: "Dans votre page",
  copy: "Copier",
  copied: "Copié",
  code: "Code qui mène à cette salle",
  photograph: "Pour un autre appareil",
  open: "Ouvrez ceci dans votre navigateur",
  inside: (app) => `Dans ${app || "une autre application"}, le son peut s’arrêter quand vous regardez autre chose, ou ne pas commencer. Choisissez « Ouvrir dans le navigateur » au menu de l’application, ou copiez l’adresse.`,
  stay: "Écouter ici quand même",
};

export const texts = { en, fr };
export type Language = keyof typeof texts;
