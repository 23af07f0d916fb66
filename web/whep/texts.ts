// Why a listener hears a room the usual way where it has places with the delay of a call.

export type Why = "full" | "lost";

export const texts: Record<"en" | "fr", Record<Why, string>> = {
  en: {
    full: "You hear it a few seconds later: the places with the delay of a call are taken, or your network does not carry them.",
    lost: "The direct line was lost. You go on hearing it, a few seconds later.",
  },
  fr: {
    full: "Vous entendez quelques secondes plus tard : les places au délai d’un appel sont prises, ou votre réseau ne les porte pas.",
    lost: "La ligne directe s’est coupée. Vous continuez d’entendre, quelques secondes plus tard.",
  },
};
