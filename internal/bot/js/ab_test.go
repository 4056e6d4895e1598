package js_test
import ("testing"; "indaba/internal/bot/js"; "time"; "sort"; "syscall"; "runtime/debug")
func rusage() time.Duration { var u syscall.Rusage; syscall.Getrusage(syscall.RUSAGE_SELF, &u); println("flt", u.Minflt, u.Utime.Nano()/1e6, u.Stime.Nano()/1e6, u.Nvcsw, u.Nivcsw); return time.Duration(u.Utime.Nano()+u.Stime.Nano()) }
func TestAB(t *testing.T) {
	debug.SetGCPercent(-1)
	sizes := []int{0}
	c := conversations[0]
	p := exampleProgram(t, c.example)
	var pools []*js.Pool
	got := make([][]time.Duration, len(sizes))
	for _, s := range sizes { js.Gct = s; pool := newPool(t, p, js.PoolOptions{Size: 1, RunsPerVM: 1<<30}); pools = append(pools, pool); for range 40 { converse(t, pool, c.lines) } }
	for range 8 {
		for i, s := range sizes {
			js.Gct = s
			b := rusage()
			for range 45 { converse(t, pools[i], c.lines) }
			got[i] = append(got[i], (rusage()-b)/90)
		}
	}
	for i, s := range sizes { sort.Slice(got[i], func(a, b int) bool { return got[i][a] < got[i][b] }); t.Log(s, got[i][0], got[i][3], got[i][7]) }
}
