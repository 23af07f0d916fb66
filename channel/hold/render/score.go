package main

// Notes are MIDI numbers: 62 is the D above middle C. The piece stays in the Dorian mode on D, which suits a lyre.

// phrase is eleven beats: a chord for the pad, and the notes plucked over it.
type phrase struct {
	chord []int
	notes []pluck
}

// pluck is one note: when, in beats from the phrase's beginning; which; and how hard, from 0 to 1.
type pluck struct {
	beat  float64
	note  int
	force float64
}

const (
	beat        = 1.0 // seconds
	phraseBeats = 11
)

// score is the whole piece. The last phrase ends early and leaves room to fade.
var score = []phrase{
	{
		chord: []int{38, 50, 57, 60, 64},
		notes: []pluck{
			{0, 50, 0.8}, {0.5, 57, 0.5}, {1, 62, 0.6}, {1.5, 64, 0.5}, {2, 69, 0.7}, {4, 67, 0.5}, {4.5, 65, 0.45}, {5, 64, 0.6},
			{6, 62, 0.5}, {6.5, 57, 0.4}, {7, 60, 0.5}, {8, 62, 0.55}, {9.5, 57, 0.35},
		},
	},
	{
		chord: []int{43, 50, 55, 59, 62},
		notes: []pluck{
			{0, 55, 0.75}, {0.5, 62, 0.5}, {1, 67, 0.6}, {2, 71, 0.65}, {2.5, 69, 0.5}, {3, 67, 0.5}, {4, 62, 0.45}, {5, 69, 0.6},
			{5.5, 67, 0.45}, {6, 62, 0.5}, {7, 59, 0.4}, {8, 62, 0.5}, {9, 55, 0.4}, {10, 57, 0.35},
		},
	},
	{
		chord: []int{41, 48, 53, 57, 64},
		notes: []pluck{
			{0, 53, 0.75}, {0.5, 60, 0.5}, {1, 64, 0.55}, {1.5, 65, 0.5}, {2, 72, 0.7}, {3.5, 71, 0.45}, {4, 69, 0.6}, {5, 64, 0.5},
			{5.5, 65, 0.45}, {6, 60, 0.5}, {7.5, 57, 0.4}, {8, 60, 0.45}, {9, 62, 0.5}, {10, 64, 0.4},
		},
	},
	{
		chord: []int{45, 52, 57, 60, 64},
		notes: []pluck{
			{0, 57, 0.7}, {0.5, 64, 0.5}, {1, 69, 0.6}, {2, 67, 0.5}, {2.5, 64, 0.4}, {3, 62, 0.5}, {4.5, 60, 0.4}, {5, 57, 0.45},
			{6, 62, 0.45}, {7, 57, 0.35}, {8, 50, 0.5},
		},
	},
}
