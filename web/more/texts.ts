// All words about how it goes. A word that is missing in one language is a type error.

const hour: Intl.DateTimeFormatOptions = { hour: "numeric", minute: "2-digit" };

const en = {
  going: "How it is going",
  state: "Now",
  states: { announced: "Not open yet", doors: "Doors open, music until it begins", live: "Live", ended: "Ended" } as Record<string, string>,
  since: "Live since",
  time: (ms: number) => new Date(ms).toLocaleTimeString("en", hour),
  began: (s: string) => `the first word came ${s} s after the announced start`,
  early: (s: string) => `the first word came ${s} s before the announced start`,
  seated: "Seats taken",
  behind: "Listening behind caches",
  about: (n: string) => `about ${n}`,
  between: (low: string, high: string, oneIn: string) => `estimated: ${low} to ${high}, 1 in ${oneIn} asked`,
  refused: "Turned away",
  refusedHint: "requests that found no seat; who tries again counts again",
  delay: "Behind the stage",
  delayOf: (s: string) => `about ${s} s, for who comes now`,
  unknown: "This cannot be told now.",
};

type Texts = typeof en;

const fr: Texts = {
  going: "État de la salle",
  state: "Maintenant",
  states: { announced: "Pas encore ouverte", doors: "Portes ouvertes, musique jusqu’au début", live: "En direct", ended: "Terminée" },
  since: "En direct depuis",
  time: (ms) => new Date(ms).toLocaleTimeString("fr", hour),
  began: (s) => `le premier mot est venu ${s} s après l’heure annoncée`,
  early: (s) => `le premier mot est venu ${s} s avant l’heure annoncée`,
  seated: "Places prises",
  behind: "À l’écoute derrière des caches",
  about: (n) => `environ ${n}`,
  between: (low, high, oneIn) => `estimation : de ${low} à ${high}, 1 sur ${oneIn} interrogé`,
  refused: "Refus",
  refusedHint: "demandes qui n’ont pas trouvé de place ; qui réessaie compte à nouveau",
  delay: "Retard sur la scène",
  delayOf: (s) => `environ ${s} s, pour qui arrive maintenant`,
  unknown: "On ne peut pas le dire pour l’instant.",
};

export const texts = { en, fr };
export type Language = keyof typeof texts;
