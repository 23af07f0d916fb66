package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// Here is the machine that this runs on.
func Here() Machine {
	return Machine{FS: os.DirFS("/"), Files: openFiles, Clock: synchronised, Disk: diskFree, Cores: runtime.GOMAXPROCS(0), Now: time.Now()}
}

func openFiles() (soft, hard uint64, err error) {
	var limit unix.Rlimit
	err = unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)
	return limit.Cur, limit.Max, err
}

// synchronised asks the kernel, whichever program disciplines its clock.
func synchronised() (bool, error) {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil {
		return false, err
	}
	return state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0, nil
}

// diskFree looks at the folder, or at the nearest one above it that is there already.
func diskFree(folder string) (uint64, error) {
	at, err := filepath.Abs(folder)
	if err != nil {
		return 0, err
	}
	for {
		var s unix.Statfs_t
		err = unix.Statfs(at, &s)
		if err == nil {
			return s.Bavail * uint64(s.Bsize), nil
		}
		above := filepath.Dir(at)
		if !errors.Is(err, fs.ErrNotExist) || above == at {
			return 0, fmt.Errorf("%s: %w", at, err)
		}
		at = above
	}
}
