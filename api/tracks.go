package api

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// TrackFile is a whole file. It is used by one request.
type TrackFile interface {
	io.ReadSeeker
	Size() int64
}

// Track is a file of sound that begins where every other one of its room does: a speaker's own, or the mix.
type Track struct {
	Person room.PersonID // whose; empty: the mix
	Name   string        // as on stage; empty: unknown
	Stage  [][2]int64    // frames of the tape at which the person came on stage and left
	Heard  int64         // frames of segments in which the person was heard
	Open   func() (TrackFile, error)
}

// Recording is what of a room's tape is for its editors: all of it, whatever is shown to listeners.
type Recording struct {
	From, To int64 // frames; there may be holes between
	Frames   int64 // that each file has
	Mix      Track
	Tracks   []Track
}

// trackAnswer is a track as those who lead see it.
type trackAnswer struct {
	Person room.PersonID `json:"person"`
	Name   string        `json:"name"`
	Stage  [][2]int64    `json:"stage"`
	Heard  int64         `json:"heard"`
	Bytes  int64         `json:"bytes"`
	URL    string        `json:"url"`
}

// tracksAnswer is the speakers' tracks of a room.
type tracksAnswer struct {
	Wanted bool          `json:"wanted"` // the host wants them taped
	Ready  bool          `json:"ready"`  // they can be downloaded
	From   int64         `json:"from"`
	To     int64         `json:"to"`
	Frames int64         `json:"frames"`
	Tracks []trackAnswer `json:"tracks"`
	ZipURL string        `json:"zip_url,omitempty"`
}

var (
	errNoTracks    = problem.New(problem.NotFound, "There are no speakers' tracks of this room here: it was not taped so, nobody was heard, or the tape was deleted.")
	errTracksGrow  = problem.New(problem.StepImpossible, "The tracks are still being taped. They can be downloaded a few seconds after the room's end.")
	errTrackAbsent = problem.New(problem.NotFound, "There is no track of this person. Look at the list again.")
)

func (a *api) listTracks(w http.ResponseWriter, r *http.Request) error {
	v, err := a.visitTo(r, room.ActTracks)
	if err != nil {
		return err
	}
	answer := tracksAnswer{Wanted: v.facts.TapesTracks(), Tracks: []trackAnswer{}}
	rec, err := a.cfg.Rooms.Recording(v.facts.ID)
	switch {
	case errors.Is(err, room.ErrNotFound), errors.Is(err, room.ErrStep):
		return writeJSON(w, http.StatusOK, answer)
	case err != nil:
		return fmt.Errorf("list the tracks: %w", err)
	}
	answer.Ready, answer.From, answer.To, answer.Frames = true, rec.From, rec.To, rec.Frames
	at := "/api/rooms/" + string(v.facts.ID) + "/tracks"
	for _, t := range rec.Tracks {
		f, err := t.Open()
		if err != nil {
			return fmt.Errorf("open a track: %w", err)
		}
		answer.Tracks = append(answer.Tracks, trackAnswer{t.Person, t.Name, append([][2]int64{}, t.Stage...), t.Heard, f.Size(), at + "/" + string(t.Person) + ".ogg"})
	}
	if len(rec.Tracks) > 0 {
		answer.ZipURL = at + ".zip"
	}
	return writeJSON(w, http.StatusOK, answer)
}

// recording is what of a room's tape somebody may download.
func (a *api) recording(r *http.Request) (v visit, rec Recording, err error) {
	v, err = a.visitTo(r, room.ActTracks)
	if err != nil {
		return v, rec, err
	}
	rec, err = a.cfg.Rooms.Recording(v.facts.ID)
	switch {
	case errors.Is(err, room.ErrStep):
		err = errTracksGrow
	case errors.Is(err, room.ErrNotFound), err == nil && len(rec.Tracks) == 0:
		err = errNoTracks
	}
	return v, rec, err
}

// getTrack gives one speaker's track, by ranges if asked.
func (a *api) getTrack(w http.ResponseWriter, r *http.Request) error {
	_, rec, err := a.recording(r)
	if err != nil {
		return err
	}
	person, ok := strings.CutSuffix(r.PathValue("track"), ".ogg")
	for _, t := range rec.Tracks {
		if !ok || string(t.Person) != person {
			continue
		}
		f, err := t.Open()
		if err != nil {
			return fmt.Errorf("open a track: %w", err)
		}
		header := w.Header()
		header.Set("Content-Type", "audio/ogg; codecs=opus")
		header.Set("ETag", fmt.Sprintf(`"%x-%x"`, rec.From, f.Size())) // of a tape that does not change any more
		header.Set("Content-Disposition", `attachment; filename="`+string(t.Person)+`.ogg"; filename*=UTF-8''`+escapeName(fileName(t)))
		http.ServeContent(&slowly{w, http.NewResponseController(w)}, r, "", time.Time{}, f)
		return nil
	}
	return errTrackAbsent
}

// zipTracks gives all of them in one file, with the mix and a word to the editor. It is made while it is sent.
func (a *api) zipTracks(w http.ResponseWriter, r *http.Request) error {
	v, rec, err := a.recording(r)
	if err != nil {
		return err
	}
	header := w.Header()
	header.Set("Content-Type", "application/zip")
	header.Set("Content-Disposition", `attachment; filename="`+string(v.facts.ID)+`-tracks.zip"`)
	if r.Method == http.MethodHead {
		return nil
	}
	err = writeZip(r.Context(), &slowly{w, http.NewResponseController(w)}, v.facts, rec)
	if err != nil {
		a.cfg.Log.Info("a download of tracks was broken off", "room", v.facts.ID, "error", err)
		panic(http.ErrAbortHandler) // so that the client does not take a part for the whole
	}
	return nil
}

func writeZip(ctx context.Context, w io.Writer, f room.Facts, rec Recording) error {
	z := zip.NewWriter(w)
	made := f.EndedAt
	if made.IsZero() {
		made = f.Created
	}
	out, err := z.CreateHeader(&zip.FileHeader{Name: "README.txt", Method: zip.Store, Modified: made})
	if err == nil {
		_, err = io.WriteString(out, readMe(f, rec))
	}
	for _, t := range append([]Track{rec.Mix}, rec.Tracks...) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		err = addTrack(z, t, made)
	}
	return errors.Join(err, z.Close())
}

func addTrack(z *zip.Writer, t Track, made time.Time) error {
	f, err := t.Open()
	if err != nil {
		return err
	}
	out, err := z.CreateHeader(&zip.FileHeader{Name: fileName(t), Method: zip.Store, Modified: made}) // Opus does not get smaller
	if err == nil {
		_, err = io.Copy(out, f)
	}
	return err
}

// readMe tells an editor what the files are.
func readMe(f room.Facts, rec Recording) string {
	length := (time.Duration(rec.Frames) * 20 * time.Millisecond).Round(time.Second)
	var b strings.Builder
	fmt.Fprintf(&b, "%s\r\n\r\n", f.Title)
	fmt.Fprintf(&b, "All files begin at the same moment and are of the same length, %s: put each at 0 on a track of its own, and they line up.\r\n"+
		"mix.ogg is what listeners heard. Each other file is one speaker's voice alone, as it came, before any levelling: Ogg Opus, 48 kHz, mono.\r\n"+
		"Where somebody was not heard by the listeners there is silence. This is the whole recording, whatever was cut from the replay.\r\n\r\n", length)
	fmt.Fprintf(&b, "Tous les fichiers commencent au même instant et ont la même durée, %s : placez chacun à 0 sur sa propre piste, ils sont synchronisés.\r\n"+
		"mix.ogg est ce que le public a entendu. Chaque autre fichier contient la voix d’une seule personne, telle qu’elle est arrivée, sans mise à niveau : Ogg Opus, 48 kHz, mono.\r\n"+
		"Là où le public n’entendait pas la personne, il y a du silence. C’est l’enregistrement entier, quoi qu’on ait coupé dans la réécoute.\r\n\r\n", length)
	for _, t := range rec.Tracks {
		fmt.Fprintf(&b, "%s\t%s\r\n", fileName(t), t.Name)
	}
	return b.String()
}

// fileName is what a track is called: the speaker's name as far as any file system takes it, and the ID, which no other has.
func fileName(t Track) string {
	if t.Person == "" {
		return "mix.ogg"
	}
	var b strings.Builder
	for _, c := range strings.ToLower(t.Name) {
		switch {
		case unicode.IsLetter(c), unicode.IsDigit(c):
			b.WriteRune(c)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	name := strings.TrimSuffix(b.String(), "-")
	if name != "" {
		name += "-"
	}
	return name + string(t.Person) + ".ogg"
}

// escapeName is a name for filename*, RFC 8187: letters of other alphabets are escaped byte for byte.
func escapeName(name string) string {
	var b strings.Builder
	for i := range len(name) {
		if c := name[i]; c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// slowly lets a long answer take its time, as long as the client takes it.
type slowly struct {
	http.ResponseWriter
	control *http.ResponseController
}

// sendTimeout bounds one write of a long answer.
const sendTimeout = 30 * time.Second

// Write implements io.Writer.
func (s *slowly) Write(b []byte) (int, error) {
	err := s.control.SetWriteDeadline(time.Now().Add(sendTimeout))
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	return s.ResponseWriter.Write(b)
}
