package memory

import (
	"os"
	"slices"
	"testing"
	"testing/fstest"
)

func TestLeft(t *testing.T) {
	const meminfo = "MemTotal:       4096 kB\nMemFree: 1 kB\nMemAvailable:   2048 kB\n"
	machine := Room{2048 << 10, 4096 << 10}
	for _, row := range []struct {
		name  string
		files map[string]string
		want  []Room
	}{
		{"Nothing", nil, nil},
		{"Machine", map[string]string{"proc/meminfo": meminfo}, []Room{machine}},
		{"OldKernel", map[string]string{"proc/meminfo": "MemTotal: 4096 kB\nMemFree: 1 kB\n"}, nil},
		{"SecondVersion", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/system.slice/epidaurus.service\n",
			"sys/fs/cgroup/system.slice/epidaurus.service/memory.max":     "max\n",
			"sys/fs/cgroup/system.slice/epidaurus.service/memory.current": "500\n",
			"sys/fs/cgroup/system.slice/memory.max":                       "1000\n",
			"sys/fs/cgroup/system.slice/memory.current":                   "900\n",
			"sys/fs/cgroup/system.slice/memory.stat":                      "anon 1\ninactive_file 300\nactive_file 7\n",
		}, []Room{machine, {400, 1000}}},
		{"FirstVersion", map[string]string{
			"proc/self/cgroup": "5:cpu:/\n4:memory:/a/b\n0::/\n",
			"sys/fs/cgroup/memory/a/b/memory.limit_in_bytes":    "1000\n",
			"sys/fs/cgroup/memory/a/b/memory.usage_in_bytes":    "1200\n",
			"sys/fs/cgroup/memory/a/b/memory.stat":              "inactive_file 1\ntotal_inactive_file 100\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes":        "9223372036854771712\n",
			"sys/fs/cgroup/memory/memory.usage_in_bytes":        "5\n",
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes":      "2000\n",
			"sys/fs/cgroup/memory/a/memory.usage_in_bytes":      "many\n",
			"sys/fs/cgroup/memory/elsewhere/memory.limit_bytes": "1\n",
		}, []Room{{-100, 1000}}},
		{"ContainerAsRoot", map[string]string{
			"proc/self/cgroup": "0::/../../docker/x\n", "sys/fs/cgroup/memory.max": "1000", "sys/fs/cgroup/memory.current": "1",
		}, []Room{{999, 1000}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			files := fstest.MapFS{}
			for name, text := range row.files {
				files[name] = &fstest.MapFile{Data: []byte(text)}
			}
			got := Left(files)
			if !slices.Equal(got, row.want) {
				t.Errorf("%v, want %v", got, row.want)
			}
		})
	}
}

// This machine says what it has.
func TestHere(t *testing.T) {
	rooms := Left(os.DirFS("/"))
	if len(rooms) == 0 || rooms[0].Of < 64<<20 || rooms[0].Left <= 0 || rooms[0].Left > rooms[0].Of {
		t.Errorf("%v", rooms)
	}
}
