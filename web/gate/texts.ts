// All words at the gate. A word that is missing in one language is a type error.

const en = {
  head: "By invitation",
  paste: "Your invitation: the link, or what stands behind “seat=”",
  enter: "Come in",
  bad: "This is no invitation. It has the letters s1 and two dots in it.",
  yours: (name: string) => `Invitation for ${name}`,
  full: (n: number) => (n === 1 ? "Your invitation is in use on another device. Close it there: this page comes in by itself." : `Your invitation is in use on ${n} devices, which is all that it is for. Close one of them: this page comes in by itself.`),
  why: {
    invitation_needed: "Who was invited hears this conversation. Open the link that you were sent, or paste it here.",
    invitation_void: "This invitation was withdrawn. Ask the host for another one.",
    token_expired: "This invitation has expired. Ask the host for another one.",
    token_forged: "This invitation was not made by this room’s host. Ask for another one.",
    token_wrong_room: "This invitation is for another room.",
    token_malformed: "This invitation is damaged. Copy the whole link again.",
  } as Record<string, string>,
};

type Texts = typeof en;

const fr: Texts = {
  head: "Sur invitation",
  paste: "Votre invitation : le lien, ou ce qui suit « seat= »",
  enter: "Entrer",
  bad: "Ce n’est pas une invitation. Elle contient les lettres s1 et deux points.",
  yours: (name) => `Invitation de ${name}`,
  full: (n) => (n === 1 ? "Votre invitation sert déjà sur un autre appareil. Fermez-le : cette page entrera d’elle-même." : `Votre invitation sert déjà sur ${n} appareils, et pas davantage. Fermez-en un : cette page entrera d’elle-même.`),
  why: {
    invitation_needed: "Seules les personnes invitées entendent cette conversation. Ouvrez le lien reçu, ou collez-le ici.",
    invitation_void: "Cette invitation a été retirée. Demandez-en une autre à l’hôte.",
    token_expired: "Cette invitation a expiré. Demandez-en une autre à l’hôte.",
    token_forged: "Cette invitation ne vient pas de l’hôte de cette salle. Demandez-en une autre.",
    token_wrong_room: "Cette invitation est pour une autre salle.",
    token_malformed: "Cette invitation est abîmée. Copiez de nouveau le lien entier.",
  },
};

export const texts = { en, fr };
export type Language = keyof typeof texts;
