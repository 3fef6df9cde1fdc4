package main

// Run is the program without a process of its own, for those tests that run it
// hundreds of times.
var Run = run
