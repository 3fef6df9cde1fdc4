package main_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"strings"
	"syscall"
	"testing"
)

// folderEvent is something that was done to a file of the queue.
type folderEvent int

const (
	fileWritten folderEvent = iota // to a segment
	fileMarked                     // a segment was marked as applied
	fileRemoved                    // a segment, or its mark
)

// folder tells of what is done in the queue's folder (inotify(7)).
type folder struct {
	file *os.File
	done chan struct{}
}

func watchFolder(t *testing.T, dir string, tell func(folderEvent)) *folder {
	t.Helper()
	fd, err := syscall.InotifyInit1(syscall.IN_NONBLOCK | syscall.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	f := &folder{os.NewFile(uintptr(fd), "inotify"), make(chan struct{})}
	if _, err := syscall.InotifyAddWatch(fd, dir, syscall.IN_MODIFY|syscall.IN_CREATE|syscall.IN_DELETE); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(f.done)
		f.read(tell)
	}()
	return f
}

func (f *folder) close() {
	_ = f.file.Close()
	<-f.done
}

func (f *folder) read(tell func(folderEvent)) {
	buf := make([]byte, 64<<10)
	for {
		n, err := f.file.Read(buf)
		if err != nil {
			return
		}
		for at := 0; at < n; {
			mask := binary.NativeEndian.Uint32(buf[at+4:])
			end := at + syscall.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(buf[at+12:]))
			name, _, _ := bytes.Cut(buf[at+syscall.SizeofInotifyEvent:end], []byte{0})
			at = end
			if e, ok := eventOf(mask, string(name)); ok {
				tell(e)
			}
		}
	}
}

func eventOf(mask uint32, name string) (e folderEvent, ok bool) {
	segment, mark := strings.HasSuffix(name, ".seg"), strings.HasSuffix(name, ".applied")
	switch {
	case segment && mask&syscall.IN_MODIFY != 0:
		return fileWritten, true
	case mark && mask&syscall.IN_CREATE != 0:
		return fileMarked, true
	case (segment || mark) && mask&syscall.IN_DELETE != 0:
		return fileRemoved, true
	}
	return 0, false
}
