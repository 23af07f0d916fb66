// The words of captions, on the page of a room and on that of its tape.

const en = {
  captions: "Captions",
  lines: "What is said, as text",
  larger: "Larger",
  smaller: "Smaller",
  language: "Language of the captions",
};

export type Texts = typeof en;

const fr: Texts = {
  captions: "Sous-titres",
  lines: "Ce qui est dit, par écrit",
  larger: "Plus grand",
  smaller: "Plus petit",
  language: "Langue des sous-titres",
};

export const texts = { en, fr };
export type Language = keyof typeof texts;
