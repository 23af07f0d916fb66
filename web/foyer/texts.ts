// All words of the foyer. A word that is missing in one language is a type error.

const day: Intl.DateTimeFormatOptions = { weekday: "long", day: "numeric", month: "long", hour: "numeric", minute: "2-digit", timeZoneName: "short" };

const en = {
  other: "Français",
  nothing: "No public conversation is announced. Who was sent a link opens it.",
  lost: "The list does not come. Trying again…",
  part: { now: "Now", soon: "Announced", again: "Listen again" } as Record<string, string>,
  state: { live: "Live", doors: "Doors open", announced: "Announced", replay: "Recorded" },
  when: new Intl.DateTimeFormat("en", day),
};

type Texts = typeof en;

const fr: Texts = {
  other: "English",
  nothing: "Aucune conversation publique n’est annoncée. Si vous avez reçu un lien, ouvrez-le.",
  lost: "La liste n’arrive pas. Nouvel essai…",
  part: { now: "Maintenant", soon: "Annoncé", again: "À réécouter" },
  state: { live: "En direct", doors: "Portes ouvertes", announced: "Annoncé", replay: "Enregistré" },
  when: new Intl.DateTimeFormat("fr", day),
};

export const texts = { en, fr };
export type Language = keyof typeof texts;

/** The language of ?lang=, else the first one of the browser's that we speak, else English. */
export function pickLanguage(): Language {
  for (const tag of [new URLSearchParams(location.search).get("lang") ?? "", ...navigator.languages]) {
    const language = tag.slice(0, 2).toLowerCase();
    if (language in texts) return language as Language;
  }
  return "en";
}
