package main_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

var badQueues = []badInput{
	{
		name: "queue is a file", check: "queue in DIR/queue: mkdir DIR/queue: not a directory. name a folder that is this user's own, or can be made", make: func(s *site) {
			s.removeQueue()
			s.write("queue", "hunter2")
		},
		want: "open queue in DIR/queue: mkdir DIR/queue: not a directory; name a folder that is this user's own, or can be made",
	},
	{
		name: "queue below a file", check: "queue in DIR/file/queue: mkdir DIR/file: not a directory. name a folder that is this user's own, or can be made", make: func(s *site) {
			s.write("file", "")
			s.configure("queue: {dir: file/queue}\n" + tables)
		},
		want: "open queue in DIR/file/queue: mkdir DIR/file: not a directory; name a folder that is this user's own, or can be made",
	},
	{
		name: "queue of another user", check: "queue in DIR/queue: open DIR/queue/lock: permission denied. name a folder that is this user's own, or can be made", make: func(s *site) {
			s.closeQueue()
		},
		want: "open queue in DIR/queue: open DIR/queue/lock: permission denied; name a folder that is this user's own, or can be made",
	},
	{
		name: "queue in use", ready: applied, check: "-", make: func(s *site) {
			stop := s.start("run")
			s.t.Cleanup(func() { stop(os.Interrupt) })
			s.wait("the run", func() bool { return s.status()["state"] == "idle" })
		},
		want: "open queue in DIR/queue: another process has it open; stop that one, or give this one a folder of its own",
	},
	{
		name: "queue damaged", check: "queue in DIR/queue: queue is damaged: 0000000000000001.seg at byte 0: its header is not as it was written. put a copy of the folder back, or set the pipeline up anew and compare the two sides", make: func(s *site) { s.damage(60) },
		want: "open queue in DIR/queue: queue is damaged: 0000000000000001.seg at byte 0: its header is not as it was written; put a copy of the folder back, or set the pipeline up anew and compare the two sides",
	},
	{
		name: "queue of nonsense", check: "queue in DIR/queue: queue is damaged: 0000000000000001.seg at byte 0: its header is not as it was written. put a copy of the folder back, or set the pipeline up anew and compare the two sides", make: func(s *site) {
			s.removeQueue()
			s.write("queue/0000000000000001.seg", strings.Repeat("hunter2", 10_000))
		},
		want: "open queue in DIR/queue: queue is damaged: 0000000000000001.seg at byte 0: its header is not as it was written; put a copy of the folder back, or set the pipeline up anew and compare the two sides",
	},
	{
		name: "queue's key", ready: applied, make: func(s *site) {
			s.configure("queue: {key: the key that sealed it}\n" + tables)
			s.mustRun("run", "--until-idle")
			s.configure("queue: {key: hunter2 hunter2 hunter2}\n" + tables)
		},
		want:  "open queue in DIR/queue: 0000000000000002.seg: what is in it is sealed with another key; give the one that it was sealed with, among the old keys where it no longer seals. Where that is lost, so is what was queued: set the pipeline up anew, with a folder and a slot of its own, and compare the two sides",
		check: "queue in DIR/queue: 0000000000000002.seg: what is in it is sealed with another key. give the one that it was sealed with, among the old keys where it no longer seals. Where that is lost, so is what was queued: set the pipeline up anew, with a folder and a slot of its own, and compare the two sides",
	},
	{
		name: "queue of another pipeline", ready: applied, make: func(s *site) {
			other := newReadySite(s.t)
			s.configure("queue: {dir: " + other.queue() + "}\n" + tables)
		},
		want:  `source: other source: the queue holds changes of "SOURCE", but this is "SOURCE": correct the DSN or the slot, or start with a new queue and compare the two sides`,
		check: `source: other source: the queue holds changes of "SOURCE", but this is "SOURCE": correct the DSN or the slot, or start with a new queue and compare the two sides`,
	},
	{
		name: "queue lost", ready: applied, make: func(s *site) {
			s.mustRun("pause")
			s.onSource(`INSERT INTO tenancy VALUES ('hunter2')`)
			s.mustFail("run", "--until-idle") // which captures
			s.mustRun("resume")
			s.configure("queue: {dir: elsewhere}\n" + tables)
		},
		want:  "begin: the queue is empty and the target stands at X/X: source: gap: captured up to X/X, but slot SLOT has moved on to X/X: what lies between was in a queue that is lost, or another reader took it. Compare the two sides and repair, then start with a new slot and a new queue",
		check: "source: gap: captured up to X/X, but slot SLOT has moved on to X/X: what lies between was in a queue that is lost, or another reader took it. Compare the two sides and repair, then start with a new slot and a new queue",
	},
	{
		name: "target put back", ready: applied, make: func(s *site) { s.onTarget(`UPDATE [syncback].[checkpoint] SET [position] = 1`) },
		want:  "drain: read the queue after X/X: gap: the target stands at X/X, and the queue only began at X/X: its folder is not the one that the target was filled from; put that one back, or set the pipeline up anew; the target is at an older position than the queue goes back to: bring the target to a later day, or compare and repair it and start anew",
		check: "queue in DIR/queue: gap: the target stands at X/X, and the queue only began at X/X: its folder is not the one that the target was filled from. put that one back, or set the pipeline up anew",
	},
	{
		name: "status file damaged", args: "status", check: "-", make: func(s *site) { s.write("queue/status.json", "hunter2") },
		want: "the status file DIR/queue/status.json is damaged; a run writes it anew",
	},
	{
		name: "status file of another user", args: "status", check: "-", make: (*site).closeQueue,
		want: "the status file DIR/queue/status.json may not be read by this user; run this as the user that `run` runs as",
	},
	{
		name: "status where queue is a file", args: "status", check: "-", make: func(s *site) {
			s.removeQueue()
			s.write("queue", "hunter2")
		},
		want: "queue.dir: DIR/queue is not a folder; name one that is this user's own, or can be made",
	},
	{
		name: "status file is a folder", args: "status", check: "-", make: func(s *site) {
			if err := os.RemoveAll(s.dir + "/queue/status.json"); err != nil {
				s.t.Fatal(err)
			}
			if err := os.Mkdir(s.dir+"/queue/status.json", 0o700); err != nil {
				s.t.Fatal(err)
			}
		},
		want: "the status file cannot be read, and a run writes it anew once it is removed: read DIR/queue/status.json: is a directory",
	},
}

// closeQueue has the program run by a user whose queue it is not.
func (s *site) closeQueue() {
	s.t.Helper()
	s.as = another()
	open(s.t, s.dir)
	mode := os.FileMode(0)
	if s.as != nil {
		mode = 0o700
	}
	if err := errors.Join(os.Chmod(s.dir+"/sync.yaml", 0o644), os.Chmod(s.queue(), mode)); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = os.Chmod(s.queue(), 0o700) })
}

// write makes a file in the site's folder.
func (s *site) write(name, text string) {
	s.t.Helper()
	file := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// damage changes a byte of the queue's first file.
func (s *site) damage(at int) {
	s.t.Helper()
	files, err := filepath.Glob(filepath.Join(s.dir, "queue", "*.seg"))
	if err != nil || len(files) == 0 {
		s.t.Fatalf("%d files, %v", len(files), err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		s.t.Fatal(err)
	}
	text[at] ^= 1
	if err := os.WriteFile(files[0], text, 0o600); err != nil {
		s.t.Fatal(err)
	}
}
