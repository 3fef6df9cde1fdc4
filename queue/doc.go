// Package queue holds captured transactions durably between a source and a
// target, so that capture goes on while applying waits: for its hour, for a
// target that is away, for someone who paused it.
//
// [Queue] is the interface, [Disk] the default behind it, a log in a folder on a
// local disk that [Open] makes, and [Fill] captures into either. A queue of your
// own is checked against the contract by package queuetest.
//
// # What a Disk promises
//
//   - What Sync answered for is there after a kill, a crash of the machine, a
//     full disk or a cut of power, whole and in order. A transaction is visible
//     to the reader once its last piece is synced, and never in part.
//   - A transaction of any size takes little memory: it is written in pieces of
//     256 KiB as it comes in, and read in pieces as it is ranged over. A value
//     may be larger than a piece.
//   - One fsync makes any number of transactions and the mark durable. A Sync
//     with nothing new costs nothing. Where more than 8 MiB came since the last
//     one, the disk begins with them while more is taken in.
//   - A transaction that arrives again is compared with the one that is held,
//     and is refused where it differs.
//   - A queue that is full refuses, and says so by an error that is retryable;
//     what was applied and only kept for a while gives way before that.
//   - The folder and its files are for their owner alone (modes 0700 and 0600,
//     whatever the umask), and for one process at a time. Config.Key seals
//     what is in them besides: data of a sealed file that were changed or moved
//     by someone who could make the checksums right are refused. A whole file in
//     clear is not: there may have been no key when it was written.
//
// # How it tells a torn end from damage
//
// Every frame of the log has a checksum that is seeded with that of the frame
// before. After a crash the newest file may end in frames that are torn; they
// were never synced, and are dropped. What was synced is told apart by three
// things: a file is synced before the next one is begun, and the next one says
// where it ends; the first frame behind a Sync, which is written only once the
// Sync has succeeded, says that all before it was synced; and either of them
// behind a broken frame makes it damage, which is refused with the name of the
// file and the byte, wrapping [ErrDamaged]. Older files are verified as they are
// read.
//
// A sync that fails leaves it unknown what is on the disk. The queue then takes
// its log back to what the Sync before answered for, and refuses to go on until
// its writer starts again from there; the source still has the rest. A system
// tells of a failure once, and shows what it did not write as if it had: so Open
// writes anew what is behind the last frame that proves a sync, and syncs that.
//
// # Limits
//
//   - No later frame vouches for what the very last Sync before a crash covered.
//     Should it be damaged while the machine is down, it looks torn. The mark is
//     then behind what the source was told to forget, and the capturer refuses
//     with capture.ErrGap.
//   - What was applied goes a file at a time (128 MiB, or a sixteenth of
//     Config.Limit), the newest one never. A new file is begun after a quarter
//     of Config.KeepFor, an hour at least, so that little does not stay long; and
//     where a transaction is refused although all before it was applied, so that
//     it has room when it comes again. A disk that is smaller than a few files
//     therefore needs a lower Limit: otherwise applying makes no room on it
//     before all was applied.
//   - What a reader dropped is known to be free once it was garbage collected.
//   - Each transaction carries the definitions of the tables in it: some 20
//     bytes a column, each time.
//   - Without Config.Key the files are in clear.
//   - Network file systems are not supported: their locks and syncs promise
//     less.
//
// # Figures
//
// Bytes a second appended and synced, as a share of one sequential file that is
// given as many bytes of values, ready made, and is synced as often; changes of
// 300 bytes in 10 columns, on a virtual machine of 2 cores. The median of four
// runs, in brackets the sequential file against itself:
//
//	transactions of 10 changes, a sync behind each 10     0.95  (1.19)     120,000 changes/s
//	the same, a sync behind each 100                      0.84  (1.09)     760,000 changes/s
//	the same, a sync behind each 1,000                    0.64  (0.98)   1,840,000 changes/s
//	one transaction of 1,500,000 changes                  0.86  (0.63)   3,590,000 changes/s
//
// The file took 0.04 to 1.3 GB a second.
//
// And read back, on another day:
//
//	small transactions                                                   850,000 changes/s
//	the huge one                                                       1,900,000 changes/s
//
// What is missing from 1 is the making of bytes from changes, 0.1 to 0.2 µs each; a
// walsender sends some 60,000 to 90,000 a second. The command is
//
//	go test -run '^$' -bench '^BenchmarkAppend$' -count 4 -benchtime 3x ./queue >queue.txt && benchstat -col /store queue.txt
//
// # Why the log is our own
//
// Three stores were measured in the same way, given bytes ready made: raft-wal
// reached 0.25 to 0.7 of the file, and 0.4 to 0.6 with entries and batches made
// large where the disk is the limit; pebble 0.1 to 0.3; bbolt 0.1 to 0.3.
// raft-wal 0.4 is besides not safe enough for this. A page of zeros in the
// middle of its newest file made it open with 39 of 100 synced entries, without
// an error. A disk that was full when a file was begun left it refusing every
// write after there was room again, and it cannot be reopened in the same
// process, since Close keeps its metadata locked. So the log here is a thousand
// lines on the standard library, tested by random crashes and failing disks.
package queue
