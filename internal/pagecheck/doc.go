// Package pagecheck asks of any page what every page owes to everybody: no violation that axe-core knows of, all that can be done done by
// keyboard with the focus in sight, and no word that is not in the page's table of words. It knows no page: it enumerates what is there.
package pagecheck
